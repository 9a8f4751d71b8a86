// Back from the bank's page by the browser's button: what became of the gift is said anew, and brought into sight.
(() => {
  const kept = document.querySelector("#kept");
  if (!kept) return;
  addEventListener("pageshow", async (event) => {
    const [arrival] = performance.getEntriesByType("navigation");
    if (!event.persisted && !(arrival && arrival.type === "back_forward")) return;
    const answer = await fetch(`${location.pathname}/kept`).catch(() => null);
    if (!answer || !answer.ok) return;
    kept.innerHTML = await answer.text();
    htmx.process(kept);
    const unpaid = kept.querySelector("[data-unpaid]");
    if (!unpaid) return;
    unpaid.scrollIntoView({ block: "center" });
    document.querySelectorAll("#what-is-wrong, #give .wrong-text").forEach((each) => each.remove());
    document.querySelectorAll("#give .wrong").forEach((each) => each.classList.remove("wrong"));
    document.querySelectorAll("#give [aria-invalid]").forEach((each) => each.removeAttribute("aria-invalid"));
  });
})();

// The giving form: the button and the cost follow the amount; nothing typed is lost by a change of language.
(() => {
  const form = document.querySelector("[data-give]");
  const kept = "what was typed";
  document.querySelectorAll("[data-tongue]").forEach((link) => link.addEventListener("click", () => {
    if (!form) return;
    const typed = [...new FormData(form)].filter(([name]) => !["csrf", "key"].includes(name));
    sessionStorage.setItem(kept, JSON.stringify([location.pathname, typed]));
  }));
  if (!form) return;

  const other = form.elements.other;
  const choices = [...form.querySelectorAll("[name=choice]")];
  const label = form.querySelector("[data-for-other]");
  const cost = form.querySelector("[data-cost-here] .for-other");
  const plain = { label: label.textContent, cost: cost && cost.innerHTML };
  const currency = form.dataset.currency;
  const tongue = document.documentElement.lang === "fr" ? "fr-FR" : "en-GB";
  const money = (amount) => new Intl.NumberFormat(tongue, {
    style: "currency", currency, ...(Number.isInteger(amount) ? { maximumFractionDigits: 0 } : {}),
  }).format(amount);
  const typed = () => {
    const text = other.value.replace(/[\s'’€]/g, "").replace(",", ".");
    return /^\d{1,9}(\.\d{1,2})?$/.test(text) && Number(text) >= 1 ? Number(text) : null;
  };
  const follow = () => {
    const amount = typed();
    label.textContent = amount ? form.dataset.label.replace("{amount}", money(amount)) : plain.label;
    if (!cost) return;
    cost.innerHTML = plain.cost;
    if (amount) {
      const left = Math.round(amount * (100 - Number(form.dataset.rate))) / 100;
      cost.innerHTML = form.dataset.cost.replace("{cost}", money(left));
    }
  };
  other.addEventListener("input", follow);
  choices.forEach((choice) => choice.addEventListener("change", () => { other.value = ""; follow(); }));
  choices.forEach((choice) => choice.addEventListener("click", () => { if (other.value) { other.value = ""; follow(); } }));

  const [path, before] = JSON.parse(sessionStorage.getItem(kept) || "[]");
  sessionStorage.removeItem(kept);
  if (path === location.pathname) {
    before.forEach(([name, value]) => {
      if (name === "choice") choices.forEach((choice) => { choice.checked = choice.value === value; });
      else if (form.elements[name]) form.elements[name].value = value;
    });
  }
  addEventListener("pageshow", follow);
  follow();
})();
