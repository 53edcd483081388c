// Cards of a board that are dragged, or carried by keys. Where a card is put down is sent to the server as its menu sends it; the answer is
// the board as it is then, and so a card that may not go there is back where it was, with the reason beside it.
{
  const region = document.querySelector("[data-board]")?.closest("[data-address]");
  const said = document.querySelector("[data-said]");
  let carried = null; // the card, where it was, and whether keys carry it

  const columns = () => [...region.querySelectorAll("[data-step]")];
  const columnOf = (element) => element.closest("[data-step]");
  const gripOf = (card) => card.querySelector("[data-grip]");
  const say = (text) => (said.textContent = text);

  const lift = (card, keys) => {
    carried = { card, keys, home: card.parentNode, before: card.nextElementSibling };
    region.dataset.held = "";
    card.classList.add("lifted");
    gripOf(card).ariaPressed = "true";
  };

  const letGo = () => {
    const { card } = carried;
    carried = null;
    delete region.dataset.held;
    card.classList.remove("lifted");
    gripOf(card).ariaPressed = "false";
    for (const column of columns()) column.classList.remove("over");
  };

  const place = (card, list, before) => {
    list.insertBefore(card, before);
    gripOf(card).focus({ preventScroll: true }); // one that is moved loses it
  };

  const putBack = (words) => {
    const { card, home, before } = carried;
    letGo();
    if (card.parentNode !== home) place(card, home, before?.isConnected ? before : null);
    say(words);
  };

  const show = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.getElementById(region.id);
    if (!fresh) return null;
    region.dispatchEvent(new CustomEvent("fresh", { detail: fresh }));
    const notes = page.querySelector(".toasts");
    const words = [...(notes?.querySelectorAll("p") ?? [])].map((note) => note.textContent).join(" ");
    if (notes) document.querySelector(".toasts")?.replaceWith(document.adoptNode(notes));
    return words;
  };

  const put = async () => {
    const { card, home } = carried;
    const column = columnOf(card);
    if (card.parentNode === home) return putBack("It is where it was.");
    const { move, key, back } = card.dataset;
    const { step, title } = column.dataset;
    card.ariaBusy = "true";
    try {
      const sent = await fetch(move.replace("%7Bstep%7D", step).replace("{step}", step), {
        method: "POST",
        body: new URLSearchParams({ idempotencyKey: `${key}-${step}`, back }),
      });
      if (sent.redirected && new URL(sent.url).pathname !== location.pathname && !sent.url.includes("view=board")) return location.assign(sent.url);
      const html = await sent.text();
      const id = card.id;
      letGo();
      const words = show(html);
      if (words === null) return document.location.assign(back); // a page of its own says what is wrong
      say(sent.ok ? `Moved to ${title}.` : `Not moved. ${words}`);
      const now = document.getElementById(id);
      if (now) gripOf(now)?.focus({ preventScroll: true });
    } catch {
      card.ariaBusy = "false";
      if (carried) putBack("Not moved: the server did not answer.");
    }
  };

  const carry = (by) => {
    const all = columns();
    const at = all.indexOf(columnOf(carried.card)) + by;
    if (!all[at]) return;
    place(carried.card, all[at].querySelector(".cards"), all[at].querySelector(".cards").firstElementChild);
    for (const column of all) column.classList.toggle("over", column === all[at]);
    all[at].scrollIntoView({ block: "nearest", inline: "nearest" });
    say(`Over ${all[at].dataset.title}, column ${at + 1} of ${all.length}.`);
  };

  if (region && said) {
    document.documentElement.dataset.boards = "";
    region.addEventListener("click", (event) => {
      const grip = event.target.closest("[data-grip]");
      if (!grip || carried?.card.ariaBusy === "true") return;
      const card = grip.closest("[data-card]");
      if (carried) return put();
      lift(card, true);
      const all = columns();
      say(`${card.dataset.card} lifted from ${columnOf(card).dataset.title}, column ${all.indexOf(columnOf(card)) + 1} of ${all.length}.`);
    });
    region.addEventListener("keydown", (event) => {
      if (!carried?.keys || carried.card.ariaBusy === "true") return;
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 0, ArrowDown: 0 }[event.key];
      if (event.key !== "Escape" && by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Escape") putBack("Put back.");
      else if (by) carry(by);
    });
    region.addEventListener("focusout", () => {
      setTimeout(() => {
        if (carried?.keys && carried.card.ariaBusy !== "true" && document.activeElement !== gripOf(carried.card)) putBack("Put back.");
      });
    });
    region.addEventListener("dragstart", (event) => {
      const card = event.target.closest?.("[data-card]");
      if (!card || carried) return;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", card.dataset.card);
      lift(card, false);
    });
    region.addEventListener("dragover", (event) => {
      const column = event.target.closest("[data-step]");
      if (!carried || carried.keys || !column) return;
      event.preventDefault();
      for (const other of columns()) other.classList.toggle("over", other === column);
    });
    region.addEventListener("drop", (event) => {
      const column = event.target.closest("[data-step]");
      if (!carried || carried.keys || !column) return;
      event.preventDefault();
      if (column !== columnOf(carried.card)) column.querySelector(".cards").prepend(carried.card);
      put();
    });
    region.addEventListener("dragend", () => {
      if (carried && !carried.keys && carried.card.ariaBusy !== "true") putBack("Put back.");
    });
  }
}
