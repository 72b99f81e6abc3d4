// The two dialogs: one asks before something is done, the other shows a log or a record.

import { $, fill, put, remembered } from "./elements.js";

const FIELDS = ["workers", "for", "reason", "by"];
let asked = null;
let following = null;

// Ask a question. *fields* says what has to be filled in; *act* gets that, and may throw what is then shown.
export function openAsk({ title, text, yes, act, danger = false, fields = [], workers }) {
  asked = { act, fields };
  put($("ask-title"), title);
  put($("ask-text"), text);
  put($("ask-yes"), yes);
  $("ask-yes").className = danger ? "danger-full" : "primary";
  put($("ask-error"), "");
  for (const field of FIELDS) $(`ask-${field}-row`).hidden = !fields.includes(field);
  $("ask-reason").value = "";
  $("ask-by").value = remembered.get("by") ?? "";
  if (workers !== undefined) $("ask-workers").value = String(workers);
  $("ask").showModal();
  $(fields.includes("workers") ? "ask-workers" : fields.includes("reason") ? "ask-reason" : "ask-no").focus();
}

$("ask-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [workers, lasts, reason, by] = FIELDS.map((field) => $(`ask-${field}`).value.trim());
  if (asked.fields.includes("by")) remembered.set("by", by);
  const answers = {
    workers: /^\d+$/.test(workers) ? Number(workers) : workers,
    for: lasts === "" ? null : Number(lasts),
    reason,
    by: by || "the page",
  };
  $("ask-yes").disabled = true;
  try {
    await asked.act(Object.fromEntries(asked.fields.map((field) => [field, answers[field]])));
    $("ask").close();
  } catch (error) {
    put($("ask-error"), error.message);
  } finally {
    $("ask-yes").disabled = false;
  }
});
$("ask-no").addEventListener("click", () => $("ask").close());

// Show something; its place, which is to be filled.
export function openShow(title) {
  clearInterval(following);
  put($("show-title"), title);
  $("show-follow-row").hidden = true;
  const body = $("show-body");
  fill(body);
  if (!$("show").open) $("show").showModal();
  return body;
}

// Load what is shown, and again every two seconds as long as that is wished.
export function follow(load) {
  $("show-follow-row").hidden = false;
  load();
  following = setInterval(() => $("show-follow").checked && load(), 2000);
}

$("show-close").addEventListener("click", () => $("show").close());
$("show").addEventListener("close", () => clearInterval(following));
