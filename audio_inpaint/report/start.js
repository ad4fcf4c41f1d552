page.items.forEach((data, i) => items.push(new Item(document.getElementById(`item-${i + 1}`), data)));
Item.active = items[0];

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) items.find((item) => item.section === target).open();
}, { rootMargin: "50%" });
for (const item of items) watcher.observe(item.section);
root.dataset.ready = "";
