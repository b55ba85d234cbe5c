// The reading room. The text on the screen belongs to the hand that types: nothing here ever redraws it.
import { edit } from "./report_editor.js";
import { sendOrphans } from "./report_words.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const room = document.querySelector(".room");
const form = document.getElementById("editor");

document.addEventListener("click", (event) => {
  const compare = event.target.closest("[data-compare]");
  if (!compare) return;
  const field = document.getElementById("comparison");
  if (!field) { toast(say("Claim the case first."), "info"); return; }
  field.value = [field.value.trim(), compare.dataset.compare].filter(Boolean).join(" ");
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

if (form) edit(room, form); else sendOrphans(room);
