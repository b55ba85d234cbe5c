// Whoever fills in a form for a time that was chosen in the calendar keeps it while they type.
const form = document.querySelector("[data-hold]");
let renewed = Date.now();
form?.addEventListener("input", () => {
  if (Date.now() - renewed < 60000) return;
  renewed = Date.now();
  fetch(form.dataset.hold, { method: "POST", headers: { "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content, "HX-Request": "true" } }).catch(() => {});
});
