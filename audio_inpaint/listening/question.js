const SCALES = {
  plausibility: { low: 1, high: 5, words: ["not", "hardly", "partly", "mostly", "fully"] },
  mushra: { low: 0, high: 100, words: ["bad", "poor", "fair", "good", "excellent"] },
};
const scaleOf = SCALES[page.kind];
const SHORTEST = 0.1; // s of a repeated part
const byId = (id) => document.getElementById(id);

/** The word of a rating: one for each step, or one for each fifth of the scale. */
function wordOf(rating) {
  const { low, high, words } = scaleOf;
  return words[high - low < words.length ? rating - low : Math.min(Math.floor(rating / 20), 4)];
}

const spanOf = (text, tag = "span") => Object.assign(document.createElement(tag), { textContent: text });

/** One question on the page, from its first sound to a complete answer. */
class Question {
  constructor(progress, number) {
    const { item, stimuli } = orderOf(progress.participant)[number];
    Object.assign(this, { progress, number, item, stimuli, answer: answerOf(progress, item), heard: -1, since: performance.now() });
    this.section = byId("question");
    this.build();
    this.loaded = decode(page.items[item]).then((buffers) => {
      this.player = new Listening(buffers, this.answer.listened);
      this.player.heard = this.source(this.heard);
      byId("seek").max = this.player.whole[1];
      this.follow();
    });
  }

  /** -1 is the open signal, the first source; the others lie under letters. */
  source(k) { return k < 0 ? 0 : 1 + this.stimuli[k]; }

  build() {
    const { low, high } = scaleOf;
    byId("number").textContent = `Question ${this.number + 1} of ${page.items.length}`;
    byId("missing").textContent = "";
    this.rows = this.stimuli.map((stimulus, k) => {
      const row = byId("row").content.firstElementChild.cloneNode(true);
      const [letter, slider, value, best] = ["button", "[type=range]", "output", "[type=radio]"].map((part) => row.querySelector(part));
      letter.textContent = LETTERS[k];
      letter.addEventListener("click", () => this.hear(k));
      Object.assign(slider, { min: low, max: high, value: this.answer.ratings[stimulus] ?? (low + high) / 2 });
      slider.setAttribute("aria-label", `Rating of ${LETTERS[k]}`);
      slider.addEventListener("input", () => this.rate(k));
      slider.addEventListener("click", () => this.rate(k)); // where the thumb already stood
      best.setAttribute("aria-label", `${LETTERS[k]} is the most plausible`);
      best.addEventListener("change", () => this.choose(k));
      row.querySelector(".words").append(...scaleOf.words.map((word) => spanOf(word)));
      return { row, letter, slider, value, best };
    });
    byId("heading").firstElementChild.replaceChildren(...scaleOf.words.map((word) => spanOf(word)));
    byId("stimuli").replaceChildren(byId("open-row"), byId("heading"), ...this.rows.map(({ row }) => row));
    this.show();
  }

  show() {
    byId("open").setAttribute("aria-pressed", this.heard < 0);
    byId("open-row").classList.toggle("heard", this.heard < 0);
    this.rows.forEach(({ row, letter, slider, value, best }, k) => {
      const rating = this.answer.ratings[this.stimuli[k]], unset = rating === undefined;
      row.classList.toggle("heard", k === this.heard);
      row.classList.toggle("unset", unset);
      letter.setAttribute("aria-pressed", k === this.heard);
      slider.setAttribute("aria-valuetext", unset ? "not rated" : `${rating}, ${wordOf(rating)}`);
      value.replaceChildren(...(unset ? [spanOf("–", "i"), spanOf("not rated")] : [spanOf(rating, "b"), spanOf(` ${wordOf(rating)}`)]));
      best.checked = this.answer.best === this.stimuli[k];
    });
  }

  hear(k) {
    if (k >= this.stimuli.length) return;
    if (k !== this.heard) this.answer.switches++;
    this.heard = k;
    this.player?.hear(this.source(k));
    this.show();
  }

