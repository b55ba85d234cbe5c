// Two texts side by side, word by word, and the question which of them is to stand.
const MOST_CELLS = 4e6;
const split = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];

// [[" " | "-" | "+", text], …]: what both have, what only the first has, what only the second has.
export function wordDiff(before, after) {
  const a = split(before), b = split(after);
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return joined([...a.slice(0, start).map((word) => [" ", word]), ...middle, ...a.slice(a.length - end).map((word) => [" ", word])]);
}

function between(a, b) {
  if (a.length * b.length > MOST_CELLS) return [...a.map((word) => ["-", word]), ...b.map((word) => ["+", word])];
  const width = b.length + 1, common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const parts = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { parts.push([" ", a[i]]); i += 1; j += 1; }
    else if (i < a.length && (j === b.length || common[(i + 1) * width + j] >= common[i * width + j + 1])) { parts.push(["-", a[i]]); i += 1; }
    else { parts.push(["+", b[j]]); j += 1; }
  }
  return parts;
}

function joined(parts) {
  const runs = [];
  for (const [kind, word] of parts) {
    if (runs.length && runs.at(-1)[0] === kind) runs.at(-1)[1] += word; else runs.push([kind, word]);
  }
  return runs;
}

export function showDiff(place, before, after, labels = {}) {
  place.replaceChildren();
  for (const name of Object.keys({ ...before, ...after })) {
    const one = before[name] ?? "", other = after[name] ?? "";
    if (!one.trim() && !other.trim()) continue;
    const title = document.createElement("h3"), text = document.createElement("p");
    title.textContent = labels[name] ?? name.replaceAll("_", " ");
    text.className = "worddiff";
    for (const [kind, words] of wordDiff(one, other)) {
      const element = document.createElement({ " ": "span", "-": "del", "+": "ins" }[kind]);
      element.textContent = words;
      text.append(element);
    }
    place.append(title, text);
  }
}

// Resolves with "before", "after", or null when nothing was chosen.
export function chooseText({ title, why, before, after, beforeLabel, afterLabel }) {
  const dialog = document.getElementById("two-texts");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("[data-why]").textContent = why;
  dialog.querySelector("[value=before]").textContent = beforeLabel;
  dialog.querySelector("[value=after]").textContent = afterLabel;
  showDiff(dialog.querySelector("[data-diff]"), before, after);
  dialog.returnValue = "";
  if (dialog.open) dialog.close();
  dialog.showModal();
  dialog.querySelector("[value=after]").focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(["before", "after"].includes(dialog.returnValue) ? dialog.returnValue : null), { once: true }));
}
