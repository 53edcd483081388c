// Keeps a region of a page as the server has it now. What is the same stays the same element, and so the focus, an open menu and what
// was typed stay, too, and nothing is exchanged under a finger that presses it.
{
  const region = document.querySelector("[data-refresh]");
  const state = document.querySelector("[data-state]");

  const same = (a, b) => a.nodeName === b.nodeName && a.id === b.id;

  const becomeAttributes = (old, fresh) => {
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  };

  const become = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.matches("input, select, textarea")) return; // what was entered stays, and so does the key of a form
    becomeAttributes(old, fresh);
    let at = old.firstChild;
    const rest = [...fresh.childNodes];
    while (rest.length) {
      const next = rest.shift();
      if (!at || (!same(at, next) && rest.some((later) => same(at, later)))) {
        old.insertBefore(document.adoptNode(next), at);
        continue;
      }
      let gone = null;
      for (let found = at; found; found = found.nextSibling) if (same(found, next)) { gone = found; break; }
      if (!gone) {
        old.insertBefore(document.adoptNode(next), at);
        continue;
      }
      while (at !== gone) {
        const past = at;
        at = at.nextSibling;
        past.remove();
      }
      become(at, next);
      at = at.nextSibling;
    }
    while (at) {
      const past = at;
      at = at.nextSibling;
      past.remove();
    }
  };

  const say = (text, kind) => {
    if (!state) return;
    if (state.textContent !== text) state.textContent = text;
    state.dataset.state = kind;
  };

  // What had the focus may stand somewhere else now, as another element of the same name.
  const exchange = (fresh) => {
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    become(region, fresh);
    if (focused?.id && !focused.isConnected) document.getElementById(focused.id)?.focus({ preventScroll: true });
  };

  const page = () => region.dataset.address ?? location.href;

  let timer = 0;
  let looked = -Infinity;
  const later = (wait, after) => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, wait, after);
  };
  const look = async (after) => {
    clearTimeout(timer);
    if ("held" in region.dataset) return later(500, after); // a card is in the air
    looked = performance.now();
    const address = new URL(page(), location.href);
    if (after) address.searchParams.set("after", after);
    try {
      const answer = await fetch(address);
      if (answer.redirected) return location.assign(answer.url); // the sign-in
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(region.id);
      if ("held" in region.dataset) return later(500, after);
      if (answer.ok && fresh) exchange(fresh);
      say(answer.ok && fresh ? "Live" : "Not up to date", answer.ok && fresh ? "on" : "off");
    } catch {
      say("Reconnecting…", "off");
    }
    later(Number(region.dataset.refresh));
  };

  if (region) {
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
    window.addEventListener("pagehide", () => clearTimeout(timer));
    window.addEventListener("pageshow", (event) => event.persisted && look());
    // Somebody who knows that it is not up to date says so, or has it as it is now. Many say so at once where much happens.
    region.addEventListener("stale", ({ detail }) => later(Math.max(0, looked + 1000 - performance.now()), detail));
    region.addEventListener("fresh", ({ detail }) => exchange(detail));
    if ("follow" in region.dataset) later(Number(region.dataset.refresh));
    else look();
  }
}
