// The report while its reader writes it. The text on the screen belongs to the hand that types: nothing here redraws it
// unless the reader chooses so.
import { autosave } from "./autosave.js";
import { wallClock } from "./clocks.js";
import { startHandover } from "./handover.js";
import { listen } from "./live.js";
import { keepBeside, pageOf, reportWords, showBeside } from "./report_words.js";
import { post as send } from "./session.js";
import { askOverrides } from "./overrides.js";
import { toast } from "./toasts.js";
import { chooseText } from "./word_diff.js";
import { say } from "./words.js";

const BEAT = 120000, ASK = 1500000, AWAY = 1800000;
const WRITTEN = "textarea, [name=critical_level], [name=critical_finding]";

export function edit(room, form) {
  const page = pageOf(), words = reportWords(page);
  const saved = document.getElementById("saved"), lost = document.getElementById("lost");
  let revision = Number(form.dataset.revision), active = Date.now(), releasing = false, texts = "";

  const show = (state, text) => {
    saved.dataset.state = state === "signed-out" ? "failed" : state;
    saved.querySelector("[data-text]").textContent = state === "saved" ? say("Saved") + " " + wallClock() : text;
    lost.hidden = state !== "signed-out";
    if (state === "signed-out") note(say("You were logged off. Nothing is lost: your words are kept in this browser for you alone."), { text: say("Log in"), href: "/login/?next=/profile/" });
  };
  const post = (url, given, headers = {}) => send(url, given, { user: page.user, session: page.session, headers });
  const boxes = () => [...form.querySelectorAll(WRITTEN)];
  const fields = () => Object.fromEntries(boxes().map((box) => [box.name, box.value]));
  const fill = (given) => { for (const box of boxes()) if (box.name in given) box.value = given[box.name]; };
  const withSignature = () => Object.fromEntries([...form.querySelectorAll("[data-with-signature]")].map((box) => [box.dataset.withSignature, box.value]));

  const withPreliminary = () => Object.fromEntries([...form.querySelectorAll("[data-with-preliminary]")].map((box) => [box.dataset.withPreliminary, box.value]));

  function note(text, link) {
    const place = lost.querySelector("div");
    place.textContent = text + " ";
    if (link) { const anchor = document.createElement("a"); anchor.textContent = link.text; anchor.href = link.href; anchor.target = "_blank"; place.append(anchor); }
    lost.hidden = false;
  }

  function close(text) {
    saver.close();
    note(text);
    for (const area of form.querySelectorAll("textarea")) area.readOnly = true;
    for (const box of form.querySelectorAll("button, select, input")) box.disabled = true;
  }

  // The case went into other hands: what had not reached its draft is laid beside it, for both.
  async function leave(text) {
    const given = fields(), unsaved = saver.dirty;
    close(text);
    if (!unsaved) return;
    await words.keep({ fields: given, revision });
    try { await keepBeside(given, revision); await words.drop(); note(text + " Your last words had not reached the draft; they are kept beside it."); } catch { note(text + " Your last words are kept in this browser, and go beside the draft when you open the case again."); }
  }

  async function write(given) {
    const answer = await post(form.dataset.draft, { revision, ...given });
    const news = await answer.json().catch(() => ({}));
    if (answer.ok) { revision = news.revision; return "saved"; }
    if (news.code === "not-held") { show("failed", say("Not yours")); await leave(say("This case is no longer yours: it was taken over, or its claim ran out.")); return ""; }
    if (news.code === "stale-draft") return choose();
    return say("Not saved") + (news.detail ? ": " + news.detail : "");
  }

  // The draft was changed in another window. Both are shown; the one that is not chosen is kept beside the case.
  async function choose(mine = fields()) {
    const other = await (await fetch(form.dataset.draft, { headers: { Accept: "application/json" } })).json();
    if (JSON.stringify(other.fields) === JSON.stringify(mine)) { revision = other.revision; await saver.settle(); show("saved", ""); return ""; }
    const chosen = await chooseText({ title: say("Changed in another window"), why: say("The draft was saved elsewhere") + (other.saved_at ? " " + say("at") + " " + wallClock(new Date(other.saved_at)) : "") + ". Which of the two is to stand? The other is kept beside the case.", before: other.fields, after: mine, beforeLabel: "Take the other", afterLabel: "Keep what is here" });
    if (chosen === null) return say("Not saved: changed in another window");
    if (chosen === "before") {
      await keepBeside(mine, revision);
      fill(other.fields);
      revision = other.revision;
      await saver.settle();
      show("saved", "");
      return "";
    }
    await keepBeside(other.fields, other.revision);
    revision = other.revision;
    fill(mine);
    return write(mine);
  }

  const saver = autosave({ words, fields, revision: () => revision, send: write, show, session: page.session, user: page.user, onOtherPerson: () => location.reload() });
  const handover = startHandover({ form, page, post, fields, saver, revision: () => revision, done: (news) => { revision = news.revision; fill(news.fields); } });

  form.addEventListener("input", (event) => { if (event.target.matches(WRITTEN)) saver.changed(); });
  // Who looks at images types nothing here: the claim lives for half an hour after the last sign, and asks before it ends.
  const still = document.getElementById("still-reading");
  const stir = () => { active = Date.now(); still.hidden = true; };
  for (const kind of ["keydown", "pointermove", "pointerdown", "focus", "wetread:viewer"]) addEventListener(kind, stir, { passive: true });
  setInterval(() => { if (!saver.closed && still.hidden && Date.now() - active > ASK) still.hidden = false; }, 15000);

  async function release(how, overrides = {}) {
    if (saver.closed || releasing) return;
    releasing = true;
    try { await releaseOnce(how, overrides); } finally { releasing = false; }
  }

  async function releaseOnce(how, overrides) {
    if ((saver.dirty || revision === 0) && !(await saver.save())) { toast(say("Not signed: the text could not be saved."), "error"); return; }
    const given = { revision, overrides: JSON.stringify(overrides), ...(how === "sign" ? withSignature() : withPreliminary()) };
    if (document.getElementById("then-next").checked) given.next = "1";
    const answer = await post(form.dataset[how], given).catch(() => null);
    if (!answer) { toast(say("Not signed: no connection, or you were logged off. Try again."), "error"); return; }
    const news = await answer.json().catch(() => ({}));
    if (answer.ok) { saver.close(); await words.drop(); location.assign(news.url); return; }
    if (answer.status === 422) { const reasons = await askOverrides(news.remarks, how); if (reasons) await releaseOnce(how, { ...overrides, ...reasons }); return; }
    if (news.code === "others-draft") { handover.ask(news.detail); return; }
    toast(news.detail ?? say("Not signed."), "error");
    document.getElementById(news.at)?.focus();
  }

  for (const button of form.querySelectorAll("[data-release]")) button.addEventListener("click", () => release(button.dataset.release));
  for (const key of form.querySelectorAll("[data-focus]")) key.addEventListener("click", (event) => { event.preventDefault(); const area = document.getElementById(key.dataset.focus); area.focus(); area.setSelectionRange?.(area.value.length, area.value.length); });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("htmx:confirm", async (event) => {
    if (!saver.dirty || !event.target.closest(".topbar")) return;
    event.preventDefault();
    if (await saver.save()) event.detail.issueRequest(true);
  });

  setInterval(async () => {
    if (saver.closed || Date.now() - active > AWAY) return;
    const answer = await post(form.dataset.heartbeat, {}, { "X-By-Itself": "1" }).catch(() => null);
    if (answer?.ok && !(await answer.json()).held) check();
  }, BEAT);
  const check = async () => {
    const answer = await fetch(room.dataset.standing, { headers: { Accept: "application/json", "X-By-Itself": "1" } }).catch(() => null);
    if (!answer?.ok || saver.closed) return;
    const now = await answer.json();
    if (!now.mine) { await leave(now.state === "cancelled" ? "This case was cancelled with its order." : now.holder ? now.holder + " has taken this case over." : "You do not hold this case any more."); return; }
    if (String(now.order) !== room.dataset.orderVersion || String(now.patient) !== room.dataset.patientVersion) document.getElementById("changed").hidden = false;
    if (String(now.texts) !== texts) { texts = String(now.texts); await showBeside(); }
  };

  // Words of a page that was killed: back into the draft they were typed upon, or shown beside one that moved on.
  async function recover() {
    for (const orphan of await words.orphans()) {
      const { fields: given, revision: upon } = orphan.words;
      const here = JSON.stringify(fields());
      if (JSON.stringify(given) !== here) {
        if (upon === revision && !saver.dirty) { fill(given); saver.changed(); if (!(await saver.save())) return; toast(say("Your last words came back from this browser."), "success"); }
        else { await keepBeside(given, upon); toast(say("Words that never reached the draft are kept beside it."), "info"); }
      }
      await words.forget(orphan.page);
    }
  }

  recover().catch(() => {});
  check();
  listen({ onIds: (ids) => { if (ids.includes(Number(room.dataset.item))) check(); }, onAll: check });
}
