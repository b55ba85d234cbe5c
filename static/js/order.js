// Order entry: the catalog's combobox. Arrows choose, Enter takes; a change of site draws the chosen ones again.
const input = document.getElementById("code");
const options = document.getElementById("options");
const picked = document.getElementById("picked");
const site = document.getElementById("site");
const all = () => [...options.querySelectorAll("[role=option]")];
const current = () => options.querySelector("[aria-selected=true]");

function mark(option) {
  for (const other of all()) other.setAttribute("aria-selected", String(other === option));
  if (option) { input.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); } else input.removeAttribute("aria-activedescendant");
}

async function fetchPicked(url, query) {
  const answer = await fetch(url + "?" + new URLSearchParams(query), { headers: { "HX-Request": "true" } });
  const held = document.createElement("template");
  held.innerHTML = answer.ok ? await answer.text() : "";
  return held.content.firstElementChild;
}

async function take(option) {
  const element = await fetchPicked(option.dataset.pick, { site: site.value });
  if (element && !picked.querySelector(`[data-picked="${element.dataset.picked}"]`)) picked.append(element);
  input.value = "";
  clear();
  input.focus();
}

function clear() { options.replaceChildren(); input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); }

input.addEventListener("keydown", (event) => {
  const list = all(), at = list.indexOf(current());
  if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); mark(list[Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), list.length - 1)]); }
  else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); if (current()) take(current()); }
  else if (event.key === "Escape") clear();
  else if (event.key === "Backspace" && !input.value) picked.lastElementChild?.remove();
});
document.addEventListener("htmx:afterSwap", (event) => { if (event.target === options) { input.setAttribute("aria-expanded", String(all().length > 0)); mark(current()); } });
options.addEventListener("click", (event) => { const option = event.target.closest("[role=option]"); if (option) take(option); });
picked.addEventListener("click", (event) => { if (event.target.closest("[data-drop]")) { event.target.closest("[data-picked]").remove(); input.focus(); } });
site.addEventListener("change", async () => {
  for (const old of [...picked.children]) {
    const element = await fetchPicked(old.dataset.pick, { site: site.value, ["side-" + old.dataset.picked]: old.querySelector("select").value });
    if (element) old.replaceWith(element);
  }
});
