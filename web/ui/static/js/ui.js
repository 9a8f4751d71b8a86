// Small helps for both faces. Every page works without them.
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A pressed button shows it, and cannot act twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    const button = event.submitter || one("button:not([type=button])", form);
    if (!button) return;
    button.setAttribute("aria-disabled", "true");
    if (!one(".turning", button)) {
      const turning = document.createElement("span");
      turning.className = "turning";
      turning.setAttribute("aria-hidden", "true");
      button.prepend(turning);
    }
  });
  // Coming back with the browser's button: the form may be sent again.
  const wake = (root = document) => {
    all("form[data-sent]", root).forEach((form) => delete form.dataset.sent);
    all("[aria-disabled=true]", root).forEach((each) => each.removeAttribute("aria-disabled"));
    all(".turning", root).forEach((each) => each.remove());
  };
  addEventListener("pageshow", (event) => event.persisted && wake());
  document.addEventListener("htmx:finally:request", (event) => wake(event.target.parentElement || document));

  // The answer to a form: reloading or coming back to it opens a page instead of asking to send the form again.
  if (document.body.dataset.here) history.replaceState(history.state, "", document.body.dataset.here);

  // What is wrong is read out first.
  const wrong = one("[data-focus]");
  if (wrong) wrong.focus();

  // Notices leave by themselves unless they hold an act, and stay while they are read.
  const leave = (toast) => setTimeout(() => (toast.matches(":hover, :focus-within") ? leave(toast) : toast.remove()), 8000);
  const tend = () => all("[data-toast]:not([data-tended])").forEach((toast) => {
    toast.dataset.tended = "1";
    if (!one("form", toast)) leave(toast);
  });
  tend();
  document.addEventListener("htmx:after:swap", tend);
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (close) close.closest("[data-toast]").remove();
  });

  // A lost connection is said, and its return too.
  const connection = one("#connection");
  const say = (text) => { if (connection && connection.textContent !== text) connection.textContent = text; };
  const lost = () => say(document.body.dataset.lost);
  addEventListener("offline", lost);
  ["htmx:error", "htmx:response:error", "htmx:sse:error"].forEach((name) => document.addEventListener(name, lost));
  ["htmx:after:swap", "htmx:sse:after:connection"].forEach((name) => document.addEventListener(name, () => say("")));

  // Menus close on Escape and on a click elsewhere.
  const menus = () => all("details.me[open]");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") menus().forEach((menu) => { menu.open = false; one("summary", menu).focus(); });
  });
  document.addEventListener("click", (event) => menus().forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; }));

  // Copy an address, and say so. Where the browser keeps its clipboard closed, the field that shows it is selected.
  const copied = async (text, field) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      if (field) { field.focus(); field.select(); }
      return Boolean(field) && document.execCommand("copy");
    }
  };
  all("[data-copy]").forEach((button) => {
    const field = document.getElementById(button.dataset.field);
    const status = one("[role=status]", button.parentElement);
    button.hidden = false;
    if (field) field.addEventListener("focus", () => field.select());
    button.addEventListener("click", async () => {
      if (status) status.textContent = "";
      const done = await copied(button.dataset.copy, field);
      if (!done && !field) return;
      const said = document.body.dataset[done ? "copied" : "select"];
      setTimeout(() => { (status || button).textContent = said; }, 50);
    });
  });
  all("[data-share]").forEach((button) => {
    if (!navigator.share) return;
    button.hidden = false;
    button.addEventListener("click", () => navigator.share({ title: button.dataset.title, url: button.dataset.share }).catch(() => {}));
  });
})();
