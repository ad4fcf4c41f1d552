const breathe = () => new Promise((resume) => setTimeout(resume)); // lets the page answer between long computations
const items = []; // on the page
const PRINTED = 200; // fills of a recording that are drawn for paper
const clone = (name) => document.getElementById(name).content.cloneNode(true);

function ticks(axis, [start, stop], offset, count) {
  const step = [1, 2, 5].flatMap((n) => [-3, -2, -1, 0, 1, 2, 3].map((e) => n * 10 ** e)).sort((a, b) => a - b)
    .find((size) => (stop - start) / size <= count) ?? 1e4;
  const last = offset + stop - (45 / (axis.clientWidth || 500)) * (stop - start); // no room for a label after this
  axis.querySelectorAll("span").forEach((mark) => mark.remove());
  for (let n = Math.ceil((offset + start) / step); n * step < last; n++) {
    const mark = document.createElement("span");
    mark.textContent = seconds(n * step, step < 1 ? Math.ceil(-Math.log10(step)) : 0);
    mark.style.left = `${(100 * (n * step - offset - start)) / (stop - start)}%`;
    axis.append(mark);
  }
}

/** The time in s that a place on the screen means in a view of a span. */
function placeIn(view, [start, stop], x) {
  const box = view.getBoundingClientRect();
  return start + ((x - box.left) / box.width) * (stop - start);
}

class Item {
  constructor(section, data) {
    Object.assign(this, { section, data, rate: data.rate, gap: 0, watchers: [] }); // watchers are called when it shows itself anew
    this.duration = data.length / data.rate;
    this.gaps = data.gaps.map(([start, stop, channel]) => ({ start: start / data.rate, stop: stop / data.rate, channel }));
    this.channel = this.gaps[0]?.channel ?? 0;
    this.truth = data.truth ? data.sources.length - 1 : null;
    this.heard = Math.min(1, data.sources.length - 1);
    section.classList.toggle("no-gaps", !this.gaps.length);
    section.classList.toggle("mono", data.channels === 1);
    section.classList.toggle("blind", this.truth === null);
    section.querySelector(".stage").append(clone("player"));
    this.build();
    this.show();
  }

  find(selector) { return this.section.querySelector(selector); }

  gapButtons() { return this.section.querySelectorAll(".gap-list button"); }

  build() {
    const on = (selector, action) => this.find(selector).addEventListener("click", action);
    on(".play", () => this.toggle());
    on(".previous", () => this.step(-1));
    on(".next", () => this.step(1));
    on(".loop", () => this.toggleLoop());
    this.seekbar = this.find(".seek");
    this.seekbar.max = this.duration;
    this.find(".clock").textContent = seconds(this.data.offset);
    this.seekbar.addEventListener("input", () => this.seek(Number(this.seekbar.value)));
    for (let c = 0; c < this.data.channels; c++) this.find("select").add(new Option(c + 1, c));
    this.find("select").addEventListener("change", (event) => { this.channel = Number(event.target.value); this.draw(); });
    this.section.addEventListener("pointerdown", () => { Item.active = this; });
    this.section.addEventListener("focusin", () => { Item.active = this; });
    for (const button of this.gapButtons()) button.addEventListener("click", () => this.choose(Number(button.value)));
    this.tracks = this.data.sources.map((source, i) => {
      const button = document.createElement("button");
      const key = document.createElement("kbd");
      key.textContent = i < 9 ? i + 1 : "";
      button.type = "button";
      button.append(key, source.name);
      button.addEventListener("click", () => this.hear(i));
      this.find(".sources").append(button);
      const track = clone("track"), [name, whole, zoom] = track.children;
      name.querySelector("b").textContent = source.name;
      name.querySelector("small").textContent = source.note;
      name.addEventListener("click", () => this.hear(i));
      whole.querySelector("canvas").setAttribute("aria-label", `Spectrogram, ${source.name}`);
      zoom.querySelector("canvas").setAttribute("aria-label", `Spectrogram around the gap, ${source.name}`);
      this.clickable(whole, () => [0, this.duration]);
      this.clickable(zoom, () => this.near(0.2));
      this.find(".tracks").append(track);
      return { name, whole, zoom, button };
    });
    const near = this.find(".waveform .view"); // of which a gap is most, so that a click means the place
    near.addEventListener("click", (event) => this.seek(placeIn(near, this.closeup(), event.clientX)));
  }

  clickable(view, span) { // a click on a gap jumps to before it, elsewhere to that place
    view.addEventListener("click", (event) => {
      const position = placeIn(view, span(), event.clientX), slack = placeIn(view, span(), event.clientX + 4) - position;
      const hit = this.gaps.findIndex((gap) => position > gap.start - slack && position < gap.stop + slack);
      if (hit >= 0) this.choose(hit);
      else this.seek(position);
    });
  }

