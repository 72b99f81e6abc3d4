// Requests to the runtime's API.

export class Refused extends Error {}

export async function ask(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused("the runtime doesn't answer");
  }
  const text = await answer.text();
  if (!answer.ok) {
    let why = `${answer.status} ${answer.statusText}`;
    try { why = JSON.parse(text).error || why; } catch { /* no JSON: the status has to do */ }
    throw new Refused(why);
  }
  return answer.headers.get("Content-Type").startsWith("application/json") ? JSON.parse(text) : text;
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);

// For what the page can do without: where the runtime doesn't answer, a banner says so already.
export const getOrNull = (path) => get(path).catch(() => null);
