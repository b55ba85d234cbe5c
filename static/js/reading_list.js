// The reading list: redraws the rows that changed, keeps them in reading order as time passes, shows the chosen case.
import { now, tick } from "./clocks.js";
import { listen } from "./live.js";
import { choose, mark, rowsOf } from "./rows.js";
import { leaveIfSignedOut } from "./signed_out.js";

const list = document.getElementById("list");
const body = document.getElementById("rows");
const peek = document.getElementById("peek");
const find = document.getElementById("find");
const tabs = document.getElementById("tabs");
const url = list.dataset.rowsUrl;
const MANY = 40;

const score = (row) => Number(row.dataset.score) + Number(row.dataset.slope) * (now() - Date.parse(row.dataset.at)) / 60000;
function sort() {
  if (list.dataset.sort !== "yes") return;
  const rows = [...body.rows];
  const keyed = rows.map((row) => [Number(row.dataset.group), -score(row), Number(row.dataset.id), row]);
  keyed.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  keyed.forEach(([, , , row], index) => { if (body.rows[index] !== row) body.insertBefore(row, body.rows[index]); });
}

let countsDue = true;
async function read(ids) {
  const counts = countsDue;
  countsDue = false;
  const answer = await fetch(url + (ids ? "&ids=" + ids.join(",") : "") + (counts ? "&counts=1" : ""), { headers: { "HX-Request": "true", "X-By-Itself": "1" } });
  if (answer.status === 401) { await leaveIfSignedOut(); return; }
  if (!answer.ok) return;
  const held = document.createElement("template");
  held.innerHTML = await answer.text();
  const fresh = new Map([...held.content.querySelectorAll("[data-row]")].map((row) => [row.dataset.id, row]));
  const gone = ids ? ids.map(String).filter((id) => !fresh.has(id)) : [...body.rows].map((row) => row.dataset.id).filter((id) => !fresh.has(id));
  const chosen = list.querySelector("[data-chosen]");
  const focused = chosen?.contains(document.activeElement);
  const place = chosen ? [...body.rows].indexOf(chosen) : -1;
  for (const id of gone) document.getElementById("item-" + id)?.remove();
  for (const [id, row] of fresh) put(id, row, chosen?.dataset.id === id);
  sort();
  if (chosen && !document.getElementById(chosen.id) && body.rows.length) choose(body.rows[Math.min(place, body.rows.length - 1)], { focus: focused });
  else if (chosen && focused) document.getElementById(chosen.id)?.focus({ preventScroll: true });
  const news = held.content.querySelector("[data-tabs]");
  if (news) tabs.replaceChildren(...news.childNodes);
  document.getElementById("none").hidden = body.rows.length > 0;
  filter();
  tick(body);
  if (chosen && ids?.map(String).includes(chosen.dataset.id)) look(chosen.dataset.id);
}

function put(id, row, chosen) {
  const old = document.getElementById("item-" + id);
  if (chosen) mark(row, true);
  if (!old) { row.classList.add("fresh"); body.append(row); }
  else if (old.outerHTML !== row.outerHTML) old.replaceWith(row);
  window.htmx?.process(row);
}

let wanted = new Set(), timer = 0, busy = Promise.resolve();
function soon(ids) {
  if (ids) ids.forEach((id) => wanted?.add(id)); else wanted = null;
  if (timer) return;
  timer = setTimeout(() => {
    document.body.dispatchEvent(new CustomEvent("worklist"));
    const ids = wanted === null || wanted.size > MANY ? null : [...wanted];
    wanted = new Set();
    timer = 0;
    busy = busy.then(() => read(ids)).catch(() => {});
  }, 30 + Math.random() * 120);
}

let looking = 0;
function look(id) {
  clearTimeout(looking);
  looking = setTimeout(() => { if (getComputedStyle(peek).display !== "none") window.htmx.ajax("GET", document.getElementById("item-" + id)?.dataset.peek, { target: peek, swap: "innerHTML" }); }, 90);
}
list.addEventListener("chosen", (event) => look(event.target.dataset.id));

function filter() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of body.rows) { const text = row.textContent.toLowerCase(); row.hidden = !words.every((word) => text.includes(word)); }
}
find.addEventListener("input", filter);
find.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); const first = rowsOf(list).find((row) => !row.hidden); if (first) choose(first); }
  if (event.key === "Escape") { find.value = ""; filter(); }
});
for (const select of document.querySelectorAll("[data-auto] select")) select.addEventListener("change", () => HTMLFormElement.prototype.submit.call(select.form));

document.body.addEventListener("stale-row", (event) => soon([event.detail.id]));
listen({ onIds: soon, onAll: () => soon(null) });
setInterval(sort, 15000);
setInterval(() => { countsDue = true; }, 2000);
setInterval(() => soon(null), 60000 + Math.random() * 20000);
