const INKS = 8; // colours in the style sheet; the ninth method has the first one again
const ink = (method) => `var(--m${method % INKS})`;

/** A box plot's numbers, as Tukey drew it; null without values. */
function spread(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b), last = sorted.length - 1;
  if (last < 0) return null;
  const [q1, median, q3] = [0.25, 0.5, 0.75].map((share) => {
    const below = Math.floor(share * last);
    return sorted[below] + (share * last - below) * (sorted[Math.min(below + 1, last)] - sorted[below]);
  });
  const reach = 1.5 * (q3 - q1), inside = (x) => x >= q1 - reach && x <= q3 + reach, whiskers = sorted.filter(inside);
  return { n: sorted.length, q1, median, q3, low: whiskers[0], high: whiskers.at(-1), beyond: sorted.filter((x) => !inside(x)) };
}

/** From the lowest to the highest number, without points that would make all boxes small. */
function valueRange(boxes) {
  const low = Math.min(...boxes.map(({ spread, mean }) => Math.min(spread.low, Number.isFinite(mean) ? mean : Infinity)));
  const high = Math.max(...boxes.map(({ spread, mean }) => Math.max(spread.high, Number.isFinite(mean) ? mean : -Infinity)));
  const room = (high - low || Math.abs(high) || 1) * 0.3, points = boxes.flatMap(({ spread }) => spread.beyond);
  const bottom = Math.max(low - room, Math.min(low, ...points)), top = Math.min(high + room, Math.max(high, ...points));
  const margin = (top - bottom || 1) * 0.04;
  return [bottom - margin, top + margin];
}

/** Round numbers along a range, and the decimals that tell them apart. */
function niceTicks([low, high], most) {
  const step = [1, 2, 5].flatMap((n) => [-3, -2, -1, 0, 1, 2, 3].map((e) => n * 10 ** e)).sort((a, b) => a - b)
    .find((size) => (high - low) / size <= most) ?? high - low;
  const first = Math.ceil(low / step - 1e-9);
  const places = Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
  return [places, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
}

/** Where things lie: groups of boxes stand side by side with their values upwards, or `across`, with them to the right. */
function layout(space, groups, across) {
  const range = valueRange(groups.flatMap(({ boxes }) => boxes)), most = Math.max(...groups.map(({ boxes }) => boxes.length));
  const left = across ? Math.min(150, 0.34 * space) : 42;
  const width = across ? space : Math.max(space, left + 12 + groups.length * (most * 10 + 16));
  const height = across ? clamp(60 * groups.length, 34 * groups.length, 286) + 34 : 320, bottom = height - 26;
  const slot = across ? (bottom - 4) / groups.length : (width - left - 8) / groups.length;
  const pitch = Math.min(slot / (most + (most > 1 ? 0.8 : 0.5)), 46); // of neighbouring boxes
  const share = (x) => (clamp(x, ...range) - range[0]) / (range[1] - range[0]);
  return {
    across, range, width, height, left, slot, pitch,
    half: 0.38 * Math.min(pitch, across ? 26 : 46), // of the width of a box
    middle: (group, box = 0, amount = 1) => (across ? 4 : left) + (group + 0.5) * slot + (box - (amount - 1) / 2) * pitch,
    ends: across ? [4, bottom] : [left, width - 8],
    /** The point of a value at a place along the groups. */
    at: (along, x) => (across ? [left + share(x) * (width - left - 10), along] : [along, 8 + (1 - share(x)) * (bottom - 8)]),
  };
}

function segment({ at }, [along1, value1], [along2, value2], kind) {
  const [[x1, y1], [x2, y2]] = [at(along1, value1), at(along2, value2)];
  return drawn("line", { x1, y1, x2, y2, class: kind });
}

function rectangle({ at }, [along1, value1], [along2, value2], kind) {
  const [[x1, y1], [x2, y2]] = [at(along1, value1), at(along2, value2)];
  return drawn("rect", { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1), class: kind });
}

