// The live line: {seq, ids} from the server, which repeats its last number every five seconds. A number that is
// missing, or a line that was down, means: read everything again. The badge says "stale since" within ten seconds.
import { wallClock } from "./clocks.js";
import { isOpen } from "./lock.js";
import { leaveIfSignedOut } from "./signed_out.js";
import { say } from "./words.js";

const PATIENCE = 7500, SIGNED_OUT = 4401;

export function listen({ onIds, onAll }) {
  const badge = document.querySelector("[data-live]");
  let socket, seq = null, heard = Date.now(), wait = 500, stale = false;

  const show = (state, text) => { if (badge) { badge.dataset.state = state; badge.querySelector("[data-text]").textContent = text; } };
  function lost() { if (!stale) { stale = true; show("stale", say("Stale since") + " " + wallClock(heard)); } }

  // Nothing is heard while the screen is locked; whoever unlocks it sees what came meanwhile.
  function connect() {
    if (!isOpen()) return;
    socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws/worklist/");
    const mine = socket;
    mine.addEventListener("open", () => { seq = null; });
    mine.addEventListener("message", (event) => {
      const news = JSON.parse(event.data);
      heard = Date.now();
      wait = 500;
      if (seq === null || stale) {
        if (stale || seq === null) onAll();
        stale = false;
        show("live", say("Live"));
      } else if (news.seq > seq + 1 || news.seq < seq || (news.seq > seq && !news.ids.length)) onAll();
      else if (news.ids.length) onIds(news.ids);
      seq = news.seq;
    });
    mine.addEventListener("close", async (event) => {
      if (mine !== socket) return;
      lost();
      if (!isOpen()) return;
      if (event.code === SIGNED_OUT && await leaveIfSignedOut()) return;
      setTimeout(connect, wait);
      wait = Math.min(wait * 1.7, 8000);
    });
  }

  addEventListener("wetread:locked", () => socket?.close());
  for (const name of ["wetread:unlocked", "wetread:signed-in"]) addEventListener(name, () => { wait = 500; connect(); });
  setInterval(() => {
    if (Date.now() - heard < PATIENCE || !isOpen()) return;
    lost();
    if (socket?.readyState === WebSocket.OPEN) { const old = socket; socket = null; old.close(); connect(); }
  }, 500);
  addEventListener("online", () => { wait = 500; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) onAll(); });
  connect();
}
