// Exchanges a dashboard's tiles when the server says that a figure changed. Every page works without this file.
"use strict";

const container = document.querySelector("[data-live]");
const state = document.querySelector("[data-state]");

if (container && state) {
  let source = null;
  let retry = 0;

  const say = (text, kind) => {
    if (state.textContent !== text) state.textContent = text;
    state.dataset.state = kind;
  };

  const textOf = (tile) => tile.querySelector(".value").textContent;

  const exchange = (html) => {
    const before = new Map();
    for (const tile of container.querySelectorAll(".tile")) before.set(tile.id, textOf(tile));
    const focused = container.contains(document.activeElement) ? document.activeElement.id : "";
    const fresh = new DOMParser().parseFromString(html, "text/html");
    container.replaceChildren(...fresh.body.childNodes);
    for (const tile of container.querySelectorAll(".tile")) {
      if (before.has(tile.id) && before.get(tile.id) !== textOf(tile)) tile.classList.add("changed");
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };

  const open = () => {
    close();
    source = new EventSource(container.dataset.live);
    source.addEventListener("open", () => say("Live", "on"));
    source.addEventListener("tiles", (event) => exchange(event.data));
    source.addEventListener("ended", () => location.reload()); // leads to the sign-in
    source.addEventListener("error", () => {
      say("Reconnecting…", "off");
      // A browser repeats a broken stream by itself, but not one that was refused.
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(open, 5000);
    });
  };

  // A browser allows few connections to one host: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && open());
  if (!document.hidden) open();
}
