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

  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    try {
      const answer = await fetch(location.href);
      if (answer.redirected) return location.reload(); // leads to the sign-in
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(region.id);
      if (answer.ok && fresh) become(region, fresh);
      say(answer.ok && fresh ? "Live" : "Not up to date", answer.ok && fresh ? "on" : "off");
    } catch {
      say("Reconnecting…", "off");
    }
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, Number(region.dataset.refresh));
  };

  if (region) {
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
    window.addEventListener("pagehide", () => clearTimeout(timer));
    window.addEventListener("pageshow", (event) => event.persisted && look());
    look();
  }
}
