// The calendar: the one module that knows @event-calendar/build. Rooms by day, a room by week; moved by drag, by the
// arrow keys or by the form, and the server decides each time. Moments are by the site's clock, without an offset.
import { csrf } from "./csrf.js";
import { leaveIfSignedOut } from "./signed_out.js";

const box = document.getElementById("calendar");
const peek = document.getElementById("peek");
const says = document.getElementById("calendar-says");
const EVERY = 15000, SNAP_MIN = 5;
let ec, resources = [], moving = null, dragging = false;

const pad = (number) => String(number).padStart(2, "0");
const text = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
const clock = (date) => `${pad(date.getHours())}:${pad(date.getMinutes())}`;
const say = (sentence) => { says.textContent = sentence; };
const minutesOf = (event) => Math.round((event.end - event.start) / 60000);
const nameOf = (id) => resources.find((one) => String(one.id) === String(id))?.title ?? "";

async function post(url, fields) {
  const body = new URLSearchParams(fields);
  const answer = await fetch(url, { method: "POST", body, headers: { "X-CSRFToken": csrf(), Accept: "application/json" } });
  if (answer.status === 401) await leaveIfSignedOut();
  return { ok: answer.ok, said: await answer.json().catch(() => ({})) };
}

async function load() {
  const answer = await fetch(box.dataset.events, { cache: "no-store", headers: { Accept: "application/json", "X-By-Itself": "1" } });
  if (answer.status === 401 && await leaveIfSignedOut()) return;
  if (!answer.ok || moving || dragging) return;
  const read = await answer.json();
  resources = read.resources;
  ec.setOption("resources", resources);
  ec.setOption("events", read.events);
}

// What is refused is asked in a dialog: consent for what is odd, a reason for a time that is not free.
function ask(said) {
  const dialog = document.getElementById("refused");
  const field = dialog.querySelector("[data-reason]"), reason = dialog.querySelector("input");
  dialog.querySelector("[data-detail]").textContent = said.detail ?? "It could not be moved.";
  const may = said.code === "booking" || said.code === "taken";
  field.hidden = said.code !== "taken";
  dialog.querySelector("[value=yes]").hidden = !may;
  reason.value = "";
  say(said.detail ?? "Refused.");
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => {
    done(dialog.returnValue === "yes" ? { confirmed: "1", ...(said.code === "taken" ? { overbook_reason: reason.value } : {}) } : null);
    dialog.returnValue = "";
  }, { once: true }));
}

async function move(url, fields) {
  let answer = await post(url, fields);
  while (!answer.ok) {
    const consent = await ask(answer.said);
    if (!consent) return false;
    answer = await post(url, { ...fields, ...consent });
  }
  return true;
}

const fieldsOf = (event) => ({ start: text(event.start), device: event.resourceIds[0], minutes: minutesOf(event) });

async function dropped(info) {
  dragging = false;
  const event = info.event;
  const moved = await move(event.extendedProps.move, fieldsOf(event));
  if (!moved) info.revert(); else say(`Moved to ${clock(event.start)}.`);
  await load();
}

// ---- the keyboard's twin of the drag
function focusMoved() { box.querySelector(`[data-step="${moving?.id}"]`)?.focus(); }

function beginMoving(step) {
  const event = ec.getEventById(`step-${step}`);
  if (!event?.editable) return;
  moving = { id: String(step), was: { start: event.start, end: event.end, resourceIds: event.resourceIds } };
  say(`Moving ${event.title}, ${clock(event.start)}. Arrow keys move it, Enter drops it, Escape leaves it.`);
  delete peek.dataset.open;
  ec.updateEvent({ ...event, classNames: [...event.classNames, "is-moving"] });
  requestAnimationFrame(focusMoved);
}

function shift(key) {
  const event = ec.getEventById(`step-${moving.id}`);
  const step = { ArrowUp: -SNAP_MIN, ArrowDown: SNAP_MIN, PageUp: -60, PageDown: 60 }[key];
  let { start, end, resourceIds } = event;
  if (step) { start = new Date(+start + step * 60000); end = new Date(+end + step * 60000); }
  const aside = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (aside && box.dataset.view === "day") {
    const place = resources.findIndex((one) => String(one.id) === String(resourceIds[0])) + aside;
    if (resources[place]) resourceIds = [String(resources[place].id)];
  } else if (aside) { start = new Date(+start + aside * 86400000); end = new Date(+end + aside * 86400000); }
  ec.updateEvent({ ...event, start, end, resourceIds });
  say(`${clock(start)} ${nameOf(resourceIds[0])}`);
  requestAnimationFrame(focusMoved);
}

async function endMoving(drop) {
  const step = moving.id, was = moving.was;
  const event = ec.getEventById(`step-${step}`);
  moving = null;
  if (drop && await move(event.extendedProps.move, fieldsOf(event))) say(`Moved to ${clock(event.start)} ${nameOf(event.resourceIds[0])}.`);
  else { ec.updateEvent({ ...event, ...was }); say("Left where it was."); }
  await load();
  requestAnimationFrame(() => box.querySelector(`[data-step="${step}"]`)?.focus());
}

