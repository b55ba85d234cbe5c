// Saves what is typed: into this browser at every key, to the server DELAY after the last key and LATEST after the
// first. While the server, the session or the connection is away it goes on trying, and no word is lost meanwhile.
import { OtherPerson, SignedOut, renew } from "./session.js";
import { say } from "./words.js";

const DELAY = 800, LATEST = 2500, AGAIN = 2500;

// send(fields) → "saved", or what it wants shown; it may throw as session.js does. show(state, text).
export function autosave({ words, fields, revision, send, show, session, user, onOtherPerson }) {
  let dirtySince = 0, timer = 0, saving = null, closed = false, changes = 0;

  const later = (wait) => { clearTimeout(timer); if (!closed) timer = setTimeout(() => self.save(), wait); };

  async function write() {
    const upTo = changes;
    dirtySince = 0;
    show("saving", say("Saving"));
    let outcome;
    try { outcome = await send(fields()); } catch (error) {
      if (error instanceof OtherPerson) { await self.keep(); self.close(); onOtherPerson(); return false; }
      return self.failed(error instanceof SignedOut ? say("Logged off: your words are kept in this browser. Log in to go on") : say("Not saved: no connection. Kept in this browser"), error instanceof SignedOut);
    }
    if (outcome !== "saved") return outcome ? self.failed(outcome) : false;
    if (changes === upTo) { await words.drop(); show("saved", ""); } else { dirtySince ||= Date.now(); show("dirty", say("Writing")); later(DELAY); }
    return true;
  }

  const self = {
    get dirty() { return Boolean(dirtySince || saving); },
    get closed() { return closed; },
    keep: () => words.keep({ fields: fields(), revision: revision() }),
    changed() {
      if (closed) return;
      changes += 1;
      dirtySince ||= Date.now();
      self.keep();
      show("dirty", say("Writing"));
      later(Math.max(0, Math.min(DELAY, dirtySince + LATEST - Date.now())));
    },
    async save() {
      if (closed) return false;
      clearTimeout(timer);
      if (saving) { await saving; if (!dirtySince) return true; return self.save(); }
      saving = write();
      const done = await saving.finally(() => { saving = null; });
      return done;
    },
    failed(text, signedOut = false) {
      show(signedOut ? "signed-out" : "failed", text);
      dirtySince ||= Date.now();
      later(AGAIN);
      return false;
    },
    // Nothing more is sent from here; what is kept in the browser stays.
    close() { closed = true; clearTimeout(timer); },
    settle: async () => { dirtySince = 0; await words.drop(); },
  };

  // A log-in over the page (or in another window) gives a new token; then the words go on their way at once.
  const back = async () => {
    if (closed || !dirtySince) return;
    try { await renew(session, user); await self.save(); } catch (error) {
      if (error instanceof OtherPerson) { await self.keep(); self.close(); onOtherPerson(); }
    }
  };
  for (const event of ["wetread:signed-in", "wetread:unlocked", "online", "focus"]) addEventListener(event, back);
  // A part of the page that reads itself again is answered 401 with the order to load the page anew: not this page.
  const signedOut = (event) => { if (closed) return; event.preventDefault(); self.failed(say("Logged off: your words are kept in this browser. Log in to go on"), true); };
  addEventListener("wetread:signed-out", signedOut);
  document.addEventListener("htmx:beforeOnLoad", (event) => { if (event.detail.xhr.status === 401) signedOut(event); });
  document.addEventListener("visibilitychange", () => { if (document.hidden && dirtySince && !closed) self.save(); });
  addEventListener("pagehide", () => { if (dirtySince && !closed) self.save(); });
  return self;
}
