// Tables and boards that are walked with j and k (or arrows). The chosen row carries data-chosen and the focus.
export const rowsOf = (list) => [...list.querySelectorAll("[data-row]:not([hidden])")];

export function mark(row, chosen) {
  row.toggleAttribute("data-chosen", chosen);
  row.tabIndex = chosen ? 0 : -1;
  const attribute = row.tagName === "TR" ? "aria-selected" : "aria-current";
  if (chosen) row.setAttribute(attribute, "true"); else row.removeAttribute(attribute);
}

export function choose(row, { focus = true } = {}) {
  const list = row.closest("[data-rows]");
  for (const other of rowsOf(list)) if (other !== row) mark(other, false);
  mark(row, true);
  if (focus) { row.focus({ preventScroll: true }); row.scrollIntoView({ block: "nearest" }); }
  row.dispatchEvent(new CustomEvent("chosen", { bubbles: true }));
}

export function walk(list, by) {
  const rows = rowsOf(list);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.hasAttribute("data-chosen"));
  choose(rows[Math.min(Math.max(at + by, 0), rows.length - 1)]);
}

// On a board the rows stand in lanes: h and l, or the arrows, go to the lane beside, to the card at the same height.
function cross(list, by) {
  const lanes = [...list.querySelectorAll(".lane")].filter((lane) => rowsOf(lane).length);
  const at = lanes.findIndex((lane) => lane.querySelector("[data-chosen]"));
  const lane = lanes[at < 0 ? 0 : Math.min(Math.max(at + by, 0), lanes.length - 1)];
  if (!lane) return;
  const height = at < 0 ? 0 : rowsOf(lanes[at]).findIndex((row) => row.hasAttribute("data-chosen"));
  const rows = rowsOf(lane);
  choose(rows[Math.min(height, rows.length - 1)]);
}

const free = (target) => !target.closest("input, textarea, select, dialog, .tabs");

export function startRows() {
  for (const list of document.querySelectorAll("[data-rows]")) {
    const first = list.querySelector("[data-row]");
    if (first && !list.querySelector("[data-chosen]")) first.tabIndex = 0;
  }
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !free(event.target)) return;
    const list = event.target.closest("[data-rows]") ?? document.querySelector("[data-rows]");
    if (!list || document.querySelector("dialog[open]")) return;
    const off = document.documentElement.dataset.keys === "off";
    const key = event.key;
    if (key === "ArrowDown" || (key === "j" && !off)) { event.preventDefault(); walk(list, 1); }
    else if (key === "ArrowUp" || (key === "k" && !off)) { event.preventDefault(); walk(list, -1); }
    else if (list.querySelector(".lane") && (key === "ArrowRight" || (key === "l" && !off))) { event.preventDefault(); cross(list, 1); }
    else if (list.querySelector(".lane") && (key === "ArrowLeft" || (key === "h" && !off))) { event.preventDefault(); cross(list, -1); }
    else if (key === "Home" && event.target.closest("[data-row]")) { event.preventDefault(); walk(list, -1e6); }
    else if (key === "End" && event.target.closest("[data-row]")) { event.preventDefault(); walk(list, 1e6); }
    else if (key === "Enter" && (event.target.matches("[data-row]") || event.target === document.body || event.target.id === "main")) {
      const link = list.querySelector("[data-chosen] a.open");
      if (link) { event.preventDefault(); link.click(); }
    }
  });
  // From a search box whose results are rows: arrows choose while the words stay under the cursor, Enter opens.
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("input[data-walks]");
    const list = box && document.getElementById(box.dataset.walks);
    if (!list || event.isComposing) return;
    const rows = rowsOf(list), at = rows.findIndex((row) => row.hasAttribute("data-chosen"));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = at < 0 && event.key === "ArrowDown" ? 0 : Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), rows.length - 1);
      if (rows[next]) { choose(rows[next], { focus: false }); rows[next].scrollIntoView({ block: "nearest" }); }
    } else if (event.key === "Enter" && (at >= 0 || rows.length === 1)) {
      event.preventDefault();
      rows[Math.max(at, 0)].querySelector("a.open")?.click();
    }
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && !event.target.closest("a, button, input, select, textarea, summary")) choose(row);
  });
  document.addEventListener("dblclick", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && !event.target.closest("a, button")) row.querySelector("a.open")?.click();
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && !row.hasAttribute("data-chosen")) choose(row, { focus: false });
  });
}