  /** Hears a source chosen by key, and brings the focus to its slider. */
  turn(k) {
    this.hear(k);
    if (k < 0) document.activeElement.blur();
    else this.rows[k]?.slider.focus();
  }

  rate(k) {
    this.answer.ratings[this.stimuli[k]] = Number(this.rows[k].slider.value);
    this.keep();
  }

  choose(k) {
    if (k >= this.stimuli.length || page.kind !== "plausibility") return;
    this.answer.best = this.stimuli[k];
    this.keep();
  }

  /** Moves the slider of what is heard, from wherever the focus is. */
  adjust(by) {
    const slider = this.rows[this.heard]?.slider;
    if (!slider) return;
    slider.focus();
    slider.value = Number(slider.value) + by;
    this.rate(this.heard);
  }

  /** Stores the answer as it stands. */
  keep() {
    const now = performance.now();
    this.player?.account();
    this.answer.seconds += (now - this.since) / 1000;
    this.since = now;
    save(this.progress);
    byId("missing").textContent = "";
    this.show();
  }

  async toggle() {
    await this.loaded;
    if (this.player.playing) this.player.pause();
    else this.player.play();
    this.keep();
    this.follow();
  }

  goTo(place) {
    this.player?.goTo(place);
    this.follow();
  }

  /** Repeats from here, to here, or the whole. */
  repeat(edge) {
    if (!this.player) return;
    const [start, stop] = this.player.span, here = this.player.place;
    const span = { from: [here, stop], to: [start, here], whole: this.player.whole }[edge];
    if (span[1] - span[0] >= SHORTEST) this.player.select(span);
    this.follow();
  }

  follow() { // keeps clock and position with the sound
    const { playing, place, span, whole } = this.player, percent = (t) => `${(100 * t) / whole[1]}%`;
    this.section.classList.toggle("playing", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("clock").textContent = seconds(place, 2);
    byId("seek").value = place;
    byId("seek").setAttribute("aria-valuetext", seconds(place, 2));
    byId("part").parentElement.classList.toggle("whole", span === whole);
    Object.assign(byId("part").style, { left: percent(span[0]), right: percent(whole[1] - span[1]) });
    cancelAnimationFrame(this.frame);
    if (playing) this.frame = requestAnimationFrame(() => this.follow());
  }

  /** What is still to be done, and where; null when the answer is complete. */
  missing() {
    this.player?.account();
    const letters = (lacks) => this.rows.flatMap((row, k) => (lacks(this.stimuli[k]) ? k : []));
    const named = (rows) => rows.map((k) => LETTERS[k]).join(", ");
    const unheard = letters((stimulus) => this.answer.listened[stimulus + 1] === 0);
    if (unheard.length) return { words: `Not yet heard: ${named(unheard)}.`, turn: unheard[0] };
    const unrated = letters((stimulus) => this.answer.ratings[stimulus] === undefined);
    if (unrated.length) return { words: `Not yet rated: ${named(unrated)}.`, turn: unrated[0] };
    if (page.kind === "plausibility" && this.answer.best === null) {
      return { words: "Which one is the most plausible?", focus: this.rows[0].best };
    }
    if (page.kind === "mushra" && !this.answer.reminded && !Object.values(this.answer.ratings).includes(100)) {
      this.answer.reminded = true;
      return { words: "One of these is the reference itself and deserves 100. Next once more goes on all the same." };
    }
    return null;
  }

  /** Ends the question if its answer is complete, and says whether it is. */
  finish() {
    const missing = this.missing();
    this.keep();
    if (missing) {
      byId("missing").textContent = missing.words;
      if ("turn" in missing) this.turn(missing.turn);
      missing.focus?.focus();
      return false;
    }
    this.leave();
    this.answer.done = true;
    return true;
  }

  leave() {
    if (this.player?.playing) this.player.pause();
    cancelAnimationFrame(this.frame);
    this.keep();
  }
}
