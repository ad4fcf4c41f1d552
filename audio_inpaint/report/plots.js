const filterKind = document.getElementById("plot-kind"), filterMask = document.getElementById("plot-mask");
const picked = (select, names) => (select.value === "" ? undefined : names[Number(select.value)]);
const maskNames = masks.map(({ label }) => label);

/** A short name for a mask: its size where that is enough. */
function shortMask({ label, size }) {
  const alone = masks.filter((other) => other.size === size).length === 1;
  return label.length > 12 && alone ? `${size} ms` : label;
}

/** The box of a method over the cases of a kind and a mask, either of which may be left open; null without values. */
function boxOf(method, kind, mask) {
  const own = rows.filter((row) => row.method === method && (kind ?? row.case.kind) === row.case.kind && (mask ?? row.case.mask) === row.case.mask);
  const values = own.map((row) => row.scores[chosen.score]), numbers = spread(values);
  if (!numbers) return null;
  const mean = summary(groupOf(kind, mask), method).mean, left = values.length - numbers.n;
  const words = [
    [page.methods[method], kind, mask].filter(Boolean).join(", "),
    `${numbers.n} cases${left ? `, ${left} without a finite score` : ""}`,
    `median ${figure(numbers.median)}, mean ${figure(mean)}`,
    `half from ${figure(numbers.q1)} to ${figure(numbers.q3)}`,
    `whiskers ${figure(numbers.low)} to ${figure(numbers.high)}`,
    ...(numbers.beyond.length ? [`${numbers.beyond.length} beyond, ${figure(numbers.beyond[0])} to ${figure(numbers.beyond.at(-1))}`] : []),
  ].join("; ");
  return { method, spread: numbers, mean, words, open: () => listOnly(method, kind, mask) };
}

function showPlots() {
  const kind = picked(filterKind, kinds), mask = picked(filterMask, maskNames);
  const methods = page.methods.map((_, method) => method).filter((method) => !chosen.hidden.has(method));
  const plot = (id, title, groups, shape) => {
    const place = document.getElementById(id), full = groups.map(({ label, boxes }) => ({ label, boxes: boxes.filter(Boolean) }));
    place.querySelector("figcaption").replaceChildren(element("b", {}, title), ` ${score().head} `, arrow(score()));
    drawBoxes(place.querySelector(".chart"), full.filter(({ boxes }) => boxes.length), shape);
  };
  const within = (...parts) => parts.filter(Boolean).join(", ");
  plot("by-method", within("By method", kind, mask), methods.map((method) => ({ label: page.methods[method], boxes: [boxOf(method, kind, mask)] })), { across: true });
  if (kinds.length > 1)
    plot("by-kind", within("By kind of sound", mask), kinds.map((one) => ({ label: one, boxes: methods.map((method) => boxOf(method, one, mask)) })));
  if (masks.length > 1)
    plot("by-mask", within("By gaps", kind), masks.map((one) => ({ label: shortMask(one), boxes: methods.map((method) => boxOf(method, kind, one.label)) })), { joined: true });
}

function preparePlots() {
  const legend = document.getElementById("legend");
  page.methods.forEach((name, method) => {
    const button = element("button", { type: "button", "aria-pressed": true, style: `--hue: ${ink(method)}` }, element("i", { class: "dot" }), name);
    button.addEventListener("click", () => {
      if (!chosen.hidden.delete(method)) chosen.hidden.add(method);
      button.setAttribute("aria-pressed", !chosen.hidden.has(method));
      showPlots();
    });
    legend.append(button);
  });
  options(filterKind, kinds, "all");
  options(filterMask, maskNames, "all");
  for (const select of [filterKind, filterMask]) select.addEventListener("change", showPlots);
  document.getElementById("by-kind").hidden = kinds.length < 2;
  document.getElementById("by-mask").hidden = masks.length < 2;
  let settled;
  addEventListener("resize", () => { clearTimeout(settled); settled = setTimeout(showPlots, 200); });
}
