// Keys for everything. An element with data-key is clicked by that key; inside a row, only in the chosen row.
// People may change any key or switch single keys off (profile page, kept in this browser).
import { say } from "./words.js";
const STORE = "wetread.keys";
export const settings = () => { try { return { off: false, map: {}, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") }; } catch { return { off: false, map: {} }; } };
export const store = (value) => localStorage.setItem(STORE, JSON.stringify(value));

export function combo(event) {
  // With Alt, macOS and some layouts type another character: the place of the key on the keyboard counts then.
  const letterKey = event.altKey ? event.code?.match(/^(?:Key|Digit)(.)$/)?.[1] : undefined;
  const key = (letterKey ?? event.key).toLowerCase();
  const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  return (event.ctrlKey || event.metaKey ? "ctrl+" : "") + (event.altKey ? "alt+" : "")
    + (event.shiftKey && (letter || event.key.length > 1) ? "shift+" : "") + key;
}

const single = (key) => !/^(ctrl|alt)\+|^f\d+$|^shift\+f\d+$/.test(key);
const writing = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
const keyOf = (element, map) => map[element.dataset.keyName] || element.dataset.key;
const shown = (element) => element.checkVisibility?.({ visibilityProperty: true }) ?? element.offsetParent !== null;
export const chosenRow = () => document.querySelector("[data-row][data-chosen]");

function reachable(element) {
  const row = element.closest("[data-row]");
  return !row || row === chosenRow();
}

export const names = (element) => element.dataset.keyLabel || element.getAttribute("aria-label") || element.title || element.textContent.replace(/\s+/g, " ").trim();

export function startKeys() {
  let going = 0;
  const now = settings();
  document.documentElement.dataset.keys = now.off ? "off" : "on";
  label(document);
  document.addEventListener("htmx:load", (event) => label(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const { off, map } = settings();
    const key = combo(event);
    if (single(key) && (off || writing(event.target) || event.ctrlKey || event.metaKey || event.altKey)) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog && single(key)) return;
    if (key === "g" && !event.repeat) { going = Date.now(); return; }
    if (Date.now() - going < 1500) {
      going = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (key === "?") { event.preventDefault(); help(); return; }
    if (key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select?.(); return; }
    }
    const all = [...document.querySelectorAll("[data-key]")].filter((e) => keyOf(e, map) === key && reachable(e) && !e.disabled);
    const element = all.find((e) => e.closest("[data-row]")) ?? all.filter(shown).at(-1) ?? all.at(-1);
    if (element) { event.preventDefault(); act(element); }
  });
  for (const button of document.querySelectorAll("[data-keys-help]")) button.addEventListener("click", help);
}

function act(element) {
  if (element.matches("input:not([type=checkbox]), textarea, select, [data-key-focus]")) element.focus(); else element.click();
}

function label(root) {
  const { map } = settings();
  for (const element of root.querySelectorAll?.("[data-key]") ?? []) {
    const hint = element.querySelector("kbd");
    if (hint) hint.textContent = pretty(keyOf(element, map));
    element.setAttribute("aria-keyshortcuts", ariaKeys(keyOf(element, map)));
  }
}

const ariaKeys = (key) => key.split("+").map((part) => ({ ctrl: "Control", enter: "Enter", alt: "Alt", shift: "Shift" }[part] ?? part)).join("+");
export const pretty = (key) => key.split("+").map((part) => ({ enter: "⏎", ctrl: "Ctrl", alt: "Alt", shift: "⇧", escape: "Esc" }[part] ?? (part.length === 1 || /^f\d/.test(part) ? part.toUpperCase() : part))).join(" ");

function help() {
  const dialog = document.getElementById("keys");
  const list = dialog.querySelector(".keylist");
  list.replaceChildren();
  const { map, off } = settings();
  const seen = new Set();
  const add = (key, text) => {
    if (seen.has(key + text)) return;
    seen.add(key + text);
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    for (const part of key.split(" then ")) { const kbd = document.createElement("kbd"); kbd.textContent = pretty(part); dt.append(kbd, " "); }
    dd.textContent = text;
    list.append(dt, dd);
  };
  if (off) add("?", say("Single keys are switched off in your profile; chords work."));
  if (document.querySelector("[data-rows]")) { add("j", say("Next row")); add("k", say("Previous row")); add("enter", say("Open the row")); }
  for (const element of document.querySelectorAll("[data-key]")) if (reachable(element) || !chosenRow()) add(keyOf(element, map), names(element));
  if (document.querySelector("[data-search]")) add("/", say("Search"));
  for (const link of document.querySelectorAll("[data-go]")) add("g then " + link.dataset.go, link.title);
  add("?", say("This help"));
  dialog.showModal();
}
