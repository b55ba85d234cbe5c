// The device board: read again every few seconds and after each move; the chosen card stays chosen, lanes stay scrolled.
import { wallClock } from "./clocks.js";
import { choose } from "./rows.js";
import { leaveIfSignedOut } from "./signed_out.js";

const board = document.getElementById("board");
const peek = document.getElementById("peek");
const badge = document.querySelector("[data-board-live]");
const EVERY = 3000, PATIENCE = 7500;
let heard = Date.now(), reading = false, again = false, last = "";

async function read() {
  if (reading) { again = true; return; }
  reading = true;
  try {
    const answer = await fetch(board.dataset.url, { headers: { "HX-Request": "true", "X-By-Itself": "1" } });
    if (answer.status === 401 && await leaveIfSignedOut()) return;
    if (answer.ok) { heard = Date.now(); draw(await answer.text()); }
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
