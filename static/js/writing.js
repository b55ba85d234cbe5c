// Templates, macros and merge fields in the room: words go into plain textareas as if typed, so undo and autosave know them.
import { csrf } from "./csrf.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const bar = document.getElementById("writing");
const form = document.getElementById("editor");
const SECTIONS = ["technique", "comparison", "findings", "impression"];
const PLACE = /\[[^[\]\n]*____\]|\[[ _.?*]*\]/g;
const areas = SECTIONS.map((name) => document.getElementById(name)).filter((area) => area && form?.contains(area));
let known = new Set(), last = document.getElementById("findings"), listening = false;
if (bar && form) start();

function start() {
  const why = bar.querySelector("[data-why]");
  form.addEventListener("focusin", (event) => { if (areas.includes(event.target)) last = event.target; });

  bar.querySelector("[data-normal]").addEventListener("click", () => insert({ kind: "normal" }));
  bar.querySelector("[data-next-field]").addEventListener("click", () => go(1) || toast(say("No field is left to fill in."), "info"));
  bar.querySelector("[data-previous-field]").addEventListener("click", () => go(-1));
  const choose = (name, fields) => {
    const list = bar.querySelector(`[data-${name}]`);
    list.addEventListener("change", async () => {
      const value = list.value;
      list.value = "";
      if (value) await insert(fields(value));
    });
    return list;
  };
  const templates = choose("template", (template) => ({ kind: "template", template }));
  const merges = choose("merge", (name) => ({ kind: "merge", name, section: last.name }));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.ctrlKey || event.altKey || event.isComposing || !areas.includes(event.target)) return;
    const macro = event.shiftKey ? null : triggerBefore(event.target);
    if (macro) { event.preventDefault(); expand(event.target, macro); return; }
    // Tab goes through the fields while there are any, and then on to the next control as everywhere.
    if (go(event.shiftKey ? -1 : 1)) event.preventDefault();
  });
  const findings = bar.querySelector("[data-ai]");
  findings.addEventListener("change", async () => {
    const value = findings.value;
    findings.value = "";
    if (!value) return;
    const { accept, vendor, code } = JSON.parse(value);
    const decided = await call(bar.dataset.findings, { accept, vendor, code, section: last.name });
    if (decided?.text) put(last, last.selectionStart, last.selectionEnd, decided.text);
    load();
  });
  bar.querySelector("[data-compute]").addEventListener("click", async () => {
    const before = Object.fromEntries(areas.map((area) => [area.name, area.value]));
    const done = await call(bar.dataset.computed, { sections: before });
    for (const area of done ? areas : []) if (area.value === before[area.name] && done.sections[area.name] !== area.value) put(area, 0, area.value.length, done.sections[area.name]);
  });
  addEventListener("focus", load);
  load();

  async function load() {
    const answer = await fetch(bar.dataset.help, { headers: { Accept: "application/json", "X-By-Itself": "1" } }).catch(() => null);
    if (!answer?.ok) return;
    const help = await answer.json();
    fill(templates, help.templates.map((row) => [row.id, `${row.title} (${row.reason})`]));
    fill(merges, help.merge.filter((row) => row.text).map((row) => [row.name, `${row.title}: ${row.text.slice(0, 60)}`]));
    fill(findings, help.ai.filter((row) => !row.decision).flatMap((row) => [true, false].map((accept) => [JSON.stringify({ accept, vendor: row.vendor, code: row.code }), (accept ? "Take over: " : "Reject: ") + row.text])));
    findings.hidden = findings.options.length < 2;
    if (help.dictation && !listening) { listening = true; import("./dictation.js").then((module) => module.listen(help.dictation)); }
    known = new Set(help.macros.map((row) => row.trigger));
    if (help.templates.length && !why.textContent) why.textContent = `${help.templates[0].title}: ${help.templates[0].reason}`;
    stale(help.stale);
  }

  function fill(list, rows) {
    list.replaceChildren(list.options[0], ...rows.map(([value, text]) => new Option(text, value)));
  }

  function stale(rows) {
    const note = document.getElementById("writing-stale");
    const place = note.querySelector("[data-stale]");
    note.hidden = rows.length === 0;
    place.replaceChildren(...rows.map((row) => {
      const line = document.createElement("div"), button = document.createElement("button");
      line.append(`${row.title} has changed since it was inserted: “${row.was}” is now “${row.now || "not known"}”. `);
      button.type = "button";
      button.className = "btn small";
      button.textContent = say("Replace it");
      button.addEventListener("click", async () => {
        const area = areas.find((one) => one.name === row.section) ?? areas.find((one) => one.value.includes(row.was));
        const at = area ? area.value.indexOf(row.was) : -1;
        if (at < 0) return;
        if (row.now) await post({ kind: "merge", name: row.name, section: area.name });
        put(area, at, at + row.was.length, row.now);
        line.remove();
        note.hidden = place.children.length === 0;
      });
      if (row.section) line.append(button);
      return line;
    }));
  }

  async function post(fields) {
    const headers = { "X-CSRFToken": csrf(), Accept: "application/json" };
    const answer = await fetch(bar.dataset.insert, { method: "POST", headers, body: new URLSearchParams(fields) }).catch(() => null);
    const body = await answer?.json().catch(() => ({}));
    if (answer?.ok) return body;
    toast(body?.detail ?? say("Not inserted: no connection."), "error");
    return null;
  }

  async function call(url, body) {
    const headers = { "X-CSRFToken": csrf(), Accept: "application/json", "Content-Type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
    const said = await answer?.json().catch(() => ({}));
    if (answer?.ok) return said;
    toast(said?.detail ?? say("Not done: no connection."), "error");
    return null;
  }

  async function insert(fields) {
    const inserted = await post(fields);
    if (!inserted) return;
    if (inserted.reason) why.textContent = `${inserted.title}: ${inserted.reason}`;
    const whole = fields.kind === "normal" || fields.kind === "template";
    for (const [name, text] of Object.entries(inserted.sections)) {
      const area = document.getElementById(name);
      if (!area || area.readOnly) continue;
      if (whole) { const end = area.value.length; put(area, end, end, (area.value.trim() ? "\n" : "") + text); }
      else put(area, area.selectionStart, area.selectionEnd, text);
    }
    if (whole) { const first = areas.find((area) => area.value.match(PLACE)); if (first) { first.focus(); first.setSelectionRange(0, 0); go(1); } }
  }

  async function expand(area, { trigger, start, end }) {
    const inserted = await post({ kind: "macro", name: trigger, section: area.name });
    if (!inserted || area.value.slice(start, end) !== "." + trigger) return;
    const text = inserted.sections[area.name];
    put(area, start, end, text);
    if (text.match(PLACE)) { area.setSelectionRange(start, start); go(1); }
  }

  function triggerBefore(area) {
    if (area.selectionStart !== area.selectionEnd) return null;
    const match = area.value.slice(0, area.selectionStart).match(/(^|\s)\.([a-z0-9][a-z0-9_-]{1,31})$/);
    if (!match || !known.has(match[2])) return null;
    return { trigger: match[2], start: area.selectionStart - match[2].length - 1, end: area.selectionStart };
  }
}

// Selects the next (or previous) place to fill in, from the caret on and around all sections; typing replaces it.
export function go(step) {
  const places = areas.flatMap((area, n) => [...area.value.matchAll(PLACE)].map((match) => ({ area, n, start: match.index, end: match.index + match[0].length })));
  if (!places.length) return false;
  const here = areas.indexOf(document.activeElement) >= 0 ? document.activeElement : last;
  const n = areas.indexOf(here), from = here.selectionStart, to = here.selectionEnd;
  const after = places.filter((p) => p.n > n || (p.n === n && p.start >= (from === to ? from : to)));
  const before = places.filter((p) => p.n < n || (p.n === n && p.end <= from));
  const place = step > 0 ? after[0] : before.at(-1);
  if (!place) return false;
  place.area.focus();
  place.area.setSelectionRange(place.start, place.end);
  return true;
}

export function put(area, start, end, text) {
  area.focus();
  area.setSelectionRange(start, end);
  // insertText keeps the browser's undo; where it is not there the value is set and the draft told.
  if (!document.execCommand(text ? "insertText" : "delete", false, text)) {
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
