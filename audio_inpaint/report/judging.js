/** The level of a fill against its sides. */
const shownLevel = (level) => (level === null ? "" : `${level < 0 ? "\u2212" : "+"}${Math.abs(level).toFixed(1)}`);

/** All gaps of a recording, those to check first: to be heard, accepted or rejected, and saved as labels. */
class Judging {
  constructor(list, number, holder) {
    Object.assign(this, { list, number, holder });
    const order = list.gaps.map((gap, i) => i).sort((a, b) => list.gaps[b].doubtful - list.gaps[a].doubtful || a - b);
    this.rows = order.map((i) => this.row(list.gaps[i], i));
    const shown = this.rows.filter((row) => row.there).length;
    const words = shown < list.gaps.length ? `${shown} of ${list.gaps.length} shown` : `${list.gaps.length} gaps`;
    const next = element("button", { type: "button", class: "act" }, "next to check");
    next.addEventListener("click", () => this.next());
    next.disabled = !this.rows.some((row) => row.there && row.gap.doubtful);
    const save = element("button", { type: "button", class: "act" }, "save labels");
    save.addEventListener("click", () => this.save());
    const heads = ["gap", "start (s)", "length (ms)", "channel", "level (dB)", "what", "judgement", "note"].map((head) => element("th", { scope: "col" }, head));
    holder.append(
      element("h2", {}, list.name),
      element("p", { class: "quiet" }, `${words}; `, next, " ", save, " for audio-inpaint inpaint --accept, which fills those that are accepted"),
      element("div", { class: "scroll" }, element("table", { class: "gap-list" },
        element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...this.rows.map((row) => row.line)))));
  }

  row(gap, i) {
    const { rate } = this.list, there = this.find(gap);
    const go = element("button", { type: "button" }, String(i + 1));
    go.disabled = !there;
    const judgement = element("select", { "aria-label": `judgement of gap ${i + 1}` });
    for (const word of ["", "accept", "reject"]) judgement.add(new Option(word || "–", word));
    const note = element("input", { type: "text", "aria-label": `note on gap ${i + 1}`, maxlength: 200 });
    const mark = gap.doubtful ? [" ", element("span", { class: "check" }, "check")] : [];
    const cells = [(gap.start / rate).toFixed(3), ((1000 * (gap.stop - gap.start)) / rate).toFixed(1), gap.channel === null ? "all" : gap.channel + 1, shownLevel(gap.level), gap.label + this.inserted(gap)];
    const line = element("tr", {}, element("th", { scope: "row" }, go, ...mark), ...cells.map((cell) => element("td", {}, String(cell))),
      element("td", {}, judgement), element("td", {}, note));
    const row = { gap, there, judgement, note, line };
    go.addEventListener("click", () => this.show(row));
    return row;
  }

  inserted(gap) { return gap.inserted ? `, ${+((1000 * gap.inserted) / this.list.rate).toFixed(3)} ms inserted` : ""; }

  /** Where on the page a gap is: an excerpt of its recording, and its place there. */
  find(gap) {
    for (const item of items) {
      if (item.data.list !== this.number) continue;
      const first = Math.round(item.data.offset * item.data.rate);
      const place = item.data.gaps.findIndex(([start, , channel]) => start + first === gap.start && channel === gap.channel);
      if (place >= 0) return { item, place };
    }
    return null;
  }

  show({ there }) {
    there.item.section.scrollIntoView();
    there.item.open();
    Item.active = there.item;
    there.item.choose(there.place);
  }

  next() {
    const doubtful = this.rows.filter((row) => row.there && row.gap.doubtful);
    this.at = ((this.at ?? -1) + 1) % doubtful.length;
    this.show(doubtful[this.at]);
  }

  labels() {
    const plain = (text) => text.replace(/\s+/g, " ").trim();
    const { rate } = this.list, rows = [...this.rows].sort((a, b) => a.gap.start - b.gap.start);
    return rows.map(({ gap, judgement, note }) => {
      const text = [judgement.value || "undecided", gap.inserted ? `insert ${gap.inserted} samples` : "", plain(note.value), `(${plain(gap.label)})`, gap.channel === null ? "" : `ch${gap.channel + 1}`];
      return `${(gap.was[0] / rate).toFixed(9)}\t${(gap.was[1] / rate).toFixed(9)}\t${text.filter(Boolean).join(" ")}\n`;
    }).join("");
  }

  /** The name that `--accept FOLDER` looks for: of recordings of a folder that share a stem, their whole name. */
  file() {
    const stem = ({ name }) => name.replace(/\.[^.]*$/, ""), own = stem(this.list);
    const name = page.lists.filter((one) => stem(one) === own).length > 1 ? this.list.name : own;
    return `${name.split(/[\\/]/).pop()}.txt`;
  }

  save() {
    const address = URL.createObjectURL(new Blob([this.labels()], { type: "text/plain" }));
    element("a", { href: address, download: this.file() }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
}

const judgings = (page.lists ?? []).map((list, i) => new Judging(list, i + 1, document.getElementById(`list-${i + 1}`)));
