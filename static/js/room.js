// The reading room. The text on the screen belongs to the hand that types: nothing here ever redraws it.
import { csrf } from "./csrf.js";
import { wallClock } from "./clocks.js";
import { listen } from "./live.js";
import { toast } from "./toasts.js";

const room = document.querySelector(".room");
const form = document.getElementById("editor");

document.addEventListener("click", (event) => {
  const compare = event.target.closest("[data-compare]");
  if (!compare) return;
  const field = document.getElementById("comparison");
  if (!field) { toast("Claim the case first.", "info"); return; }
  field.value = [field.value.trim(), compare.dataset.compare].filter(Boolean).join(" ");
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

if (form) edit();

function edit() {
  const DELAY = 1200, LATEST = 2800, BEAT = 120000, ASK = 1500000, AWAY = 1800000;
  const saved = document.getElementById("saved");
  const lost = document.getElementById("lost");
  let revision = Number(form.dataset.revision), dirtySince = 0, timer = 0, saving = null, closed = false, changes = 0, active = Date.now();

  const show = (state, text) => { saved.dataset.state = state; saved.querySelector("[data-text]").textContent = text; };
  const post = (url, fields, extra = {}) => fetch(url, { method: "POST", headers: { "X-CSRFToken": csrf(), Accept: "application/json", ...extra }, body: new URLSearchParams(fields) });
  const WRITTEN = "textarea, [name=critical_level], [name=critical_finding]";
  const texts = () => Object.fromEntries([...form.querySelectorAll(WRITTEN)].map((field) => [field.name, field.value]));
  const withSignature = () => Object.fromEntries([...form.querySelectorAll("[data-with-signature]")].map((field) => [field.dataset.withSignature, field.value]));

  function close(text) {
    closed = true;
    lost.hidden = false;
    lost.querySelector("div").textContent = text;
    for (const area of form.querySelectorAll("textarea")) area.readOnly = true;
    for (const field of form.querySelectorAll("button, select, input")) field.disabled = true;
  }

  // Who looks at images types nothing here: the claim lives for half an hour after the last sign, and asks before it ends.
  const still = document.getElementById("still-reading");
  const stir = () => { active = Date.now(); still.hidden = true; };
  for (const kind of ["keydown", "pointermove", "pointerdown", "focus", "wetread:viewer"]) addEventListener(kind, stir, { passive: true });
  setInterval(() => { if (!closed && still.hidden && Date.now() - active > ASK) still.hidden = false; }, 15000);

  form.addEventListener("input", (event) => {
    if (!event.target.matches(WRITTEN) || closed) return;
    changes += 1;
    dirtySince ||= Date.now();
    if (saved.dataset.state !== "failed") show("dirty", "Writing");
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(0, Math.min(DELAY, dirtySince + LATEST - Date.now())));
  });

  async function save() {
    if (closed) return false;
    if (saving) { await saving; if (!dirtySince) return true; }
    saving = write();
    const done = await saving;
    saving = null;
    return done;
  }

  async function write() {
    const upTo = changes;
    dirtySince = 0;
    clearTimeout(timer);
    show("saving", "Saving");
    let answer;
    try { answer = await post(form.dataset.draft, { revision, ...texts() }); } catch { return failed("Not saved: no connection"); }
    if (answer.ok) {
      const news = await answer.json();
      revision = news.revision;
      if (changes !== upTo) { dirtySince ||= Date.now(); show("dirty", "Writing"); timer = setTimeout(save, DELAY); }
      else show("saved", "Saved " + wallClock());
      return true;
    }
    const problem = await answer.json().catch(() => ({}));
    if (answer.status === 401) { show("failed", "Logged off"); close("You were logged off. What was saved is kept; log in again to go on. Copy what is on the screen if the last words matter."); return false; }
    if (problem.code === "not-held") { show("failed", "Not yours"); close("This case is no longer yours: it was taken over or its claim ran out. What you wrote until the last “Saved” is kept with it."); return false; }
    if (problem.code === "stale-draft") { show("failed", "Changed elsewhere"); close("This draft was changed in another window. Reload to see it; copy your last words first."); return false; }
    return failed("Not saved" + (problem.detail ? ": " + problem.detail : ""));
  }

  function failed(text) {
    show("failed", text);
    dirtySince ||= Date.now();
    clearTimeout(timer);
    timer = setTimeout(save, 2500);
    return false;
  }

  async function release(how, overrides = {}) {
    if (closed) return;
    clearTimeout(timer);
    if ((dirtySince || saving || revision === 0) && !(await save())) { toast("Not signed: the text could not be saved.", "error"); return; }
    const fields = { revision, overrides: JSON.stringify(overrides), ...(how === "sign" ? withSignature() : {}) };
    if (document.getElementById("then-next").checked) fields.next = "1";
    const buttons = [...form.querySelectorAll("[data-release]")];
    for (const button of buttons) button.disabled = true;
    let answer;
    try { answer = await post(form.dataset[how], fields); } catch { answer = null; }
    for (const button of buttons) button.disabled = false;
    if (!answer) { toast("Not signed: no connection. Try again.", "error"); return; }
    const news = await answer.json().catch(() => ({}));
    if (answer.ok) { closed = true; location.assign(news.url); return; }
    if (answer.status === 422) { const reasons = await override(news.remarks, how); if (reasons) await release(how, { ...overrides, ...reasons }); return; }
    toast(news.detail ?? "Not signed.", "error");
    document.getElementById(news.at)?.focus();
  }

  function override(remarks, how) {
    const dialog = document.getElementById("remarks");
    const place = dialog.querySelector("[data-remarks]");
    dialog.querySelector("h2").textContent = how === "sign" ? "Before you sign" : "Before it is released";
    place.replaceChildren();
    remarks.forEach((remark, index) => {
      const field = document.createElement("div"), label = document.createElement("label"), input = document.createElement("input");
      field.className = "field";
      label.htmlFor = input.id = "override-" + index;
      label.textContent = remark.sentence;
      input.required = true;
      input.maxLength = 250;
      input.placeholder = "Why it does not count here";
      input.dataset.check = remark.check;
      field.append(label, input);
      place.append(field);
    });
    dialog.returnValue = "";
    dialog.showModal();
    place.querySelector("input")?.focus();
    return new Promise((resolve) => dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "ok") { document.getElementById(remarks[0].section)?.focus(); resolve(null); return; }
      resolve(Object.fromEntries([...place.querySelectorAll("input")].map((input) => [input.dataset.check, input.value])));
    }, { once: true }));
  }

  for (const button of form.querySelectorAll("[data-release]")) button.addEventListener("click", () => release(button.dataset.release));
  for (const key of form.querySelectorAll("[data-focus]")) key.addEventListener("click", (event) => { event.preventDefault(); const area = document.getElementById(key.dataset.focus); area.focus(); area.setSelectionRange?.(area.value.length, area.value.length); });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeunload", (event) => { if (!closed && (dirtySince || saving)) { save(); event.preventDefault(); } });
  document.addEventListener("visibilitychange", () => { if (document.hidden && dirtySince) save(); });
  document.addEventListener("htmx:confirm", async (event) => {
    if (!dirtySince || !event.target.closest(".topbar")) return;
    event.preventDefault();
    if (await save()) event.detail.issueRequest(true);
  });
  setInterval(async () => {
    if (closed || Date.now() - active > AWAY) return;
    const answer = await post(form.dataset.heartbeat, {}, { "X-By-Itself": "1" }).catch(() => null);
    if (answer?.ok && !(await answer.json()).held) check();
  }, BEAT);
  const check = async () => {
    const answer = await fetch(room.dataset.standing, { headers: { Accept: "application/json", "X-By-Itself": "1" } }).catch(() => null);
    if (!answer?.ok || closed) return;
    const now = await answer.json();
    if (!now.mine) close(now.state === "cancelled" ? "This case was cancelled with its order." : now.holder ? now.holder + " has taken this case over. What you wrote until the last “Saved” went with it." : "You do not hold this case any more. What you wrote until the last “Saved” is kept with it.");
    else if (String(now.order) !== room.dataset.orderVersion || String(now.patient) !== room.dataset.patientVersion) document.getElementById("changed").hidden = false;
  };
  listen({ onIds: (ids) => { if (ids.includes(Number(room.dataset.item))) check(); }, onAll: check });
}