document.addEventListener("keydown", (event) => {
  if (!moving || document.querySelector("dialog[open]")) return;
  if (/^(Arrow|Page)/.test(event.key)) shift(event.key);
  else if (event.key === "Enter") endMoving(true);
  else if (event.key === "Escape") endMoving(false);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

function open(event) {
  if (!event.extendedProps?.peek || moving) return;
  peek.dataset.open = "";
  window.htmx.ajax("GET", event.extendedProps.peek, { target: peek, swap: "innerHTML" });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-drawer-close]")) delete peek?.dataset.open;
  const keys = event.target.closest("[data-move-keys]");
  if (keys) beginMoving(keys.dataset.moveKeys);
});
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-move]");
  if (!form) return;
  event.preventDefault();
  if (await move(form.dataset.move, Object.fromEntries(new FormData(form)))) { say("Moved."); load(); window.htmx.ajax("GET", ec.getEventById(`step-${form.dataset.step}`)?.extendedProps.peek ?? form.dataset.move.replace("move/", ""), { target: peek, swap: "innerHTML" }); }
});
document.body.addEventListener("moved", () => ec && load());

// ---- drawn
function content(info) {
  const { extendedProps: more, title, start, end } = info.event;
  const [root, first, when, who, marked, what] = ["div", "div", "span", "span", "span", "div"].map((name) => document.createElement(name));
  root.className = "appointment";
  first.className = "first"; when.className = "num"; who.className = "who"; what.className = "what";
  const marks = [more.state, ...(more.marks ?? []), more.priority === "STAT" ? "STAT" : ""].filter((mark) => mark && mark !== "scheduled");
  when.textContent = clock(start); who.textContent = title; marked.textContent = marks.join(" · ");
  what.textContent = `until ${clock(end)} · ${more.what ?? ""}`;
  first.append(when, who, marked);
  root.append(first, what);
  return { domNodes: [root] };
}

// The library marks its grid as a table without the cells of one, which misleads who listens: each appointment says by
// itself what it is, and the list has the same day as headings and lists.
function plain() {
  for (const part of box.querySelectorAll("[role]:not(.ec-event)")) {
    part.removeAttribute("role");
    for (const name of ["aria-colindex", "aria-colspan"]) part.removeAttribute(name);
  }
}

function nameEvent(el, event) {
  const { what, state, marks, step } = event.extendedProps;
  if (!step) { el.setAttribute("aria-hidden", "true"); return; }
  el.dataset.step = step;
  el.setAttribute("tabindex", "0");
  el.setAttribute("role", "button");
  el.setAttribute("aria-label", `${clock(event.start)} to ${clock(event.end)}, ${event.title}, ${what}, ${nameOf(event.resourceIds[0])}, ${[state, ...marks].join(", ")}`);
}

async function chosen(info) {
  const device = info.resource?.id ?? resources[0]?.id;
  if (!box.dataset.choose || !device) return;
  const answer = await fetch(box.dataset.choose, { method: "POST", body: new URLSearchParams({ device, start: text(info.date) }), headers: { "X-CSRFToken": csrf(), "HX-Request": "true" } });
  const to = answer.headers.get("HX-Redirect");
  if (to) window.location.assign(to);
  else { const trigger = JSON.parse(answer.headers.get("HX-Trigger") ?? "{}"); await ask({ detail: trigger.toast?.text ?? "This time is not free." }); }
}

if (box) window.addEventListener("DOMContentLoaded", begin);
if (box && document.readyState !== "loading") begin();

function begin() {
  if (ec) return;
  const week = box.dataset.view === "week";
  ec = window.EventCalendar.create(box, {
    view: week ? "timeGridWeek" : "resourceTimeGridDay", date: box.dataset.day, firstDay: 1, headerToolbar: { start: "", center: "", end: "" },
    slotDuration: "00:15", slotHeight: 30, scrollTime: "07:00", height: "100%", allDaySlot: false, nowIndicator: false,
    slotLabelFormat: clock, eventTimeFormat: (start, end) => `${clock(start)}–${clock(end)}`, dayHeaderFormat: (date) => date.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }),
    snapDuration: "00:05", eventStartEditable: true, eventDurationEditable: true, selectable: false, pointer: false,
    events: [], resources: [], eventContent: (info) => (info.event.display === "background" ? { domNodes: [document.createTextNode(info.event.title)] } : content(info)),
    eventDidMount: ({ el, event }) => nameEvent(el, event),
    eventClick: ({ event }) => open(event), dateClick: chosen, eventDragStart: () => { dragging = true; }, eventResizeStart: () => { dragging = true; },
    eventDragStop: () => { dragging = false; }, eventResizeStop: () => { dragging = false; }, eventDrop: dropped, eventResize: dropped,
  });
  new MutationObserver(plain).observe(box, { childList: true, subtree: true });
  plain();
  load();
  setInterval(() => { if (!document.hidden && !moving && !dragging) load(); }, EVERY);
}
