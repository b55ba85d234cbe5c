// The room's end of the dictation hook: words of an engine go to where the reader stands, as if typed.
import { go, put } from "./writing.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const bar = document.getElementById("writing");
const form = document.getElementById("editor");
const SECTIONS = ["technique", "comparison", "findings", "impression"];

// path: of the websocket; tries: how often the line was dropped since it last stood.
export function listen(path, tries = 0) {
  const heard = bar.querySelector("[data-heard]");
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  let section = "findings";
  const start = () => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "start", section })); };
  const enter = (event) => { if (SECTIONS.includes(event.target.name)) { section = event.target.name; start(); } };
  form.addEventListener("focusin", enter);
  socket.addEventListener("open", () => { tries = 0; start(); });
  socket.addEventListener("message", (message) => {
    const event = JSON.parse(message.data);
    if (event.type === "partial") heard.textContent = event.text;
    else if (event.type === "final") {
      heard.textContent = "";
      const area = document.getElementById(event.section || section);
      if (!area || area.readOnly) return;
      write(area, event.text);
    } else if (event.text === "next") go(1);
    else if (event.text === "prev") go(-1);
    else if (event.text === "pause") heard.textContent = say("Paused");
    else if (event.text === "sign") form.querySelector("[data-release=sign]")?.click();
    socket.send(JSON.stringify({ type: "seen", id: event.id }));
  });
  socket.addEventListener("close", (event) => {
    form.removeEventListener("focusin", enter);
    // 4401 and 4403: logged off, or the case is another's now.
    if (event.code >= 4400) return;
    if (tries === 3) toast(say("Dictation is not connected. What you type is kept as ever."), "error");
    setTimeout(() => listen(path, tries + 1), Math.min(30000, 1000 * 2 ** tries));
  });
}

function write(area, text) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const gap = start && !/\s$/.test(value.slice(0, start)) && /^[\p{L}\p{N}(]/u.test(text) ? " " : "";
  put(area, start, end, gap + text);
}
