// The ConfigMaps, and the form that edits one.

import { ask, get, getOrNull, Refused } from "./api.js";
import { openAsk } from "./dialogs.js";
import { $, button, el, fill, put } from "./elements.js";
import { state } from "./state.js";
import { iso } from "./words.js";

const maps = { names: [], loaded: null, isNew: false };
const pathOf = (name) => `/api/configmaps/${encodeURIComponent(name)}`;

export async function loadMaps() {
  const names = await getOrNull("/api/configmaps");
  if (!names) return;
  maps.names = names;
  const choice = $("map-choice");
  const before = maps.loaded?.name ?? choice.value;
  fill(choice, ...names.map(({ name }) => el("option", { value: name }, name)));
  choice.hidden = names.length === 0;
  $("no-maps").hidden = names.length > 0 || isDirty();
  choice.value = before; // to which one comes back from a new one
  if (isDirty()) return; // what was typed stays, also where somebody else has deleted its map
  const named = (wanted) => names.find(({ name }) => name === wanted);
  const wanted = named(before) ?? named(preferred()) ?? names[0];
  if (!wanted) {
    $("map-form").hidden = true;
    maps.loaded = null;
    return;
  }
  if (maps.loaded?.name !== wanted.name || maps.loaded.updated_at !== wanted.updated_at) await loadMap(wanted.name);
}