  near(margin) { // s, around the chosen gap
    const { start, stop } = this.gaps[this.gap] ?? { start: 0, stop: 0 };
    return [start - margin, stop + margin];
  }

  closeup({ start, stop } = this.gaps[this.gap]) { // both edges with a third of its length on each side, at least 5 ms
    const margin = Math.max(0.005, (stop - start) / 3);
    return [start - margin, stop + margin];
  }

  /** Decodes when first seen or heard, so that a page of many recordings opens at once. */
  load() {
    return (this.loaded ??= decode(this.data).then((buffers) => {
      this.buffers = buffers;
      this.player = new Player(buffers);
      this.player.heard = this.heard;
      this.show();
    }));
  }

  open() { return (this.opened ??= this.load().then(() => this.draw())); }

  async draw() {
    const size = this.data.window, whole = [0, this.duration], pictures = [], turn = (this.turn = {});
    for (const [i, track] of this.tracks.entries()) {
      await breathe();
      if (turn !== this.turn) return; // a later call draws for another size or channel
      const { width, height } = fit(track.whole.querySelector("canvas"));
      pictures.push(levels(this.wave(i), this.rate, size, whole, width, height));
    }
    this.loudest = pictures.reduce((top, picture) => picture.reduce((a, b) => Math.max(a, b), top), -120);
    this.tracks.forEach((track, i) => paint(track.whole.querySelector("canvas"), pictures[i], this.loudest));
    this.drawGap();
    this.section.dataset.drawn = "";
  }

  drawGap() { // half the window: the edges of the gap count more here than the pitch
    if (!this.gaps.length || this.loudest === undefined) return;
    this.tracks.forEach((track, i) => {
      const canvas = fit(track.zoom.querySelector("canvas"));
      paint(canvas, levels(this.wave(i), this.rate, this.data.window / 2, this.near(0.2), canvas.width, canvas.height), this.loudest);
    });
    this.drawWave();
  }

  drawWave() {
    if (!this.gaps.length || !this.buffers) return;
    const { start, stop } = this.gaps[this.gap];
    drawWaves(this.find(".waveform canvas"), this.waves(this.heard, this.channel), this.rate, this.closeup(), [start, stop]);
  }

  waves(source, channel) { // the truth behind a source that is another
    const wave = (number) => this.buffers[number].getChannelData(channel);
    const waves = [{ wave: wave(source), ink: "--accent", thickness: 1.6 }];
    if (this.truth !== null && this.truth !== source) waves.unshift({ wave: wave(this.truth), ink: "--truth", thickness: 3.5 });
    return waves;
  }

  /** Every fill, for paper: what is printed has to be drawn before, so this is done when the page has nothing else to do. */
  async drawFills() {
    const holder = this.find(".fills"), gaps = this.gaps.slice(0, PRINTED);
    for (const [i, gap] of gaps.entries()) {
      await breathe();
      if (!this.buffers) return;
      const canvas = document.createElement("canvas"), figure = document.createElement("figure"), words = document.createElement("figcaption");
      const channel = gap.channel ?? 0, ms = (1000 * (gap.stop - gap.start)).toFixed(1);
      words.textContent = `gap ${i + 1} at ${seconds(this.data.offset + gap.start)}, ${ms} ms${this.data.channels > 1 ? `, channel ${channel + 1}` : ""}`;
      figure.append(words, canvas);
      holder.append(figure);
      drawWaves(canvas, this.waves(Math.min(1, this.data.sources.length - 1), channel), this.rate, this.closeup(gap), [gap.start, gap.stop]);
    }
    if (gaps.length < this.gaps.length) holder.append(`${gaps.length} of ${this.gaps.length} fills`);
    holder.dataset.drawn = "";
  }

  /** Draws everything for paper, and keeps no sound of what nobody looks at. */
  async prepareForPaper() {
    await this.open();
    await this.drawFills();
    if (this.nearby || this.player?.from || this.player?.playing) return;
    this.turn = {}; // ends what draws
    this.loaded = this.opened = this.player = this.buffers = undefined;
  }

  wave(source) { return this.buffers[source].getChannelData(this.channel); }

