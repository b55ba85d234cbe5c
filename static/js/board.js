// The device board: read again every few seconds and after each move; the chosen card stays chosen, lanes stay scrolled.
import { wallClock } from "./clocks.js";
import { choose } from "./rows.js";
import { leaveIfSignedOut } from "./signed_out.js";

const board = document.getElementById("board");
const peek = document.getElementById("peek");
const badge = document.querySelector("[data-board-live]");
const EVERY = 3000, PATIENCE = 7500;
let heard = Date.now(), reading = false, again = false, last = "", mark = "";

async function read() {
  if (reading) { again = true; return; }
  reading = true;
  try {
    const answer = await fetch(board.dataset.url, { cache: "no-store", headers: { "HX-Request": "true", "X-By-Itself": "1", ...(mark ? { "If-None-Match": mark } : {}) } });
    if (answer.status === 304) heard = Date.now();
    if (answer.status === 401 && await leaveIfSignedOut()) return;
    if (answer.ok) { heard = Date.now(); mark = answer.headers.get("ETag") ?? ""; draw(await answer.text()); }
  } catch { /* the badge tells */ }
  reading = false;
  if (again) { again = false; read(); }
}

function draw(html) {
  if (html === last) return;
  last = html;
  const chosen = board.querySelector("[data-chosen]")?.id;
  const focused = board.contains(document.activeElement);
  const scrolled = [...board.querySelectorAll(".lane ol")].map((lane) => lane.scrollTop);
  board.innerHTML = html;
  window.htmx.process(board);
  board.querySelectorAll(".lane ol").forEach((lane, index) => { lane.scrollTop = scrolled[index] ?? 0; });
  const card = chosen && document.getElementById(chosen);
  if (card) choose(card, { focus: focused });
}

// Below 1181 px what is known of the exam is a drawer, on a phone a sheet from below; it opens with a touch of the card.
board?.addEventListener("click", (event) => {
  const card = event.target.closest("[data-row]");
  if (card && !event.target.closest("a, button")) { peek.dataset.open = ""; window.htmx.ajax("GET", card.dataset.peek, { target: peek, swap: "innerHTML" }); }
});
document.addEventListener("click", (event) => { if (event.target.closest("[data-drawer-close]")) delete peek.dataset.open; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") delete peek.dataset.open; });
document.body.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful && event.target.matches("[data-closes]")) event.target.closest("dialog").close(); });

let looked = "";
board?.addEventListener("chosen", (event) => {
  const url = event.target.dataset.peek + "?" + event.target.className;
  if (url === looked) return;
  looked = url;
  if (getComputedStyle(peek).display !== "none") window.htmx.ajax("GET", event.target.dataset.peek, { target: peek, swap: "innerHTML" });
});
document.body.addEventListener("moved", read);
if (board) setInterval(() => { if (!document.hidden) read(); }, EVERY);
setInterval(() => {
  const stale = Date.now() - heard > PATIENCE && !document.hidden;
  badge.dataset.state = stale ? "stale" : "live";
  badge.querySelector("[data-text]").textContent = stale ? "Stale since " + wallClock(heard) : "Live";
}, 1000);
document.querySelector("[data-submit] select")?.addEventListener("change", (event) => event.target.form.requestSubmit());
