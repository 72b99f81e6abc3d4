// Elements of the page: found, made, and changed only where what they show has changed. Text goes in as text, never as markup.

export const $ = (id) => document.getElementById(id);

export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null) element.setAttribute(key, value);
  }
  fill(element, ...children);
  return element;
}

export const button = (properties, ...children) => el("button", { type: "button", ...properties }, ...children);
export const problem = (error) => el("p", { class: "error" }, error.message);

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null));
}

// Fill the element anew if the key, which stands for what it shows, isn't that of the last time.
export function refill(element, key, children) {
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  fill(element, ...children());
}

// One child for each item: children keep their element by key, and only what is out of place moves. Without a key, items are known by place.
export function arrange(list, items, make, keyOf = (_, place) => place) {
  const there = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const children = items.map((item, place) => {
    const key = String(keyOf(item, place));
    const child = there.get(key) ?? make(item);
    child.dataset.key = key;
    there.delete(key);
    return child;
  });
  for (const gone of there.values()) gone.remove();
  children.forEach((child, place) => {
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
  });
  return children;
}

// What this browser remembers of its user's choices, if it remembers anything.
export const remembered = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* then it isn't remembered */ } },
};
