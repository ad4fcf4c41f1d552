const STRIP = 46; // px: the recording itself, under the arcs
const ROOM = 6; // px: above the highest arc
const STEM = 34; // px: over a gap, for what was heard in another channel or recording

/** A file from end to end, with an arc from each gap to every place that was heard for it. */
class Timeline {
  constructor(item, figure, { source, gaps }) {
    Object.assign(this, { item, source, gaps, total: item.data.total });
    this.holder = figure.querySelector(".arcs");
    this.axis = figure.querySelector(".axis");
    this.picture = drawn("svg", { role: "group", "aria-label": figure.querySelector("h3").textContent });
    const { offset } = item.data, percent = (t) => `${(100 * t) / this.total}%`;
    // what of the file the page holds: it can be heard, so a click goes there
    const part = element("div", { class: "part whole" }, element("i", { class: "playhead" }));
    Object.assign(part.style, { left: percent(offset), width: percent(item.duration), height: `${STRIP}px` });
    item.clickable(part, () => [0, item.duration]);
    this.holder.append(this.picture, part);
    item.watchers.push(() => this.show());
    this.show();
  }

  show() {
    const width = this.holder.clientWidth, state = [width, this.item.gap, Boolean(this.item.buffers)].join();
    if (!width || state === this.state) return; // redrawn, an arc would lose the focus
    this.state = state;
    hideTip();
    this.width = width;
    const heights = this.gaps.flatMap((gap) => gap.sources.map((source) => this.height(gap, source)));
    this.base = ROOM + heights.reduce((a, b) => Math.max(a, b), 0); // where the arcs stand
    const height = this.base + STRIP;
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height })) this.picture.setAttribute(name, value);
    const chosen = this.gaps.filter((gap) => gap.place === this.item.gap), others = this.gaps.filter((gap) => !chosen.includes(gap));
    const pins = others.map((gap) => this.pin(gap, "pin")), faint = others.map((gap, i) => this.faint(gap, pins[i]));
    this.picture.replaceChildren(this.strip(), ...faint, ...pins, ...chosen.map((gap) => this.bright(gap)), ...chosen.map((gap) => this.pin(gap, "pin chosen-gap")));
    ticks(this.axis, [0, this.total], 0, clamp(width / 70, 4, 12));
  }

  /** Pixels from the left of a time in s, which counts from the first sample of the page. */
  x(t) { return (this.width * (this.item.data.offset + t)) / this.total; }

  place(sample) { return this.x(sample / this.item.rate); }

  /** The waveform of what the page holds, as soon as it is decoded, and a line for the rest of the file. */
  strip() {
    const { item, base, width } = this, middle = base + STRIP / 2;
    const strip = drawn("g", {}, drawn("line", { class: "silent", x1: 0, x2: width, y1: middle, y2: middle }));
    if (!item.buffers) return strip;
    const buffer = item.buffers[this.source], first = this.x(0), columns = Math.max(1, Math.round(this.x(item.duration) - first));
    const tops = new Float32Array(columns);
    for (let c = 0; c < buffer.numberOfChannels; c++) {
      buffer.getChannelData(c).forEach((sample, i) => {
        const column = Math.floor((i / buffer.length) * columns);
        tops[column] = Math.max(tops[column], Math.abs(sample));
      });
    }
    const loudest = tops.reduce((a, b) => Math.max(a, b), 1e-4), half = [...tops].map((top) => Math.max(0.5, (top / loudest) * (STRIP / 2 - 3)));
    const edge = (sign) => half.map((h, i) => `${(first + i).toFixed(1)} ${(middle + sign * h).toFixed(1)}`);
    strip.append(drawn("path", { class: "wave", d: `M${edge(-1).join("L")}L${edge(1).reverse().join("L")}Z` }));
    return strip;
  }

  band({ start, stop }, from, kind) { // of a segment as long as a gap, in the strip
    const left = this.place(from), width = Math.max(2, this.place(from + stop - start) - left);
    return drawn("rect", { class: kind, x: left, y: this.base, width, height: STRIP });
  }

  height(gap, [start, , , name]) { // not in proportion to the distance, so that near ones are seen too
    if (name) return STEM;
    const apart = (Math.abs(start - gap.start) / this.item.rate / this.total) * this.width;
    return clamp(Math.sqrt(apart / this.width) * clamp(0.2 * this.width, 90, 170), 10, Math.max(10, 0.6 * apart));
  }

  curve(gap, source) {
    const half = (gap.stop - gap.start) / 2, from = this.place(gap.start + half), to = this.place(source[0] + half);
    if (source[3]) return `M${from} ${this.base}V${this.base - STEM}`;
    return `M${from} ${this.base}A${Math.abs(to - from) / 2} ${this.height(gap, source)} 0 0 ${to > from ? 1 : 0} ${to} ${this.base}`;
  }

  /** The arcs of a gap that is not chosen, which choose it. */
  faint(gap, pin) {
    const curves = gap.sources.map((source) => [source, this.curve(gap, source)]);
    const group = drawn("g", { class: "faint" }, drawn("path", { class: "touch", d: curves.map(([, d]) => d).join("") }),
      ...curves.map(([source, d]) => drawn("path", { class: "line", d, style: `--strength: ${strength(source)}` })));
    return this.choosing(group, gap, pin);
  }

  /** The arcs of the chosen gap: each tells of its source, and goes there. */
  bright(gap) {
    const arcs = gap.sources.map((source) => {
      const d = this.curve(gap, source), [start, , , name] = source, words = this.words(gap, source);
      const foot = drawn("circle", { class: "foot", cx: this.place(start + (gap.stop - gap.start) / 2), cy: this.base - (name ? STEM : 0), r: 3 });
      const arc = drawn("g", { class: "arc", tabindex: -1, role: "button", "aria-label": words, style: `--strength: ${strength(source)}` },
        this.band(gap, start, "heard"), drawn("path", { class: "touch", d }), drawn("path", { class: "line", d }), foot);
      for (const event of ["pointerenter", "focus"]) arc.addEventListener(event, () => showTip(words, foot));
      for (const event of ["pointerleave", "blur"]) arc.addEventListener(event, hideTip);
      arc.addEventListener("click", () => { if (this.isHere(start)) this.item.seek(start / this.item.rate - LEAD); });
      return arc;
    });
    const group = drawn("g", { class: "bright" }, this.band(gap, gap.start, "lost"), ...arcs);
    walkable(group, arcs);
    return group;
  }

  pin(gap, kind) {
    const pin = drawn("circle", { class: gap.doubtful ? `${kind} doubtful` : kind, cx: this.place((gap.start + gap.stop) / 2), cy: this.base, r: 4.5 });
    return this.choosing(pin, gap, pin);
  }

  choosing(shape, gap, pin) {
    const at = this.item.data.offset + gap.start / this.item.rate;
    const words = [`gap ${gap.place + 1}${channelOf(gap)}`, `at ${seconds(at)}`, gap.label].join("; ");
    shape.addEventListener("pointerenter", () => showTip(words, pin));
    shape.addEventListener("pointerleave", hideTip);
    shape.addEventListener("click", () => this.item.choose(gap.place));
    return shape;
  }

  isHere(start) { return start >= 0 && start / this.item.rate < this.item.duration; }

  words(gap, [start, score, gains, name, elsewhere]) {
    if (name && elsewhere) return `heard in ${name}${channelOf(gap)}; correlation ${shown(score)}; gain ${gains.map((gain) => shown(gain)).join(" and ")}`;
    if (name) return `heard in ${name} at the same time${channelOf(gap)}; ${Math.round(100 * gains[0])} % of the fill; correlation ${shown(score)}`;
    const at = this.item.data.offset + start / this.item.rate, away = (start - gap.start) / this.item.rate;
    return [
      `heard at ${seconds(at)}${channelOf(gap)}`,
      `${seconds(Math.abs(away))} ${away < 0 ? "before" : "after"} the gap`,
      `correlation ${shown(score)}`,
      `gain ${gains.map((gain) => shown(gain)).join(" and ")}`,
      this.isHere(start) ? "a click goes there" : "not in this excerpt",
    ].join("; ");
  }
}

const channelOf = ({ channel }) => (channel === null ? "" : `, channel ${channel + 1}`);

/** How much of a source is in the fill, between 0 and 1. */
function strength([, , gains]) { return clamp(gains.reduce((sum, gain) => sum + Math.abs(gain), 0) / gains.length, 0, 1).toFixed(3); }
