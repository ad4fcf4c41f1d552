page.items.forEach((data, i) => {
  const item = new Item(document.getElementById(`item-${i + 1}`), data);
  items.push(item);
  item.section.querySelectorAll(".timeline").forEach((figure, n) => new Timeline(item, figure, data.timelines[n]));
});
Item.active = items[0];

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const item = items.find(({ section }) => section === target);
    item.nearby = isIntersecting;
    if (isIntersecting) item.open();
  }
}, { rootMargin: "50%" });
for (const item of items) watcher.observe(item.section);
root.dataset.ready = "";
(async () => { // a printer waits for nothing
  for (const item of items) await item.prepareForPaper();
  root.dataset.printable = "";
})();
