// Exchanges a dashboard's tiles when the server says that a figure changed, and shows a page of one form as a dialog. Every page
// works without this file.
"use strict";

const container = document.querySelector("[data-live]");
const state = document.querySelector("[data-state]");

const say = (text, kind) => {
  if (!state) return;
  if (state.textContent !== text) state.textContent = text;
  state.dataset.state = kind;
};

// The server may have said that what it sent is old.
const sayLive = () => (document.querySelector("[data-behind]") ? say("Behind", "off") : say("Live", "on"));

if (container && state) {
  const beside = document.querySelector("[data-refresh]"); // what the figures are about in other words
  let source = null;
  let retry = 0;

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
    sayLive();
  };

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };

  const open = () => {
    close();
    source = new EventSource(container.dataset.live);
    source.addEventListener("open", sayLive);
    source.addEventListener("tiles", (event) => {
      exchange(event.data);
      if (container.querySelector(".changed")) beside?.dispatchEvent(new CustomEvent("stale", { detail: event.lastEventId }));
    });
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

// What a link to a form leads to, without leaving the page. The server judges what is sent as it does where there are no scripts: what
// it refuses is shown in the dialog, and where it leads to another page the browser goes.
const askIn = (dialog, html) => {
  const form = new DOMParser().parseFromString(html, "text/html").querySelector("[data-form]");
  if (!form) return false;
  dialog.replaceChildren(document.adoptNode(form));
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("input:not([type=hidden]), select, textarea"))?.focus();
  return true;
};

const ask = async (link) => {
  const answer = await fetch(link.href);
  const html = await answer.text();
  const dialog = document.createElement("dialog");
  dialog.className = "asking";
  dialog.setAttribute("aria-labelledby", "form-title");
  if (answer.redirected || !askIn(dialog, html)) return location.assign(answer.url);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest(".actions a")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.submitter;
    if (button?.ariaBusy === "true") return;
    if (button) button.ariaBusy = "true";
    try {
      const sent = await fetch(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
      if (sent.redirected || !askIn(dialog, await sent.text())) location.assign(sent.url);
    } catch {
      event.target.submit(); // the browser says itself what is wrong with the line
    }
  });
  dialog.showModal();
  askFocus(dialog);
};

// A dialog that opens puts the focus on its first control, which should be one that is asked for.
const askFocus = (dialog) => dialog.querySelector("input:not([type=hidden]), select, textarea")?.focus();

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-dialog]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !("showModal" in HTMLDialogElement.prototype)) return;
  event.preventDefault();
  ask(link).catch(() => location.assign(link.href));
});

// Buttons that copy a field are of use only where the browser lets a page write to the clipboard.
for (const button of navigator.clipboard ? document.querySelectorAll("[data-copies]") : []) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copies);
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.nextElementSibling.textContent = "Copied";
  });
}

// How many rows of a list are ticked, and a box for all of them.
for (const bar of document.querySelectorAll("form.selection")) {
  const words = bar.querySelector("[role=status]");
  const boxes = [...bar.elements].filter((field) => field.type === "checkbox");
  const all = bar.parentElement.querySelector("input[data-all]");
  const count = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    words.textContent = ticked ? `${ticked} of ${boxes.length} ticked` : "With the rows that are ticked";
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && !all.checked;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    count();
  });
  for (const box of boxes) box.addEventListener("change", count);
  count(); // a browser that comes back to a page keeps its ticks
}
