// Keeps a region of a page as the server has it now. What is the same stays the same element, and so the focus, an open menu and what
// was typed stay, too, and nothing is exchanged under a finger that presses it.
{
  const region = document.querySelector("[data-refresh]");
  const tell = container ? () => {} : say; // who hears of figures says how that goes

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
    if (old.matches("input, select, textarea, [data-state]")) return; // what was entered stays, and so does the key of a form
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

  // What had the focus may stand somewhere else now, as another element of the same name.
  const exchange = (fresh) => {
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    become(region, fresh);
    if (focused?.id && !focused.isConnected) document.getElementById(focused.id)?.focus({ preventScroll: true });
  };

  const page = () => region.dataset.address ?? location.href;

  let timer = 0;
  let looked = -Infinity;
  let took = 0;
  let asking = false;
  let missed; // what was told while an answer was on its way, which may not have it
  const later = (wait, after) => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, wait, after);
  };
  // Many tell at once where much happens, and a server that takes long to answer has others to answer too.
  const soon = (after) => later(Math.max(0, looked + Math.max(200, 2 * took) - performance.now()), after);
  const look = async (after) => {
    clearTimeout(timer);
    if ("held" in region.dataset) return later(500, after); // a card is in the air
    looked = performance.now();
    asking = true;
    missed = undefined;
    const address = new URL(page(), location.href);
    if (after) address.searchParams.set("after", after);
    let fresh = null;
    try {
      const answer = await fetch(address);
      if (answer.redirected) return location.assign(answer.url); // the sign-in
      const text = await answer.text();
      if (answer.ok) fresh = new DOMParser().parseFromString(text, "text/html").getElementById(region.id);
      if (!fresh) tell("Not up to date", "off");
    } catch {
      tell("Reconnecting…", "off");
    }
    asking = false;
    took = performance.now() - looked;
    if ("held" in region.dataset) return later(500, missed ?? after);
    if (!fresh) return later(2000, missed ?? after); // nobody tells it again
    exchange(fresh);
    if (!("refresh" in region.dataset)) return; // nothing changes by itself any more
    if (!container) sayLive();
    if (missed) soon(missed);
    else later(Number(region.dataset.refresh));
  };

  if (region) {
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : "refresh" in region.dataset && look()));
    window.addEventListener("pagehide", () => clearTimeout(timer));
    window.addEventListener("pageshow", (event) => event.persisted && "refresh" in region.dataset && look());
    // Somebody who knows that it is not up to date says so, or has it as it is now.
    region.addEventListener("stale", ({ detail }) => (asking ? (missed = detail) : soon(detail)));
    region.addEventListener("fresh", ({ detail }) => exchange(detail));
    if (container || "follow" in region.dataset) later(Number(region.dataset.refresh));
    else look();
  }
}
