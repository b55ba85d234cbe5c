// The dialog in which each remark of the checks gets a reason why it does not count; null when the signer goes back.
import { say } from "./words.js";
export function askOverrides(remarks, how) {
  const dialog = document.getElementById("remarks");
  const place = dialog.querySelector("[data-remarks]");
  dialog.querySelector("h2").textContent = how === "sign" ? "Before you sign" : "Before it is released";
  place.replaceChildren();
  remarks.forEach((remark, index) => {
    const field = document.createElement("div"), label = document.createElement("label"), input = document.createElement("input");
    field.className = "field";
    label.htmlFor = input.id = "override-" + index;
    label.textContent = remark.sentence;
    input.required = true;
    input.maxLength = 250;
    input.placeholder = say("Why it does not count here");
    input.dataset.check = remark.check;
    field.append(label, input);
    place.append(field);
  });
  dialog.returnValue = "";
  dialog.showModal();
  place.querySelector("input")?.focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "ok") { document.getElementById(remarks[0].section)?.focus(); resolve(null); return; }
    resolve(Object.fromEntries([...place.querySelectorAll("input")].map((input) => [input.dataset.check, input.value])));
  }, { once: true }));
}
