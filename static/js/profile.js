// Keys on the profile page: every named action, its default, and what this person made of it.
import { combo, pretty, settings, store } from "./keys.js";

const ACTIONS = [
  ["next-case", "Next case", "n"], ["claim", "Claim", "c"], ["release", "Release", "r"], ["skip", "Skip", "s"], ["park", "Park", "p"],
  ["take-over", "Take over", "t"], ["peek", "Details", "d"], ["undo", "Undo", "z"], ["arrive", "Arrive", "a"], ["start", "Start exam", "s"],
  ["complete", "Complete exam", "c"], ["new-order", "New order", "o"], ["sign", "Sign", "ctrl+enter"], ["preliminary", "Preliminary", "ctrl+shift+enter"],
  ["field-technique", "To technique", "f2"], ["field-comparison", "To comparison", "f3"], ["field-findings", "To findings", "f4"], ["field-impression", "To impression", "f6"], ["field-critical", "To the critical finding", "f8"], ["correct", "Correct a report", "e"], ["viewer", "Open the viewer", "alt+v"],
];
const list = document.getElementById("key-map");
const off = document.getElementById("keys-off");

function draw() {
  const now = settings();
  off.checked = now.off;
  list.replaceChildren();
  for (const [name, text, key] of ACTIONS) {
    const dt = document.createElement("dt"), dd = document.createElement("dd"), input = document.createElement("input");
    dt.textContent = text;
    input.type = "text";
    input.readOnly = true;
    input.value = now.map[name] ? pretty(now.map[name]) : "";
    input.setAttribute("aria-label", text + ": key");
    input.placeholder = pretty(key);
    input.addEventListener("keydown", (event) => {
      if (["Tab", "Shift", "Control", "Alt", "Meta", "Escape"].includes(event.key)) return;
      event.preventDefault();
      const value = settings();
      if (event.key === "Backspace" || event.key === "Delete") delete value.map[name]; else value.map[name] = combo(event);
      store(value);
      input.value = value.map[name] ? pretty(value.map[name]) : "";
    });
    dd.append(input);
    list.append(dt, dd);
  }
}
off.addEventListener("change", () => { store({ ...settings(), off: off.checked }); document.documentElement.dataset.keys = off.checked ? "off" : "on"; });
document.getElementById("keys-reset").addEventListener("click", () => { store({ off: off.checked, map: {} }); draw(); });
draw();
