// The demo's tour: one card over the page that says what is where. It never takes the cursor from who works: only its own
// buttons move it. Where one is, and that one has seen or skipped it, is kept in this browser for each user and role.
const card = document.getElementById("tour");
const stops = [...card.querySelectorAll("li")];
const [title, words, place] = ["h2", ".body p", "[data-place]"].map((what) => card.querySelector(what));
const [back, next] = ["[data-back]", "[data-next]"].map((what) => card.querySelector(what));
const STORE = `tour:${document.body.dataset.user}:${card.dataset.tour}`;
const OVER = "over";

let marked = null;
const mark = (element) => {
  marked?.classList.remove("tour-spot");
  marked = element;
  marked?.classList.add("tour-spot");
};

function show(number) {
  const stop = stops[number];
  card.hidden = !stop;
  if (!stop) return mark(null);
  title.textContent = stop.dataset.title;
  words.textContent = stop.textContent;
  place.textContent = `${number + 1} of ${stops.length}`;
  const following = stops[number + 1];
  next.textContent = stop.dataset.url !== location.pathname ? "Show me" : following ? "Next" : "Done";
  back.hidden = number === 0;
  mark(stop.dataset.url === location.pathname ? document.querySelector(stop.dataset.spot) : null);
}

// A stop on another page is gone to; it is shown there, since its number is kept first.
function go(number, event) {
  event?.preventDefault();
  localStorage.setItem(STORE, stops[number] ? number : OVER);
  if (stops[number] && stops[number].dataset.url !== location.pathname) return location.assign(stops[number].dataset.url);
  show(number);
  title.focus();
}

const here = () => Number(localStorage.getItem(STORE) ?? 0);
const onItsPage = () => stops[here()]?.dataset.url === location.pathname;
next.addEventListener("click", (event) => go(onItsPage() ? here() + 1 : here(), event));
back.addEventListener("click", () => go(here() - 1));
card.querySelector("[data-skip]").addEventListener("click", () => go(stops.length));
card.addEventListener("keydown", (event) => { if (event.key === "Escape") go(stops.length); });
for (const opener of document.querySelectorAll("[data-tour-again]")) opener.addEventListener("click", () => go(0));

if (localStorage.getItem(STORE) !== OVER) show(here());
