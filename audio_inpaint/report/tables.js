const PARTS = { kind: "sound", mask: "gaps", bin: "what was reached" };
const groupingName = (by) => by.map((name) => PARTS[name]).join(", ").replace(/, ([^,]*)$/, " and $1") || "all together";
const NOTHING = { mean: null, std: null, n: 0, to: {} };

/** A summary that Python made: mean, std, n, and the paired difference to the chosen reference. */
function summary(group, method, i = chosen.score) {
  const { mean, std, n, to } = group.methods[method]?.[i] ?? NOTHING;
  const [ahead, error, t, wilcoxon, worst] = (to[chosen.reference] ?? [null, null, null, null, null]).map(value);
  return { mean: value(mean), std: value(std), n, ahead, error, t, wilcoxon, worst };
}

/** The group of the cases of a kind and a mask; either may be left open. */
function groupOf(kind, mask) {
  const given = { kind: kinds.length > 1 ? kind : undefined, mask: masks.length > 1 ? mask : undefined };
  const by = Object.keys(given).filter((name) => given[name] !== undefined);
  const table = page.tables.find((one) => one.by.join() === by.join());
  return table?.groups.find(({ names }) => by.every((name, i) => names[i] === given[name])) ?? { names: [], methods: {} };
}

function showTable() {
  const { groups } = page.tables[chosen.grouping], reference = page.methods[chosen.reference];
  const single = (text) => element("th", { scope: "col" }, text);
  const head = element("tr", {}, single("method"), single("n"), ...page.scores.map((one, i) => {
    const cell = single(one.head);
    cell.append("\u00a0", arrow(one));
    cell.classList.toggle("lead", i === chosen.score);
    return cell;
  }), single(`${score().label} − ${reference}’s`), single("p, t-test"), single("p, Wilcoxon"), single("worst"));
  const bodies = groups.map((group) => {
    const title = group.names.join(" · ") || "all cases";
    const label = element("tr", { class: "group" }, element("th", { colspan: page.scores.length + 6, scope: "rowgroup" }, title));
    const lines = page.methods.map((name, method) => [name, method]).filter(([, method]) => group.methods[method]);
    return element("tbody", {}, label, ...lines.map(([name, method]) => line(group, name, method)));
  });
  document.getElementById("score-table").replaceChildren(element("thead", {}, head), ...bodies);
  press(document.querySelectorAll("#grouping button"), (button) => Number(button.value) === chosen.grouping);
  document.getElementById("score-note").textContent =
    `Mean (standard deviation) of n cases. Difference: mean over the same cases ± its standard error; p of paired tests, not corrected for their number; worst: of the case that loses most.`;
  document.getElementById("grouping").hidden = page.tables.length < 2;
}

function line(group, name, method) {
  const main = summary(group, method);
  const cells = page.scores.map((one, i) => {
    const { mean, std, n } = summary(group, method, i);
    const cell = element("td", {}, figure(mean, i), " ", element("small", { class: "quiet" }, n ? `(${figure(std, i)})` : ""));
    if (n !== main.n && n) cell.title = `of ${n} cases`;
    cell.classList.toggle("lead", i === chosen.score);
    if (isBest(mean, Object.keys(group.methods).map((other) => summary(group, other, i).mean), one.better)) best(cell);
    return cell;
  });
  const tests = [main.t, main.wilcoxon].map((p) => element("td", { class: p < 0.05 ? "" : "quiet" }, probability(p)));
  const difference = Number.isNaN(main.ahead) ? "" : `${signed(main.ahead)} ± ${figure(main.error)}`;
  return element("tr", {}, element("th", { scope: "row", style: `--hue: ${ink(method)}` }, element("i", { class: "dot" }), name),
    element("td", {}, String(main.n)), ...cells, element("td", { class: "difference" }, difference), ...tests,
    element("td", { class: "difference" }, Number.isNaN(main.worst) ? "" : signed(main.worst)));
}

function tableLines() {
  const { by, groups } = page.tables[chosen.grouping];
  const lines = [[...by, "method", "score", "mean", "std", "count", "reference", "difference", "error", "t_test", "wilcoxon", "worst"]];
  for (const group of groups) {
    for (const method of Object.keys(group.methods).map(Number)) {
      page.scores.forEach(({ name }, i) => {
        const { mean, std, n, ahead, error, t, wilcoxon, worst } = summary(group, method, i);
        lines.push([...group.names, page.methods[method], name, mean, std, n, page.methods[chosen.reference], ahead, error, t, wilcoxon, worst]);
      });
    }
  }
  return lines;
}
