// Try it: a draft of the rules is replayed over a period of the past; its progress and outcome come line by line.
import { csrf } from "./csrf.js";
import { span } from "./clocks.js";
import { say } from "./words.js";

const area = document.getElementById("try");
const button = document.getElementById("try-it");
const bar = area.querySelector("progress");
const refusal = area.querySelector(".note");
const result = area.querySelector("[data-result]");
const CLASSES = { 1: "Critical", 2: "STAT", 3: "Waiting", 4: "Inpatient", 5: "Routine" };

const cell = (row, text, className = "") => { const td = row.insertCell(); td.textContent = text; td.className = className; return td; };
const minutes = (value) => value === null ? "–" : span(value * 60000);
const midnight = (id, days = 0) => { const day = new Date(document.getElementById(id).value + "T00:00:00"); day.setDate(day.getDate() + days); return day.toISOString(); };

button.addEventListener("click", async () => {
  refusal.hidden = result.hidden = true;
  bar.hidden = false;
  bar.removeAttribute("value");
  button.disabled = true;
  try { await run(); } catch { refuse(say("The server does not answer. Nothing was changed; try again.")); }
  bar.hidden = true;
  button.disabled = false;
});

async function run() {
  const body = { yaml: document.getElementById("yaml").value, since: midnight("since"), until: midnight("until", 1) };
  const site = document.getElementById("site").value;
  if (site) body.site = Number(site);
  const answer = await fetch(area.dataset.url, { method: "POST", headers: { "X-CSRFToken": csrf(), "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) { const problem = await answer.json().catch(() => ({})); refuse([problem.at, problem.detail].filter(Boolean).join(": ") || say("It was refused.")); return; }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    held += value;
    const lines = held.split("\n");
    held = lines.pop();
    for (const line of lines.filter(Boolean)) take(JSON.parse(line));
  }
}

function take(line) {
  if (line.progress !== undefined) bar.value = line.progress;
  if (line.refused) refuse([line.at, line.refused].filter(Boolean).join(": "));
  if (line.result) show(line.result);
}

function refuse(text) { refusal.hidden = false; refusal.querySelector("div").textContent = text; }

function show({ cases, before, after, load, changed }) {
  result.hidden = false;
  const summary = result.querySelector("[data-summary]");
  summary.replaceChildren();
  const line = (name, a, b) => { const row = summary.insertRow(); cell(row, name); cell(row, a, "right num"); cell(row, b, "right num" + (a === b ? "" : " strong")); };
  line("Cases read, of " + cases, before.read, after.read);
  line(say("Turnaround, median"), minutes(before.tat_median), minutes(after.tat_median));
  line(say("Turnaround, p90"), minutes(before.tat_p90), minutes(after.tat_p90));
  line(say("Late"), before.breaches, after.breaches);
  for (const key of new Set([...Object.keys(before.by_class), ...Object.keys(after.by_class)])) {
    const says = (side) => { const one = side.by_class[key]; return one ? one.breaches + " of " + one.cases : "none"; };
    line("Late, " + (CLASSES[key] ?? key), says(before), says(after));
  }
  line(say("Most read by one reader"), minutes(load.before_most), minutes(load.after_most));
  line(say("Least read by one reader"), minutes(load.before_least), minutes(load.after_least));
  result.querySelector("[data-changed]").textContent = changed.length ? changed.length + " cases would be treated differently" : "No case would be treated differently.";
  const body = result.querySelector("[data-cases]");
  body.replaceChildren();
  body.closest("table").hidden = !changed.length;
  const told = (one) => [CLASSES[one.urgency], minutes(one.sla), one.points ? (one.points > 0 ? "+" : "") + one.points : ""].filter(Boolean).join(", ");
  for (const one of changed) {
    const row = body.insertRow();
    const link = document.createElement("a");
    link.href = area.dataset.explain.replace("/0/", "/" + one.item + "/");
    link.textContent = one.accession;
    cell(row, "").append(link);
    cell(row, told(one.before), "muted");
    cell(row, told(one.after));
    cell(row, one.tat_change === null ? "–" : (one.tat_change > 0 ? "+" : "−") + minutes(Math.abs(one.tat_change)), "right num");
    cell(row, one.breach[0] === one.breach[1] ? (one.breach[0] ? "late in both" : "") : one.breach[1] ? "late now" : "no longer late");
  }
}