  /** Brings every label, mark and button up to date; draws no sound. */
  show() {
    const { sources, offset } = this.data;
    this.tracks.forEach(({ name, button, whole, zoom }, i) => {
      name.classList.toggle("heard", i === this.heard);
      button.setAttribute("aria-pressed", i === this.heard);
      this.mark(whole, [0, this.duration]);
      this.mark(zoom, this.near(0.2));
      whole.querySelector(".pitches").replaceChildren(...this.pitches().map(([kilohertz, height]) => {
        const label = document.createElement("span");
        label.textContent = `${kilohertz} kHz`;
        label.style.bottom = `${100 * height}%`;
        return label;
      }));
    });
    ticks(this.find(".axis.whole"), [0, this.duration], offset, innerWidth > 700 ? 8 : 4);
    this.mark(this.find(".axis.whole"), [0, this.duration]);
    this.mark(this.find(".axis.zoom"), this.near(0.2));
    if (!this.gaps.length) return;
    const gap = this.gaps[this.gap], length = `${(1000 * (gap.stop - gap.start)).toFixed(1).replace(/\.0$/, "")} ms`;
    this.find(".chosen").textContent = `gap ${this.gap + 1} of ${this.gaps.length}`;
    this.find(".restored-line").textContent = sources[this.heard].name;
    this.find(".truth-line").hidden = this.heard === this.truth; // which is named as what is heard
    this.find(".waveform canvas").setAttribute("aria-label", `Waveform around the gap, ${sources[this.heard].name}`);
    this.find("select").value = this.channel;
    ticks(this.find(".axis.zoom"), this.near(0.2), offset, 4);
    ticks(this.find(".axis.near"), this.closeup(), offset, innerWidth > 700 ? 10 : 4);
    this.find(".chosen").title = `${seconds(offset + gap.start)}, ${length}`;
    for (const button of this.gapButtons()) button.closest("tr").classList.toggle("chosen-gap", Number(button.value) === this.gap);
    for (const watch of this.watchers) watch();
  }

  pitches() { // kHz and height between 0 and 1, far enough apart to be read
    const heights = [0.5, 1, 2, 4, 8, 16, 32, 64].map((kilohertz) => [kilohertz, mel(1000 * kilohertz) / mel(this.rate / 2)]);
    return heights.filter(([, height], i) => height < 0.92 && height - (heights[i - 1]?.[1] ?? 0) > 0.14);
  }

  mark(view, [start, stop]) {
    const percent = (t) => `${(100 * t) / (stop - start)}%`;
    view.querySelector(".marks").replaceChildren(...this.gaps.map((gap, i) => {
      const mark = document.createElement("i");
      mark.classList.toggle("chosen-gap", i === this.gap);
      Object.assign(mark.style, { left: percent(gap.start - start), width: percent(gap.stop - gap.start) });
      return mark;
    }));
  }

  hear(source) {
    if (source >= this.data.sources.length) return;
    this.heard = source;
    this.player?.hear(source);
    this.show();
    this.drawWave();
  }

  async toggle() {
    await this.load();
    if (this.player.playing) this.player.pause();
    else {
      for (const other of items) if (other !== this && other.player?.playing) other.player.pause();
      this.player.play();
    }
    this.follow();
  }

  async seek(position) {
    await this.load();
    this.player.seek(position);
    this.follow();
  }

  async choose(gap) {
    await this.load();
    this.gap = gap;
    const channel = this.gaps[gap].channel ?? this.channel;
    const redraw = channel !== this.channel;
    this.channel = channel;
    this.show();
    if (redraw) this.draw();
    else this.drawGap();
    if (this.player.loop) this.player.repeat(this.surroundings());
    this.seek(this.gaps[gap].start - LEAD);
  }

  step(by) { if (this.gaps.length) this.choose((this.gap + by + this.gaps.length) % this.gaps.length); }

  surroundings() { const [start, stop] = this.near(LEAD); return [Math.max(start, 0), Math.min(stop, this.duration)]; }

  async toggleLoop() {
    if (!this.gaps.length) return;
    await this.load();
    this.player.repeat(this.player.loop ? null : this.surroundings());
    this.find(".loop").setAttribute("aria-pressed", this.player.loop !== null);
    this.follow();
  }

  follow() { // keeps clock and playheads with the sound
    const position = this.player.position;
    if (this.player.playing && !this.player.loop && position >= this.duration) this.player.pause();
    this.section.classList.toggle("playing", this.player.playing);
    this.find(".play").setAttribute("aria-label", this.player.playing ? "Pause" : "Play");
    this.seekbar.value = position;
    this.seekbar.setAttribute("aria-valuetext", seconds(this.data.offset + position, 2));
    this.find(".clock").textContent = seconds(this.data.offset + position);
    const place = (name, [start, stop]) => {
      const share = (position - start) / (stop - start);
      this.section.style.setProperty(name, share >= 0 && share <= 1 ? `${100 * share}%` : "-5%");
    };
    place("--whole", [0, this.duration]);
    if (this.gaps.length) { place("--zoom", this.near(0.2)); place("--near", this.closeup()); }
    cancelAnimationFrame(this.frame);
    if (this.player.playing) this.frame = requestAnimationFrame(() => this.follow());
  }
}
