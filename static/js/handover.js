// Another's unsigned words in the draft: marked by whom and when, compared word by word, kept or set aside by decision.
import { toast } from "./toasts.js";
import { showDiff } from "./word_diff.js";
import { say } from "./words.js";

export function startHandover({ form, page, post, fields, saver, revision, done }) {
  const note = document.getElementById("handover");
  if (!note) return { ask: (text) => toast(text, "error") };
  const place = note.querySelector("[data-diff]");

  async function compare() {
    if (!place.hidden) { place.hidden = true; return; }
    const answer = await fetch(page.handover, { headers: { Accept: "application/json" } }).catch(() => null);
    const waiting = answer?.ok ? await answer.json() : null;
    if (!waiting?.sections) return;
    const here = fields();
    showDiff(place, waiting.sections, Object.fromEntries(Object.keys(waiting.sections).map((name) => [name, here[name] ?? ""])));
    place.hidden = false;
  }

  async function decide(keep) {
    if (saver.dirty && !(await saver.save())) { toast(say("Not saved yet; try again."), "error"); return; }
    const answer = await post(page.handover, { keep: keep ? "1" : "0", revision: revision() }).catch(() => null);
    const news = answer ? await answer.json().catch(() => ({})) : {};
    if (!answer?.ok) { toast(news.detail ?? say("Not decided: no connection."), "error"); return; }
    done(news);
    note.hidden = true;
    form.querySelector("#findings")?.focus();
  }

  note.querySelector("[data-compare-words]").addEventListener("click", compare);
  note.querySelector("[data-keep]").addEventListener("click", () => decide(true));
  note.querySelector("[data-set-aside]").addEventListener("click", () => decide(false));
  return { ask: (text) => { toast(text, "error"); note.hidden = false; note.scrollIntoView({ block: "nearest" }); note.querySelector("[data-keep]").focus(); } };
}
