// Dialogs of the room whose form stays on the page: who was told, and a follow-up. Each closes when it was taken, and is
// fresh for the next.
for (const form of document.querySelectorAll("form[data-fresh-when-sent]")) {
  form.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    form.closest("dialog").close();
    form.reset();
    form.elements.quote?.setAttribute("value", "");
    form.elements.source?.setAttribute("value", "form");
  });
}

// A listed finding that is chosen brings its level along.
const finding = document.getElementById("critical_finding"), level = document.getElementById("critical_level");
finding?.addEventListener("change", () => {
  const chosen = [...(finding.list?.options ?? [])].find((option) => option.value === finding.value);
  if (!chosen || level.value) return;
  level.value = chosen.dataset.level;
  level.dispatchEvent(new Event("input", { bubbles: true }));
});

// An offer that is edited: its words into the dialog.
document.addEventListener("click", (event) => {
  const offered = event.target.closest("[data-follow-up-edit]")?.closest("form");
  if (!offered) return;
  const dialog = document.getElementById("follow-up"), form = dialog.querySelector("form");
  for (const box of offered.elements) if (box.name && box.name !== "csrfmiddlewaretoken" && form.elements[box.name]) form.elements[box.name].value = box.value;
  dialog.showModal();
});
