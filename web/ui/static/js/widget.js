// What moves in the widget, every five seconds while it is seen; without this script it stands as it came.
const total = document.getElementById("total");
let last = "";

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(total.dataset.now, { credentials: "omit" });
    const told = answer.ok ? await answer.text() : last;
    if (told !== last) total.innerHTML = last = told;
  } catch {
    // The next one may come through.
  }
}

if (total.dataset.now) setInterval(ask, 5000);
