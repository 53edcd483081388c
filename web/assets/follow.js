// Hears from the server that the records of a page changed, and has its region asked for again.
{
  const region = document.querySelector("[data-follow]");
  let source = null;
  let retry = 0;

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };

  const open = () => {
    close();
    source = new EventSource(region.dataset.follow); // from what the region shows now
    source.addEventListener("open", sayLive);
    source.addEventListener("changed", (event) => region.dispatchEvent(new CustomEvent("stale", { detail: event.data })));
    source.addEventListener("ended", () => location.assign(region.dataset.address)); // leads to the sign-in
    source.addEventListener("error", () => {
      say("Reconnecting…", "off");
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(open, 5000);
    });
  };

  if (region) {
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => event.persisted && open());
    if (!document.hidden) open();
  }
}
