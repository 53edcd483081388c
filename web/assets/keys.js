// The command palette and the keyboard shortcuts. Every page works without this file: the palette's button is a link to a page
// that lists the same.
"use strict";

const palette = document.getElementById("palette");
const help = document.getElementById("keys");

if (palette && help) {
  const field = palette.querySelector("[role=combobox]");
  const options = [...palette.querySelectorAll("[role=option]")];
  const shown = () => options.filter((option) => !option.hidden);

  const choose = (option) => {
    for (const other of options) other.ariaSelected = String(other === option);
    field.setAttribute("aria-activedescendant", option?.id ?? "");
    option?.scrollIntoView({ block: "nearest" });
  };

  const narrow = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const option of options) {
      option.hidden = words.length ? !words.every((word) => option.dataset.words.includes(word)) : "late" in option.dataset;
    }
    for (const group of palette.querySelectorAll("[role=group]")) group.hidden = !group.querySelector("[role=option]:not([hidden])");
    const found = shown();
    choose(found[0]);
    palette.querySelector("[role=status]").textContent = found.length ? "" : "Nothing is called that.";
  };

  const perform = ({ dataset }) => {
    palette.close();
    if (dataset.href) return location.assign(dataset.href);
    if (dataset.opens) return document.getElementById(dataset.opens).showModal();
    const form = document.getElementById(dataset.form);
    if (dataset.value) form.elements.theme.value = dataset.value;
    form.requestSubmit();
  };

  const open = () => {
    field.value = "";
    palette.showModal(); // which gives the focus back when it is closed
    narrow();
  };

  const keys = {
    ArrowDown: (all, at) => choose(all[(at + 1) % all.length]),
    ArrowUp: (all, at) => choose(all.at(at - 1)),
    Enter: (all, at) => perform(all[at]),
  };
  field.addEventListener("input", narrow);
  field.addEventListener("keydown", (event) => {
    const all = shown();
    if (!keys[event.key] || event.isComposing || !all.length) return;
    event.preventDefault();
    keys[event.key](all, all.findIndex((option) => option.ariaSelected === "true"));
  });
  palette.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) perform(option);
  });
  for (const link of document.querySelectorAll("a[data-opens=palette]")) {
    link.ariaHasPopup = "dialog";
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab was asked for
      event.preventDefault();
      open();
    });
  }

  // Single keys. None does anything while somebody types, in a dialog, or where they are turned off.
  let since = -Infinity; // when g was pressed
  const meant = (event) => {
    const follows = event.timeStamp - since < 2000;
    since = event.key === "g" && !follows ? event.timeStamp : -Infinity;
    if (follows) {
      const screen = options.find((option) => option.dataset.key === event.key);
      return screen && (() => perform(screen));
    }
    const search = document.querySelector("main input[type=search]");
    const add = document.querySelector("main a[data-new]");
    return {
      "?": () => help.showModal(),
      "/": search && (() => (search.focus(), search.select())),
      n: add && (() => (add.focus(), add.click())),
    }[event.key];
  };
  document.addEventListener("keydown", (event) => {
    const dialog = document.querySelector("dialog[open]");
    const withControl = event.ctrlKey || event.metaKey;
    if (withControl && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k" && (!dialog || dialog === palette)) {
      event.preventDefault();
      return dialog ? palette.close() : open();
    }
    const busy = dialog || event.target.closest?.("input, select, textarea, [contenteditable]");
    if (withControl || event.altKey || event.repeat || event.isComposing || busy || "keysOff" in document.body.dataset) return;
    const act = meant(event);
    if (!act) return;
    event.preventDefault();
    act();
  });
}
