const value = (x) => (x === null ? NaN : Number(x)); // JSON has neither NaN nor infinity
page.scores.forEach((score) => { score.head = score.unit ? `${score.label} (${score.unit})` : score.label; });
const rows = page.rows.map(([number, method, scores, time, memory]) =>
  ({ number, case: page.cases[number], method, scores: scores.map(value), seconds: value(time), memory: value(memory) }));
const casesRows = page.cases.map(() => []); // case -> method -> row
for (const row of rows) casesRows[row.number][row.method] = row;

/** What the reader has chosen, for the whole page. */
const chosen = { score: 0, reference: 0, grouping: 0, hidden: new Set() };
const score = () => page.scores[chosen.score];

// three digits for scores such as STOI that hardly leave [0, 1]
const largest = page.scores.map((_, i) => rows.reduce((top, row) => Math.max(top, Number.isFinite(row.scores[i]) ? Math.abs(row.scores[i]) : 0), 0));
const figure = (x, i = chosen.score) => shown(x, largest[i] <= 1.5 ? 3 : 2);

function signed(x, i) { return (x > 0 ? "+" : "") + figure(x, i); }

function probability(p) {
  if (Number.isNaN(p)) return "";
  return p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2);
}

/** Whether `x` is the best of these values; of one value none is. Where `better` is 0, the one nearest to 0 is best. */
function isBest(x, values, better) {
  const known = values.filter((y) => !Number.isNaN(y));
  return known.length > 1 && known.every((y) => (better ? better * (x - y) : Math.abs(y) - Math.abs(x)) >= 0);
}

/** What a list is sorted by: the score, or minus its distance from 0 where the one nearest to 0 is best. */
const merit = (x, { better }) => (better ? x : -Math.abs(x));

function best(cell) {
  cell.classList.add("best");
  cell.append(element("span", { class: "unseen" }, " (best)"));
}

function arrow({ better }) {
  const [words, sign] = better ? (better > 0 ? ["higher is better", "↑"] : ["lower is better", "↓"]) : ["nearest to 0 is best", "→0"];
  return element("span", { class: "arrow", role: "img", "aria-label": words, title: words }, sign);
}

function options(select, names, all) {
  if (all) select.add(new Option(all, ""));
  names.forEach((name, i) => select.add(new Option(name, i)));
}

function press(buttons, holds) { for (const button of buttons) button.setAttribute("aria-pressed", holds(button)); }

const distinct = (name) => [...new Set(page.cases.map((one) => one[name]))];
const kinds = distinct("kind");
const masks = distinct("mask").map((label) => ({ label, size: page.cases.find((one) => one.mask === label).size }))
  .sort((a, b) => a.size - b.size);

function saveCsv(name, lines) {
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const text = lines.map((line) => line.map((cell) => quoted(Number.isNaN(cell) ? "" : String(cell))).join(",")).join("\r\n");
  const address = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
