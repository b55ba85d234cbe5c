// The bell of every page: counts into the title, counts down what is offered, sounds once for what is new (if wanted).
import { now } from "./clocks.js";

const STORE = "wetread.bell.sound", place = () => document.getElementById("bell");
let heard = null;

function show() {
  const bell = place(), count = Number(bell?.querySelector("[data-count]")?.dataset.count ?? 0);
  document.title = (count ? `(${count}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  const sound = bell?.querySelector("[data-bell-sound]");
  if (sound) sound.checked = localStorage.getItem(STORE) === "on";
  const offers = new Set([...(bell?.querySelectorAll("[data-offer]") ?? [])].map((row) => row.dataset.offer));
  if (heard && sound?.checked && [...offers].some((id) => !heard.has(id))) beep();
  heard = offers;
  tick();
}

function tick() {
  for (const clock of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round((Date.parse(clock.dataset.until) - now()) / 1000));
    clock.textContent = left >= 60 ? `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, "0")} s` : `${left} s`;
  }
}

function beep() {
  const audio = new AudioContext(), tone = audio.createOscillator(), volume = audio.createGain();
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.15, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.5);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.5);
}

export function startBell() {
  if (!place()) return;
  setInterval(tick, 1000);
  // Whoever reads the panel is not interrupted by the next answer.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id === "bell" && event.detail.requestConfig.verb === "get" && event.target.querySelector("details[open]")) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "bell") show(); });
  document.addEventListener("change", (event) => { if (event.target.matches("[data-bell-sound]")) localStorage.setItem(STORE, event.target.checked ? "on" : "off"); });
  document.addEventListener("click", (event) => { const open = document.querySelector(".bell[open]"); if (open && !open.contains(event.target)) open.open = false; });
  document.addEventListener("keydown", (event) => { const open = document.querySelector(".bell[open]"); if (event.key === "Escape" && open) open.open = false; });
}
