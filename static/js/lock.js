// The screen locks when nobody works at it, and is unlocked by the same person; another switches user. What is on the
// page stays. When the session is over, the log-in happens in the same dialog, over the page.
// Tells the page by events on window, with {user} as detail: wetread:locked, wetread:unlocked, wetread:signed-out,
// wetread:signed-in.
import { csrf, renew } from "./csrf.js";
import { say } from "./words.js";

const WARN_MS = 60000, PING_MS = 60000, SEEN = "wetread.seen";
const dialog = document.getElementById("lock");
const user = Number(document.body.dataset.user), title = document.title;
const others = new BroadcastChannel("wetread.lock");
const plainFetch = window.fetch.bind(window);
let state = "open", seen = Date.now(), pinged = Date.now();
// Whether the server said that the session is locked or over. A lock that did not reach it stays on this screen.
let confirmed = false;

export const isOpen = () => state === "open";
const tell = (name, who = user) => dispatchEvent(new CustomEvent("wetread:" + name, { detail: { user: who } }));
const send = (url, fields) => plainFetch(url, { method: "POST", headers: { "X-CSRFToken": csrf(), Accept: "application/json" }, body: new URLSearchParams(fields) });
const part = (name) => dialog.querySelector(`[data-${name}]`);

// What the server says of this browser's session now: "open", "locked" or "out". The token is renewed on the way.
// A session that another window opened again is open here, too; another person's goes to their first page (leave).
export async function check(leave = () => location.assign("/")) {
  const before = confirmed && state;
  const answer = await plainFetch(dialog.dataset.state, { headers: { Accept: "application/json", "X-By-Itself": "1" } }).catch(() => null);
  if (!answer?.ok) return state;
  const news = await answer.json();
  renew(news.csrf);
  if (news.user && news.user !== user) { leave(); return "out"; }
  if (!news.user || news.locked) { cover(news.user ? "locked" : "out"); confirmed = true; }
  else if (before && before === state && confirmed) uncover(state === "out" ? "signed-in" : "unlocked");
  return news.user ? (news.locked ? "locked" : "open") : "out";
}

function cover(next) {
  if (state === next) return;
  const before = state;
  state = next;
  document.body.classList.add("locked");
  document.title = "Locked · Wetread";
  show(next === "out" ? "login" : "unlock");
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("form:not([hidden]) input").focus();
  if (before === "open") tell("locked");
  if (next === "out") tell("signed-out");
}

function show(form) {
  for (const name of ["unlock", "login"]) part(name).hidden = name !== form;
  part("back").hidden = state === "out";
  dialog.querySelector("h2").textContent = state === "out" ? "You were logged off" : form === "login" ? "Switch user" : "Locked";
  for (const error of dialog.querySelectorAll("[data-error]")) error.hidden = true;
}

function uncover(event) {
  if (state === "open") return;
  state = "open";
  confirmed = false;
  seen = pinged = Date.now();
  document.body.classList.remove("locked");
  document.title = title;
  for (const field of dialog.querySelectorAll("input[type=password]")) field.value = "";
  dialog.close();
  tell(event);
}

async function lock() {
  if (state !== "open") return;
  cover("locked");
  const answer = await send(dialog.dataset.lock, {}).catch(() => null);
  confirmed ||= state !== "open" && Boolean(answer?.ok || answer?.status === 423);
  others.postMessage("locked");
}

async function attempt(form, url, fields) {
  await check();
  const error = form.querySelector("[data-error]");
  const answer = await send(url, fields).catch(() => null);
  const news = await answer?.json().catch(() => null);
  if (answer?.ok && news) { renew(news.csrf); return news; }
  error.hidden = false;
  error.querySelector("div").textContent = news?.detail ?? say("The server does not answer. Try again.");
  return null;
}

async function unlock(event) {
  event.preventDefault();
  const form = part("unlock");
  const news = await attempt(form, dialog.dataset.unlock, { secret: form.secret.value });
  form.secret.value = "";
  if (news) { others.postMessage("unlocked"); uncover("unlocked"); }
}

async function unlockByPasskey() {
  const form = part("unlock");
  const answer = await plainFetch(dialog.dataset.passkey, { headers: { Accept: "application/json" } });
  const options = PublicKeyCredential.parseRequestOptionsFromJSON((await answer.json()).publicKey);
  const credential = await navigator.credentials.get({ publicKey: options }).catch(() => null);
  if (!credential) return;
  const news = await attempt(form, dialog.dataset.unlock, { credential: JSON.stringify(credential.toJSON()) });
  if (news) { others.postMessage("unlocked"); uncover("unlocked"); }
}

async function logIn(event) {
  event.preventDefault();
  const form = part("login");
  const news = await attempt(form, dialog.dataset.login, { username: form.username.value, password: form.password.value });
  if (!news) return;
  others.postMessage("signed-in");
  if (news.user === user) { uncover("signed-in"); return; }
  if (news.user) tell("signed-in", news.user);  // null: a second factor is still to be shown
  location.assign(news.go);
}

function watch() {
  const idleMs = 1000 * Number(document.body.dataset.idle);
  const quietMs = Date.now() - Math.max(seen, Number(localStorage.getItem(SEEN) ?? 0));
  const warning = document.getElementById("lock-warning");
  if (state !== "open") { warning.hidden = true; return; }
  warning.hidden = quietMs < idleMs - Math.min(WARN_MS, idleMs / 2);
  if (quietMs >= idleMs) lock();
  else if (seen > pinged && Date.now() - pinged >= PING_MS) { pinged = Date.now(); send(dialog.dataset.seen, {}).then(expect).catch(() => null); }
}

function expect(answer) {
  if (answer.status === 401 || answer.status === 423) check();
  return answer;
}

export function startLock() {
  if (!dialog) return;
  for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"]) {
    addEventListener(kind, () => {
      if (state !== "open" || Date.now() - seen < 1000) return;
      seen = Date.now();
      localStorage.setItem(SEEN, String(seen));
    }, { passive: true, capture: true });
  }
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => { if (state !== "open") dialog.showModal(); });
  part("unlock").addEventListener("submit", unlock);
  part("login").addEventListener("submit", logIn);
  part("passkey")?.addEventListener("click", unlockByPasskey);
  part("switch").addEventListener("click", () => { show("login"); part("login").username.focus(); });
  part("back").addEventListener("click", () => { show("unlock"); part("unlock").secret.focus(); });
  for (const button of document.querySelectorAll("[data-lock-now]")) button.addEventListener("click", lock);
  others.addEventListener("message", () => check());
  addEventListener("focus", () => { if (state !== "open") check(() => location.reload()); });
  window.fetch = async (...args) => expect(await plainFetch(...args));
  document.addEventListener("htmx:responseError", (event) => expect(event.detail.xhr));
  setInterval(watch, 1000);
}
