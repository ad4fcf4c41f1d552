function redraw() { for (const item of items) { item.show(); if (item.buffers) item.draw(); } }

function setScale(name) {
  scale.mel = name === "mel";
  for (const button of document.querySelectorAll("#frequency button")) button.setAttribute("aria-pressed", button.dataset.scale === name);
  redraw();
}
for (const button of document.querySelectorAll("#frequency button")) button.addEventListener("click", () => setScale(button.dataset.scale));

const keys = {
  " ": (item) => item.toggle(),
  ArrowLeft: (item) => item.player && item.seek(item.player.position - 0.5),
  ArrowRight: (item) => item.player && item.seek(item.player.position + 0.5),
  "[": (item) => item.step(-1),
  "]": (item) => item.step(1),
  l: (item) => item.toggleLoop(),
  f: () => setScale(scale.mel ? "linear" : "mel"),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !Item.active) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, target = event.target;
  if (target.matches("select, a") || (key === " " && target.matches("button"))) return;
  const action = /^[1-9]$/.test(key) ? (item) => item.hear(Number(key) - 1) : keys[key];
  if (!action) return;
  event.preventDefault();
  action(Item.active);
});
// after a click of the mouse, space means play again, and not that button
addEventListener("click", (event) => { if (event.detail && Item.active) event.target.closest("button")?.blur(); });

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => items.forEach((item) => item.drawWave()));
let settled;
addEventListener("resize", () => { clearTimeout(settled); settled = setTimeout(redraw, 200); });