// The one from which most of the arguments come.
function preferred() {
  const names = Object.values(state.status?.arguments ?? {}).map(({ source }) => /^ConfigMap ([^/]+)\//.exec(source)?.[1]).filter(Boolean);
  const count = (name) => names.filter((other) => other === name).length;
  return names.sort((one, other) => count(other) - count(one))[0];
}

async function loadMap(name) {
  try {
    maps.loaded = await get(pathOf(name));
  } catch (error) {
    put($("map-error"), error.message);
    return;
  }
  maps.isNew = false;
  $("map-choice").value = name;
  showMap(maps.loaded.data);
}

function showMap(data) {
  $("map-form").hidden = false;
  $("map-name-row").hidden = !maps.isNew;
  $("map-delete").hidden = maps.isNew;
  $("no-maps").hidden = true;
  put($("map-error"), "");
  fill($("map-rows"), ...Object.entries(data).map(([key, value]) => mapRow(key, value)));
  if (!$("map-rows").children.length) addKey();
  put($("map-said"), maps.loaded && !maps.isNew ? `Changed ${iso(maps.loaded.updated_at)}. What is saved applies at the next tick.` : "");
  showDirty();
}

function mapRow(key, value) {
  const field = (name, kind, placeholder, label) => el(name, { class: kind, placeholder, "aria-label": label, autocomplete: "off", spellcheck: "false" });
  const keyInput = field("input", "key", "key", "Key");
  keyInput.value = key;
  const long = /[\r\n]/.test(value);
  const valueInput = field(long ? "textarea" : "input", "value", "value", `Value of ${key || "the new key"}`);
  if (long) valueInput.rows = Math.min(8, value.split("\n").length);
  valueInput.value = value;
  // A field drops carriage returns: a value that wasn't touched is saved as it came.
  Object.assign(valueInput, { came: value, shown: valueInput.value });
  keyInput.addEventListener("input", () => valueInput.setAttribute("aria-label", `Value of ${keyInput.value || "the new key"}`));
  const onclick = () => {
    row.remove();
    showDirty();
  };
  const remove = button({ class: "icon quiet", "aria-label": "Remove this key", title: "Remove this key", onclick }, "✕");
  const row = el("tr", {}, ...[keyInput, valueInput, remove].map((inside) => el("td", {}, inside)));
  return row;
}

function addKey() {
  const row = mapRow("", "");
  $("map-rows").append(row);
  return row;
}

function entered() {
  const data = {};
  for (const row of $("map-rows").children) {
    const key = row.querySelector(".key").value.trim(), input = row.querySelector(".value");
    const value = input.value === input.shown ? input.came : input.value;
    if (!key && !value) continue;
    if (!key) throw new Refused(`a key is missing for the value '${value}'`);
    if (Object.hasOwn(data, key)) throw new Refused(`the key '${key}' is there twice`);
    Object.defineProperty(data, key, { value, enumerable: true }); // also where the key is __proto__
  }
  return data;
}

function isDirty() {
  if (maps.isNew || !maps.loaded) return maps.isNew;
  const text = (data) => JSON.stringify(Object.entries(data).sort());
  try {
    return text(entered()) !== text(maps.loaded.data);
  } catch {
    return true;
  }
}

// Do what shows something else instead, once it is clear that what was typed may go.
function leaveMap(go) {
  const rows = [...document.querySelectorAll("#map-name, #map-rows input, #map-rows textarea")];
  if (!(maps.isNew ? rows.some((input) => input.value.trim()) : isDirty())) return go();
  const name = maps.isNew ? $("map-name").value.trim() || "The new ConfigMap" : maps.loaded.name;
  openAsk({
    title: "Leave without saving?",
    text: `${name} ${maps.isNew ? "isn't saved yet: what was typed would be lost." : "has changes that aren't saved: they would be lost."}`,
    yes: "Discard them",
    danger: true,
    act: () => {
      $("ask").close(); // first, since it gives the focus back
      return go();
    },
  });
}

function showDirty() {
  $("map-save").disabled = $("map-revert").disabled = !isDirty();
}

async function saveMap(event) {
  event.preventDefault();
  put($("map-error"), "");
  const name = maps.isNew ? $("map-name").value.trim() : maps.loaded.name;
  try {
    const data = entered();
    if (!name) throw new Refused("the ConfigMap has no name yet");
    const present = (await get("/api/configmaps")).find((one) => one.name === name);
    if (maps.isNew && present) throw new Refused(`there is a ConfigMap '${name}' already`);
    if (!maps.isNew && !present && maps.loaded.updated_at !== null) {
      maps.loaded.updated_at = null;
      throw new Refused("somebody else has deleted it meanwhile: save again to make it anew");
    }
    if (!maps.isNew && present && present.updated_at !== maps.loaded.updated_at) {
      maps.loaded = await get(pathOf(name));
      throw new Refused("somebody else has changed it meanwhile: save again to put yours in its place, or revert to see theirs");
    }
    maps.loaded = await ask("PUT", pathOf(name), { data });
    maps.isNew = false;
    showMap(maps.loaded.data);
    await loadMaps();
    put($("map-said"), "Saved; it applies at the next tick.");
  } catch (error) {
    put($("map-error"), error.message);
  }
}

// Show that key of that ConfigMap, ready to be typed over.
export function openMap(name, key) {
  if (!maps.isNew && maps.loaded?.name === name) return showKey(key);
  leaveMap(async () => {
    await loadMap(name);
    if (maps.loaded?.name === name) showKey(key);
  });
}

function showKey(key) {
  const row = [...$("map-rows").children].find((one) => one.querySelector(".key").value === key);
  const input = row?.querySelector(".value");
  input?.scrollIntoView({ block: "center" });
  input?.focus();
  input?.select();
}

$("map-form").addEventListener("submit", saveMap);
$("map-form").addEventListener("input", showDirty);
$("map-add").addEventListener("click", () => addKey().querySelector(".key").focus());
$("map-revert").addEventListener("click", () => {
  maps.isNew = false;
  if (maps.loaded) showMap(maps.loaded.data);
  else $("map-form").hidden = true;
  loadMaps();
});
$("map-choice").addEventListener("change", (event) => {
  const { value } = event.target;
  event.target.value = maps.loaded?.name ?? ""; // until the other one is there
  leaveMap(() => loadMap(value));
});
$("map-new").addEventListener("click", () => leaveMap(() => {
  maps.isNew = true;
  $("map-name").value = "";
  showMap({});
  $("map-name").focus();
}));
$("map-delete").addEventListener("click", () => openAsk({
  title: "Delete this ConfigMap?",
  text: `${maps.loaded.name} is gone for good. Arguments that come from it keep their last good values until the runtime ends.`,
  yes: "Delete",
  danger: true,
  act: async () => {
    await ask("DELETE", pathOf(maps.loaded.name), {});
    maps.loaded = null;
    await loadMaps();
  },
}));
