// Words of a report that this browser kept and no server acknowledged: what becomes of them when their author is back.
import { post } from "./session.js";
import { toast } from "./toasts.js";
import { wordsOf } from "./unsaved_words.js";

export const pageOf = () => document.getElementById("drafting").dataset;
export const reportWords = (page = pageOf()) => wordsOf({ user: page.user, item: page.item, kind: "report", key: page.wordsKey });

// Keep words beside the case that cannot go into its report: their author and the case's holder see them.
export async function keepBeside(given, revision) {
  const page = pageOf();
  const answer = await post(page.beside, { ...given, revision }, { user: page.user, session: page.session });
  if (!answer.ok) throw new TypeError("not kept: " + answer.status);
  await showBeside();
}

export async function showBeside() {
  const place = document.getElementById("beside");
  const answer = await fetch(pageOf().texts, { headers: { "X-By-Itself": "1" } }).catch(() => null);
  if (place && answer?.ok) place.innerHTML = await answer.text();
}

// The case is not mine (any more): words of mine that did not reach its draft are laid beside it.
export async function sendOrphans(room) {
  if (!room || !document.getElementById("drafting")) return;
  const words = reportWords();
  for (const orphan of await words.orphans()) {
    try {
      await keepBeside(orphan.words.fields, orphan.words.revision);
      await words.forget(orphan.page);
      toast("Your last words had not reached the draft. They are kept beside it.", "info");
    } catch { return; }
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-text-close]");
  if (!button) return;
  const page = pageOf();
  const answer = await post(button.dataset.textClose, {}, { user: page.user, session: page.session }).catch(() => null);
  if (answer?.ok) await showBeside(); else toast("Not put aside. Try again.", "error");
});
