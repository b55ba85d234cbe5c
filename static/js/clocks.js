// Times that go on: SLA clocks ([data-due]) and ages ([data-since]), by the server's clock.
import { say } from "./words.js";
const skew = Date.parse(document.body.dataset.now ?? "") - Date.now() || 0;
export const now = () => Date.now() + skew;

const wall = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: document.body.dataset.zone || undefined });
export const wallClock = (at = now()) => wall.format(at);

export function span(ms) {
  const minutes = Math.floor(Math.abs(ms) / 60000);
  if (minutes < 1) return Math.floor(Math.abs(ms) / 1000) + " s";
  if (minutes < 60) return minutes + " min";
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? hours + " h " + String(minutes % 60).padStart(2, "0") : Math.floor(hours / 24) + " " + say("d") + " " + (hours % 24) + " h";
}

export function tick(root = document) {
  const at = now();
  for (const clock of root.querySelectorAll("[data-due]")) {
    if (clock.dataset.phase === "paused") continue;
    const due = Date.parse(clock.dataset.due), from = Date.parse(clock.dataset.from);
    const left = due - at;
    clock.dataset.phase = left < 0 ? "over" : left <= (due - from) / 4 ? "soon" : "calm";
    clock.querySelector("[data-text]").textContent = left < 0 ? span(left) + " " + say("over") : span(left);
  }
  for (const age of root.querySelectorAll("[data-since]")) age.textContent = span(at - Date.parse(age.dateTime));
}

export function startClocks() { tick(); setInterval(tick, 5000); document.addEventListener("htmx:load", (event) => event.target.querySelectorAll && tick(event.target)); }
