// The reading room around the report: the viewer, hand-over, and claims that live while somebody looks at images.
import { toast } from "./toasts.js";

document.addEventListener("click", (event) => {
  const none = event.target.closest("[data-no-viewer]");
  if (none) toast(none.dataset.noViewer, "info");
});

// Opening the viewer is a sign of work on the case, as typing is: room.js keeps the claim alive for it.
document.addEventListener("click", (event) => { if (event.target.closest("[data-viewer]")) dispatchEvent(new Event("wetread:viewer")); });
