// Short messages at the lower right; with an address to undo, for ten seconds.
import { say } from "./words.js";
const STAY = 5000, UNDO = 10000;
const ICONS = { success: "check", error: "circle-alert", info: "info", warning: "triangle-alert" };
const area = () => document.getElementById("toasts");
const sprite = () => document.querySelector(".rail svg use")?.getAttribute("href")?.split("#")[0] ?? "";

export function toast(text, level = "info", undo = "") {
  const element = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  element.classList.add(level);
  element.querySelector("use").setAttribute("href", sprite() + "#" + (ICONS[level] ?? "info"));
  element.querySelector("p").textContent = text;
  const button = element.querySelector("button");
  if (undo) {
    button.hidden = false;
    button.dataset.key = "z";
    button.dataset.keyName = "undo";
    button.dataset.keyLabel = say("Undo");
    button.addEventListener("click", () => { element.remove(); window.htmx.ajax("POST", undo, { swap: "none" }); });
  }
  area().append(element);
  leave(element, undo ? UNDO : level === "error" ? 2 * STAY : STAY);
}

function leave(element, after) {
  let timer = setTimeout(() => element.remove(), after);
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => { timer = setTimeout(() => element.remove(), 1500); });
}

export function startToasts() {
  for (const element of document.querySelectorAll("[data-toast]")) leave(element, STAY);
  document.body.addEventListener("toast", (event) => toast(event.detail.text, event.detail.level, event.detail.undo));
}
