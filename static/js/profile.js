// Keys on the profile page: every named action, its default, and what this person made of it.
import { combo, pretty, settings, store } from "./keys.js";

const TABLE = JSON.parse(document.getElementById("key-table").textContent);
const clash = document.getElementById("key-clash");
const list = document.getElementById("key-map");
const off = document.getElementById("keys-off");

function draw() {
  const now = settings();
  off.checked = now.off;
  list.replaceChildren();
  for (const action of TABLE.keys) {
    const { name, label: text, key } = action;
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
      const value = settings(), wanted = combo(event);
      const clears = event.key === "Backspace" || event.key === "Delete";
      const against = clears ? "" : refusal(action, wanted, value.map);
      clash.hidden = !against;
      clash.textContent = against;
      if (against) return;
      if (clears) delete value.map[name]; else value.map[name] = wanted;
      store(value);
      input.value = value.map[name] ? pretty(value.map[name]) : "";
    });
    dd.append(input);
    list.append(dt, dd);
  }
}
// Why an action may not have a key: it is reserved, or another action of the same screen has it. Empty: it may.
function refusal(action, key, map) {
  if (TABLE.reserved[key]) return `${pretty(key)} is for ${TABLE.reserved[key]} on every page. Choose another key.`;
  const other = TABLE.keys.find((one) => one.name !== action.name && (map[one.name] || one.key) === key && one.screens.some((screen) => action.screens.includes(screen)));
  return other ? `${pretty(key)} is for “${other.label}” already. Choose another key, or change that one first.` : "";
}
off.addEventListener("change", () => { store({ ...settings(), off: off.checked }); document.documentElement.dataset.keys = off.checked ? "off" : "on"; });
document.getElementById("keys-reset").addEventListener("click", () => { store({ off: off.checked, map: {} }); draw(); });
draw();
