// One box for a patient, an accession number or a page, opened by Ctrl K; walked with the arrows, opened with Enter.
import { csrf } from "./csrf.js";

export function startGoTo() {
  const dialog = document.getElementById("go-to"), input = document.getElementById("go-to-text"), list = document.getElementById("go-to-found");
  if (!dialog) return;
  let timer = 0, asked = 0, shown = null;

  const options = () => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];
  function choose(option) {
    for (const other of options()) other.setAttribute("aria-selected", String(other === option));
    input.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  }
  async function find() {
    const ticket = ++asked, said = input.value;
    const answer = await fetch(list.dataset.url, { method: "POST", headers: { "X-CSRFToken": csrf(), "HX-Request": "true" }, body: new URLSearchParams({ q: said }) }).catch(() => null);
    if (!answer?.ok || ticket !== asked) return;
    shown = said;
    list.innerHTML = await answer.text();
    choose(options()[0]);
  }
  for (const button of document.querySelectorAll("[data-go-to]")) {
    button.addEventListener("click", () => { if (!dialog.open) { input.value = ""; shown = null; list.replaceChildren(); dialog.showModal(); input.focus(); find(); } });
  }
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 120); });
  list.addEventListener("click", (event) => { const option = event.target.closest("[data-url]"); if (option) location.assign(option.dataset.url); });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") { event.preventDefault(); dialog.close(); } // a search field would only empty itself
    const all = options(), at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(all[(at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length]); }
    if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(timer);
      if (input.value !== shown) await find(); // what was typed last counts, not what was found before
      options().find((option) => option.getAttribute("aria-selected") === "true")?.click();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
