const PAGE = 40; // rows shown at once
const list = { column: null, up: true, first: 0, rows: [] };
const listFilters = ["kind", "mask", "method"].map((name) => document.getElementById(`list-${name}`));
const find = document.getElementById("find");

/** How far a row is from the reference's row of its case; the reference itself is nowhere. */
function ahead(row) {
  const reference = casesRows[row.number][chosen.reference];
  return !reference || reference === row ? NaN : row.scores[chosen.score] - reference.scores[chosen.score];
}

function placesOf({ gaps, rate, start }) { return gaps.map(([first]) => start + first / rate); }

function where(one) {
  const places = placesOf(one);
  return places.length === 1 ? seconds(places[0]) : `${places.length} gaps`;
}

/** Columns: a head, what is shown, what is sorted by, and which sign sorts the worst or the first to the top. */
function columns() {
  const text = (head, of) => ({ head, of, show: of, up: 1 });
  const amount = (head, of, show) => ({ head, of, show: (row) => show(of(row)), up: -1, numeric: true });
  return [
    text("recording", (row) => row.case.recording),
    ...(kinds.length > 1 ? [text("sound", (row) => row.case.kind)] : []),
    { ...amount("gaps", (row) => row.case.size, String), show: (row) => row.case.mask, up: 1 },
    { ...amount("at", (row) => placesOf(row.case)[0], String), show: (row) => where(row.case), up: 1 },
    { ...text("method", (row) => row.method), show: (row) => page.methods[row.method] },
    ...page.scores.map((one, i) => ({ ...amount(one.head, (row) => merit(row.scores[i], one), null), show: (row) => figure(row.scores[i], i), up: one.better || 1, score: i })),
    { ...amount(`${score().label} − ${page.methods[chosen.reference]}’s`, (row) => ahead(row), (x) => (Number.isNaN(x) ? "–" : signed(x))), up: score().better || -1 },
    amount("time (s)", (row) => row.seconds, (x) => shown(x, 2)),
    amount("memory (MB)", (row) => row.memory, (x) => shown(x, 0)),
  ];
}

function matching() {
  const [kind, mask, method] = listFilters.map((select) => select.value);
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    const one = row.case;
    if ((kind && one.kind !== kinds[kind]) || (mask && one.mask !== maskNames[mask]) || (method && row.method !== Number(method))) return false;
    const text = `${one.recording} ${one.kind} ${one.mask} ${page.methods[row.method]}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function sorted(found, { of, up }) {
  const sign = list.up ? up : -up;
  const order = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a === b ? 0 : a - b);
  return found.map((row) => [of(row), row]).sort(([a], [b]) => Number.isNaN(a) - Number.isNaN(b) || sign * order(a, b) || 0).map(([, row]) => row);
}

/** Sorts and filters anew, and shows the first page. */
function showList() {
  list.columns = columns();
  list.place = list.column ?? list.columns.findIndex((column) => column.score === chosen.score);
  list.rows = sorted(matching(), list.columns[list.place]);
  list.first = 0;
  showPage();
}

function showPage() {
  const { columns, place, first, up } = list, visible = list.rows.slice(first, first + PAGE);
  const heads = columns.map((column, i) => {
    const button = element("button", { type: "button" }, column.head);
    button.addEventListener("click", () => sortBy(i, i === place ? !up : true));
    const upwards = (up ? column.up : -column.up) > 0;
    const cell = element("th", { scope: "col", class: kindOf(column), "aria-sort": i === place ? (upwards ? "ascending" : "descending") : "none" }, button);
    return cell;
  });
  const lines = visible.map((row) => {
    const line = element("tr", {}, ...columns.map((column) => element("td", { class: kindOf(column) }, column.show(row))));
    const name = element("button", { type: "button", "aria-haspopup": "dialog" }, row.case.recording);
    line.firstChild.replaceWith(element("th", { scope: "row" }, name));
    line.addEventListener("click", () => openCase(row));
    line.title = placesOf(row.case).slice(0, 20).map((t) => seconds(t)).join(", ");
    return line;
  });
  const table = document.getElementById("list");
  table.parentElement.scrollTop = 0;
  table.replaceChildren(element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines));
  const total = list.rows.length, amount = total.toLocaleString("en");
  document.getElementById("list-place").textContent = total ? `${first + 1}–${first + visible.length} of ${amount}` : "nothing matches";
  document.getElementById("list-back").disabled = first === 0;
  document.getElementById("list-on").disabled = first + PAGE >= total;
  press(document.querySelectorAll("#order button"), (button) => columns[place].score === chosen.score && (button.dataset.worst === "true") === up);
}

const kindOf = (column) => `${column.numeric ? "" : "text"}${column.score === chosen.score ? " lead" : ""}`;

function sortBy(place, up) {
  list.column = list.columns[place].score === chosen.score ? null : place; // the chosen score's column moves with the choice
  list.up = up;
  showList();
  document.querySelectorAll("#list thead button")[place].focus();
}

/** Shows the cases of a box. */
function listOnly(method, kind, mask) {
  const places = [kinds.indexOf(kind), maskNames.indexOf(mask), method];
  listFilters.forEach((select, i) => { select.value = places[i] < 0 ? "" : places[i]; });
  find.value = "";
  showList();
  document.getElementById("cases").scrollIntoView();
}

function listLines() {
  const heads = ["recording", "kind", "mask", "size_ms", "number", "gaps", "method", ...page.scores.map(({ name }) => name), "seconds", "memory_mb"];
  return [heads, ...list.rows.map(({ case: one, method, scores, seconds, memory }) => {
    const gaps = one.gaps.map((gap) => gap.join(":")).join(" ");
    return [one.recording, one.kind, one.mask, one.size, one.number, gaps, page.methods[method], ...scores, seconds, memory];
  })];
}

function prepareList() {
  [kinds, maskNames, page.methods].forEach((names, i) => options(listFilters[i], names, "all"));
  for (const select of listFilters) select.addEventListener("change", showList);
  find.addEventListener("input", showList);
  for (const button of document.querySelectorAll("#order button")) {
    button.addEventListener("click", () => { list.column = null; list.up = button.dataset.worst === "true"; showList(); });
  }
  const turn = (pages) => { list.first += pages * PAGE; showPage(); };
  document.getElementById("list-back").addEventListener("click", () => turn(-1));
  document.getElementById("list-on").addEventListener("click", () => turn(1));
}
