// A page that reads itself again every few seconds while nobody works in it.
import { choose } from "./rows.js";
import { tick } from "./clocks.js";

const EVERY = 4000;
setInterval(async () => {
  const area = document.querySelector("[data-refresh]");
  if (!area || document.hidden || document.querySelector("dialog[open]")) return;
  const answer = await fetch(area.dataset.refresh, { headers: { "X-By-Itself": "1" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(area.id);
  if (!fresh || fresh.innerHTML === area.innerHTML) return;
  const chosen = area.querySelector("[data-chosen]")?.id;
  const focused = area.contains(document.activeElement);
  const scroller = area.querySelector(".scroller"), top = scroller?.scrollTop ?? 0;
  area.replaceChildren(...fresh.childNodes);
  window.htmx.process(area);
  tick(area);
  const again = area.querySelector(".scroller");
  if (again) again.scrollTop = top;
  const row = chosen && document.getElementById(chosen);
  if (row) choose(row, { focus: focused });
}, EVERY);
