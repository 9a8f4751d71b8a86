"use strict";
// A pressed button shows it and cannot act twice.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  setTimeout(() => { for (const each of event.target.querySelectorAll("button")) each.disabled = true; });
  if (button) button.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const each of document.querySelectorAll("button[disabled]")) each.disabled = false;
});
// A list that refreshes itself: data-live is the address of its fragment.
for (const place of document.querySelectorAll("[data-live]")) {
  let tag = place.dataset.tag || "";
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(place.dataset.live, { headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status !== 200) return;
      tag = answer.headers.get("ETag") || "";
      const focused = document.activeElement && document.activeElement.getAttribute("href");
      place.innerHTML = await answer.text();
      if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    } catch { /* the sandbox is away: the next round asks again */ }
  }, Number(place.dataset.every || 2000));
}
// The seconds that a code is still good for.
const left = document.querySelectorAll("progress[data-period]");
if (left.length) setInterval(() => {
  for (const bar of left) {
    const period = Number(bar.dataset.period);
    const now = period - (Date.now() / 1000) % period;
    if (now > bar.value + 1) location.reload();
    bar.value = now;
  }
}, 500);
