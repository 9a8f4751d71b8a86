// Keys of the console: "/" searches, "g" then a letter goes, "?" lists. Buttons that end something ask first.
(() => {
  let going = 0;
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("everywhere").focus();
    } else if (event.key === "?") {
      document.getElementById("keys").showModal();
    } else if (event.key === "g") {
      going = Date.now();
    } else if (Date.now() - going < 1500) {
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) location.assign(link.href);
      going = 0;
    }
  });
  // A campaign's numbers move when its stream says so; without a stream the page asks by itself.
  const numbers = document.querySelector("[data-live]");
  if (numbers) {
    const mark = document.getElementById("live-mark");
    const say = (on) => {
      mark.textContent = on ? numbers.dataset.on : numbers.dataset.off;
      mark.classList.toggle("off", !on);
    };
    const move = () => htmx.trigger(numbers, "moved");
    let asking = 0;
    const stream = new EventSource(numbers.dataset.live);
    stream.addEventListener("total", () => { say(true); move(); });
    stream.addEventListener("lost", () => say(false));
    stream.addEventListener("open", () => { say(true); clearInterval(asking); asking = 0; });
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return say(false);
      if (!asking) asking = setInterval(move, 5000);
    });
  }
  // A file that would be refused is told so before it is sent.
  document.addEventListener("change", ({ target }) => {
    const { mostBytes, tooLarge } = target.dataset;
    if (mostBytes) target.setCustomValidity(target.files[0]?.size > Number(mostBytes) ? tooLarge : "");
    if (mostBytes) target.reportValidity();
  });
  document.addEventListener("click", (event) => {
    const asked = event.target.closest("[data-confirm]");
    if (asked && !confirm(asked.dataset.confirm)) event.preventDefault();
  });
})();