function drawAxis(picture, plan) {
  const { across, range, width, height, left, ends, at } = plan, [ticks, decimals] = niceTicks(range, across ? width / 90 : 7);
  for (const tick of ticks) {
    const [x, y] = at(ends[0], tick), place = across ? { x, y: height - 6, "text-anchor": "middle" } : { x: left - 8, y: y + 4, "text-anchor": "end" };
    picture.append(segment(plan, [ends[0], tick], [ends[1], tick], tick === 0 ? "grid zero" : "grid"));
    picture.append(drawn("text", place, shown(tick, decimals)));
  }
}

function drawLabel(picture, { across, height, left, slot, middle }, label, group) {
  const place = across ? { x: left - 12, y: middle(group) + 4, "text-anchor": "end" } : { x: middle(group), y: height - 6, "text-anchor": "middle" };
  const room = Math.max(4, Math.floor((across ? left - 14 : slot) / 6.8)); // letters
  const short = label.length > room ? `${label.slice(0, room - 1)}…` : label;
  picture.append(drawn("text", { ...place, class: "label" }, short, drawn("title", {}, label)));
}

function drawBox(plan, middle, { spread, mean, method, words, open }) {
  const { half, pitch, range, at } = plan, near = middle - half, far = middle + half;
  const shape = drawn("g", { class: "box", tabindex: -1, role: "button", "aria-label": words, style: `--hue: ${ink(method)}` },
    rectangle(plan, [middle - pitch / 2, range[0]], [middle + pitch / 2, range[1]], "touch"),
    segment(plan, [middle, spread.low], [middle, spread.q1], "whisker"),
    segment(plan, [middle, spread.q3], [middle, spread.high], "whisker"),
    ...[spread.low, spread.high].map((end) => segment(plan, [middle - half / 2, end], [middle + half / 2, end], "whisker")),
    rectangle(plan, [near, spread.q1], [far, spread.q3], "body"),
    segment(plan, [near, spread.median], [far, spread.median], "median"),
    ...spread.beyond.map((point) => {
      const [cx, cy] = at(middle, point);
      return drawn("circle", { cx, cy, r: 1.7, class: "point" });
    }));
  if (Number.isFinite(mean)) {
    const [x, y] = at(middle, mean), r = Math.min(4, half);
    shape.append(drawn("path", { d: `M${x - r} ${y}L${x} ${y - r}L${x + r} ${y}L${x} ${y + r}Z`, class: "mean" }));
  }
  for (const event of ["pointerenter", "focus"]) shape.addEventListener(event, () => showTip(words, shape.querySelector(".body")));
  for (const event of ["pointerleave", "blur"]) shape.addEventListener(event, hideTip);
  shape.addEventListener("click", open);
  return shape;
}

/**
 * Draws groups of boxes. A group is {label, boxes}, a box {method, spread, mean, words, open}; `joined` joins the means of
 * each method.
 */
function drawBoxes(holder, groups, { across = false, joined = false } = {}) {
  if (!groups.length) return holder.replaceChildren(element("p", { class: "quiet" }, "no finite scores"));
  const plan = layout(holder.clientWidth || 600, groups, across), { width, height } = plan;
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height }), means = new Map();
  drawAxis(picture, plan);
  groups.forEach(({ label, boxes }, group) => {
    drawLabel(picture, plan, label, group);
    boxes.forEach((box, place) => {
      const middle = plan.middle(group, place, boxes.length);
      picture.append(drawBox(plan, middle, box));
      if (Number.isFinite(box.mean)) means.set(box.method, [...(means.get(box.method) ?? []), plan.at(middle, box.mean).join(" ")]);
    });
  });
  if (joined) for (const [method, points] of means) picture.append(drawn("polyline", { points: points.join(" "), class: "joined", style: `--hue: ${ink(method)}` }));
  walkable(picture, [...picture.querySelectorAll(".box")]);
  holder.replaceChildren(picture);
}
