// The record of who was told: its dialog closes when it was taken, and is fresh for the next.
const form = document.querySelector("form[data-communication]");
form?.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  form.closest("dialog").close();
  form.reset();
});

// A listed finding that is chosen brings its level along.
const finding = document.getElementById("critical_finding"), level = document.getElementById("critical_level");
finding?.addEventListener("change", () => {
  const chosen = [...(finding.list?.options ?? [])].find((option) => option.value === finding.value);
  if (!chosen || level.value) return;
  level.value = chosen.dataset.level;
  level.dispatchEvent(new Event("input", { bubbles: true }));
});
