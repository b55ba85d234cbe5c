// The shell of every page: tokens for requests, toasts, questions before an act, theme, keys, clocks.
import { csrf } from "./csrf.js";
import { startClocks } from "./clocks.js";
import { startLock } from "./lock.js";
import { startKeys } from "./keys.js";
import { startToasts, toast } from "./toasts.js";
import { startAsking } from "./asking.js";
import { startRows } from "./rows.js";
import { startBell } from "./bell.js";
import { startGoTo } from "./go_to.js";
import { say } from "./words.js";

document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRFToken"] = csrf(); });
document.addEventListener("htmx:sendError", () => toast(say("The server does not answer. Nothing was changed; try again."), "error"));
document.addEventListener("htmx:responseError", (event) => {
  if (![401, 423].includes(event.detail.xhr.status) && !event.detail.xhr.getResponseHeader("HX-Trigger")) {
    toast(say("That did not work. Nothing was changed; reload and try again.") + " (" + event.detail.xhr.status + ")", "error");
  }
});

const THEMES = ["system", "dark", "light"];
for (const button of document.querySelectorAll("[data-theme-url]")) {
  button.addEventListener("click", async () => {
    const root = document.documentElement;
    const next = THEMES[(THEMES.indexOf(root.dataset.theme || "system") + 1) % THEMES.length];
    if (next === "system") delete root.dataset.theme; else root.dataset.theme = next;
    await fetch(button.dataset.themeUrl, { method: "POST", headers: { "X-CSRFToken": csrf() }, body: new URLSearchParams({ theme: next }) });
    toast(say("Theme") + ": " + next);
  });
}

// The menu's fold is a choice of the browser; the reading room begins folded whatever was chosen.
for (const button of document.querySelectorAll("[data-rail-fold]")) {
  button.addEventListener("click", () => {
    const app = document.querySelector(".app");
    app.dataset.rail = document.querySelector(".rail").offsetWidth > 80 ? "folded" : "open";
    if (!document.querySelector(".cockpit")) document.cookie = `rail=${app.dataset.rail}; path=/; max-age=31536000; samesite=lax`;
  });
}

// A button that opens a dialog of the page.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});

startLock();
startToasts();
startAsking();
startKeys();
startRows();
startClocks();
startBell();
startGoTo();
