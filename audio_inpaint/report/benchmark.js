const scoreSelect = document.getElementById("score"), referenceSelect = document.getElementById("reference");

/** Shows everything that depends on the score and the reference. */
function show() {
  showTable();
  showPlots();
  showList();
}

options(scoreSelect, page.scores.map(({ head }) => head));
options(referenceSelect, page.methods);
scoreSelect.addEventListener("change", () => { chosen.score = Number(scoreSelect.value); show(); });
referenceSelect.addEventListener("change", () => { chosen.reference = Number(referenceSelect.value); show(); });

page.tables.forEach(({ by }, i) => {
  const button = element("button", { type: "button", value: i }, groupingName(by));
  button.addEventListener("click", () => { chosen.grouping = i; showTable(); });
  document.getElementById("grouping").append(button);
});
document.getElementById("table-csv").addEventListener("click", () => saveCsv("table.csv", tableLines()));
document.getElementById("list-csv").addEventListener("click", () => saveCsv("cases.csv", listLines()));
for (const place of document.querySelectorAll(".of-kind")) place.hidden = kinds.length < 2;
for (const place of document.querySelectorAll(".of-mask")) place.hidden = masks.length < 2;

preparePlots();
prepareList();
prepareCases();
show();
root.dataset.ready = "";
