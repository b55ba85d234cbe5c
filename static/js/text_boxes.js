// Boxes of a form (addendum, correction, communication, note) whose text is saved while it is typed:
// <form data-text="…/text/addendum/" data-text-kind="addendum">, beside the element #drafting that says whose page it is.
import { autosave } from "./autosave.js";
import { wallClock } from "./clocks.js";
import { post } from "./session.js";
import { wordsOf } from "./unsaved_words.js";
import { chooseText } from "./word_diff.js";
import { say } from "./words.js";

const page = document.getElementById("drafting")?.dataset;
const WRITTEN = "textarea, select, input[type=text]";

for (const form of page ? document.querySelectorAll("form[data-text]") : []) start(form);

async function start(form) {
  const url = form.dataset.text, place = form.querySelector("[data-text-state]");
  const boxes = () => [...form.querySelectorAll(WRITTEN)].filter((box) => box.name);
  const fields = () => Object.fromEntries(boxes().map((box) => [box.name, box.value]));
  const fill = (given) => { for (const box of boxes()) if (box.name in given) box.value = given[box.name]; };
  const empty = Object.values(fields()).join("");
  const show = (state, text) => { if (!place) return; place.hidden = false; place.dataset.state = state; place.textContent = state === "saved" ? say("Saved") + " " + wallClock() + ", not signed" : text; };
  const words = wordsOf({ user: page.user, item: page.item, kind: form.dataset.textKind, key: page.wordsKey });
  const revision = () => Number(form.elements.revision?.value ?? 0);
  let version = 0;

  async function send(given) {
    const answer = await post(url, { ...given, version, revision: revision() }, { user: page.user, session: page.session });
    const news = await answer.json().catch(() => ({}));
    if (answer.ok) { version = news.version; return "saved"; }
    if (news.code === "stale-draft") return resolve();
    return say("Not saved") + (news.detail ? ": " + news.detail : "");
  }

  // Another window saved since: both are shown, and neither is overwritten before one of them is chosen.
  async function resolve() {
    const other = await (await fetch(url, { headers: { Accept: "application/json" } })).json();
    if (!other.version) { version = 0; return say("Not saved yet"); }
    const chosen = await chooseText({ title: say("Changed in another window"), why: say("This text was saved elsewhere") + " " + wallClock(new Date(other.saved_at)) + ". Which of the two is to stand?", before: other.fields, after: fields(), beforeLabel: "Take the other", afterLabel: "Keep what is here" });
    if (chosen === null) return say("Not saved: changed in another window");
    version = other.version;
    if (chosen === "before") { fill(other.fields); await saver.settle(); show("saved", ""); return ""; }
    return send(fields());
  }

  const saver = autosave({ words, fields, revision, send, show, session: page.session, user: page.user, onOtherPerson: () => location.reload() });
  form.addEventListener("input", () => saver.changed());
  // A form that was sent and stays is fresh for the next text.
  form.addEventListener("reset", () => { version = 0; delete form.dataset.saved; if (place) place.hidden = true; });
  form.addEventListener("submit", async (event) => {
    if (form.dataset.saved) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    const done = await saver.save();
    delete form.dataset.sending;
    if (!done) return;
    form.dataset.saved = "1";
    form.requestSubmit(event.submitter ?? undefined);
  });

  const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
  const own = answer?.ok ? await answer.json() : { version: 0, fields: {} };
  version = own.version;
  const untouched = Object.values(fields()).join("") === empty;
  if (own.version && untouched && own.revision === revision()) { fill(own.fields); show("saved", ""); }
  else if (own.version && untouched) {
    const chosen = await chooseText({ title: say("The report was changed since"), why: say("You typed this upon an earlier version of the report, and did not sign it. Which of the two is to stand?"), before: fields(), after: own.fields, beforeLabel: "Take the report as it is", afterLabel: "Take what I typed" });
    if (chosen === "after") { fill(own.fields); saver.changed(); }
  }
  for (const orphan of await words.orphans()) {
    if (JSON.stringify(orphan.words.fields) !== JSON.stringify(fields())) { fill(orphan.words.fields); saver.changed(); }
    await saver.save() && await words.forget(orphan.page);
  }
}
