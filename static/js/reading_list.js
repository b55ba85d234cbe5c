// The reading list: redraws the rows that changed, keeps them in reading order as time passes, shows the chosen case.
import { now, tick } from "./clocks.js";
import { listen } from "./live.js";
import { choose, mark, rowsOf } from "./rows.js";
import { csrf } from "./csrf.js";
import { leaveIfSignedOut } from "./signed_out.js";

const list = document.getElementById("list");
const body = document.getElementById("rows");
const peek = document.getElementById("peek");
const find = document.getElementById("find");
const tabs = document.getElementById("tabs");
let url = list.dataset.rowsUrl;
const picked = new Set();
const MANY = 40;

const score = (row) => Number(row.dataset.score) + Number(row.dataset.slope) * (now() - Date.parse(row.dataset.at)) / 60000;
function sort() {
  if (list.dataset.sort !== "yes" || find.value.trim()) return;
  const rows = [...body.rows];
  const keyed = rows.map((row) => [Number(row.dataset.standing), -score(row), Number(row.dataset.id), row]);
  keyed.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  keyed.forEach(([, , , row], index) => { if (body.rows[index] !== row) body.insertBefore(row, body.rows[index]); });
}

let countsDue = true;
async function read(ids) {
  const counts = countsDue;
  countsDue = false;
  const words = find.value.trim(), sent = new URLSearchParams({ q: words });
  const how = words ? { method: "POST", body: sent } : {};
  const answer = await fetch(url + (ids ? "&ids=" + ids.join(",") : "") + (counts ? "&counts=1" : ""), { ...how, headers: { "HX-Request": "true", "X-By-Itself": "1", ...(words ? { "X-CSRFToken": csrf() } : {}) } });
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
  // A page that is sorted otherwise, or is not the first, takes new rows from the server alone: only it knows their place.
  const placed = list.dataset.sort === "yes" && !words;
  if (ids && !placed && [...fresh.keys()].some((id) => !document.getElementById("item-" + id))) soon(null);
  for (const [id, row] of fresh) if (placed || !ids || document.getElementById("item-" + id)) put(id, row, chosen?.dataset.id === id);
  if (!ids && !placed) [...fresh.keys()].forEach((id, index) => { const row = document.getElementById("item-" + id); if (body.rows[index] !== row) body.insertBefore(row, body.rows[index]); });
  sort();
  const pager = held.content.querySelector("[data-pager]");
  if (pager) document.getElementById("list-pager").replaceChildren(...pager.childNodes);
  if (chosen && !document.getElementById(chosen.id) && body.rows.length) choose(body.rows[Math.min(place, body.rows.length - 1)], { focus: focused });
  else if (chosen && focused) document.getElementById(chosen.id)?.focus({ preventScroll: true });
  const news = held.content.querySelector("[data-tabs]");
  if (news) tabs.replaceChildren(...news.childNodes);
  document.getElementById("none").hidden = body.rows.length > 0;
  document.getElementById("none-found").hidden = !words;
  document.getElementById("none-there").hidden = Boolean(words);
  tick(body);
  showPicked();
  if (chosen && ids?.map(String).includes(chosen.dataset.id)) look(chosen.dataset.id);
}

function put(id, row, chosen) {
  const old = document.getElementById("item-" + id);
  if (chosen) mark(row, true);
  const box = row.querySelector("[data-pick]");
  if (box && picked.has(id) && !box.disabled) box.checked = true;
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

// The search asks the server: it looks at every case of the list, on whatever page it is. What is typed may be a name, so
// it travels in the body of a request, never in an address.
let typing = 0;
function turnTo(page) {
  const where = new URL(url, location.href);
  where.searchParams.set("page", page);
  url = where.pathname + where.search;
  wanted = null;
  soon(null);
}
function search() { clearTimeout(typing); typing = setTimeout(() => turnTo(1), 180); }
document.getElementById("list-pager").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || !find.value.trim()) return;
  event.preventDefault();
  turnTo(new URL(link.href).searchParams.get("page"));
});
find.addEventListener("input", search);
find.form.addEventListener("submit", (event) => event.preventDefault());
find.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); const first = rowsOf(list)[0]; if (first) choose(first); }
  if (event.key === "Escape") { if (find.value) { find.value = ""; search(); } const row = list.querySelector("[data-chosen]") ?? rowsOf(list)[0]; if (row) choose(row); else find.blur(); }
});

// Cases that are handed over together: x selects the row.
function showPicked() {
  const button = document.querySelector("[data-hand-over-picked]");
  if (!button) return;
  const boxes = [...body.querySelectorAll("[data-pick]:checked")];
  picked.clear();
  for (const box of boxes) picked.add(box.value);
  button.hidden = !boxes.length;
  button.querySelector("[data-picked]").textContent = boxes.length || "";
}
body.addEventListener("change", (event) => { if (event.target.matches("[data-pick]")) showPicked(); });
document.querySelector("[data-hand-over-picked]")?.addEventListener("click", () => {
  const dialog = document.getElementById("hand-over");
  dialog.querySelector("[data-count]").textContent = picked.size + (picked.size === 1 ? " case" : " cases");
  dialog.querySelector("[data-items]").replaceChildren(...[...picked].map((id) => Object.assign(document.createElement("input"), { type: "hidden", name: "items", value: id })));
  dialog.showModal();
});
document.querySelector("[data-columns]")?.addEventListener("submit", (event) => {
  event.target.elements.cols.value = [...event.target.querySelectorAll("[data-column]:checked")].map((box) => box.value).join(",");
});

// Back from the room: the row that was left is chosen again.
const LEFT = "wetread.row";
list.addEventListener("chosen", (event) => sessionStorage.setItem(LEFT, event.target.id));
const left = document.getElementById(sessionStorage.getItem(LEFT) ?? "");
if (left?.closest("#rows")) choose(left, { focus: document.activeElement === document.body });

for (const select of document.querySelectorAll("[data-auto] select")) select.addEventListener("change", () => HTMLFormElement.prototype.submit.call(select.form));

document.body.addEventListener("stale-row", (event) => soon([event.detail.id]));
listen({ onIds: soon, onAll: () => soon(null) });
setInterval(sort, 15000);
setInterval(() => { countsDue = true; }, 2000);
setInterval(() => soon(null), 60000 + Math.random() * 20000);
