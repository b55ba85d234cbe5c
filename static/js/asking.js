// Acts that need a reason: a form with data-ask opens a dialog first and carries the answer as "reason".
import { say } from "./words.js";
export function ask(question, { why = "", label = say("Reason"), needed = true, ok = say("Go on"), no = say("Leave it") } = {}) {
  const dialog = document.getElementById("ask");
  const input = dialog.querySelector("input");
  dialog.querySelector("h2").textContent = question;
  dialog.querySelector("[data-label]").textContent = label;
  dialog.querySelector("[data-ok]").textContent = ok;
  dialog.querySelector("[data-no]").textContent = no;
  const note = dialog.querySelector("[data-why]");
  note.textContent = why;
  note.hidden = !why;
  input.value = "";
  input.required = needed;
  input.closest(".field").hidden = label === "";
  if (label === "") input.required = false;
  dialog.returnValue = "";
  dialog.showModal();
  (label === "" ? dialog.querySelector("[data-ok]") : input).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok" ? input.value.trim() : null), { once: true });
  });
}

export function startAsking() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close("");
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const asker = event.submitter?.dataset.ask ? event.submitter : form;
    if (!asker.dataset.ask || form.dataset.asked) { delete form.dataset.asked; return; }
    event.preventDefault();
    event.stopPropagation();
    const label = asker.dataset.askLabel ?? say("Reason");
    const answer = await ask(asker.dataset.ask, { why: asker.dataset.askWhy ?? "", label, needed: asker.dataset.askOptional === undefined, ok: asker.dataset.askOk ?? say("Go on"), no: asker.dataset.askNo ?? say("Leave it") });
    if (answer === null) return;
    if (label !== "") {
      let input = form.querySelector("input[name=reason]");
      if (!input) { input = document.createElement("input"); input.type = "hidden"; input.name = "reason"; form.append(input); }
      input.value = answer;
    }
    form.dataset.asked = "1";
    form.requestSubmit(event.submitter ?? undefined);
  }, true);
}
