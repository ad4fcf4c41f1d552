// What a reader does on a benchmark's page, and what is then seen: `until`, `press` and `seen` are of browser.py.
const at = (id) => document.getElementById(id), texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
const choose = (id, index) => { at(id).selectedIndex = index; at(id).dispatchEvent(new Event("change")); };
const list = () => [...document.querySelectorAll("#list tbody tr")].map((line) => [...line.children].map((cell) => cell.textContent));
const saved = async (id) => {
  let blob;
  const { createObjectURL } = URL;
  URL.createObjectURL = (given) => { blob = given; return createObjectURL(given); };
  at(id).click();
  URL.createObjectURL = createObjectURL;
  return blob.text();
};
const drawn = (item) => until("drawn", () => item() && "drawn" in item().section.dataset);

async function readSmallPage() {
  seen.title = document.title;
  seen.groups = texts("#score-table .group");
  at("grouping").lastElementChild.click();
  seen.table = [...document.querySelectorAll("#score-table tbody tr")].map((line) => [...line.children].map((cell) => cell.textContent));
  choose("reference", 1);
  seen.other = [...document.querySelectorAll("#score-table tbody tr")].map((line) => [...line.children].map((cell) => cell.textContent));
  choose("reference", 0);
  seen.tableCsv = await saved("table-csv");

  seen.boxes = Object.fromEntries(["by-method", "by-kind", "by-mask"].map((id) => [id, [...at(id).querySelectorAll(".box")].map((box) => box.ariaLabel)]));
  seen.ticks = Object.fromEntries(["by-method", "by-kind", "by-mask"].map((id) => [id, [...at(id).querySelectorAll("text:not(.label)")].map((one) => one.textContent)]));
  seen.ranges = [[0.8, 3.3], [-0.02, 0.031], [0, 4.9], [0, 5.2], [-30, 41], [12.1, 12.6], [0, 7000]].map((range) => {
    const [ticks, decimals] = niceTicks(range, 7);
    return [ticks, ticks.map((tick) => shown(tick, decimals))];
  });
  seen.lines = at("by-mask").querySelectorAll(".joined").length;
  seen.heights = [...document.querySelectorAll("#by-mask .body")].map((body) => Number(body.getAttribute("height")));
  at("legend").children[2].click();
  seen.fewer = document.querySelectorAll("#by-mask .box").length;
  at("legend").children[2].click();
  const first = at("by-mask").querySelector(".box");
  first.focus();
  seen.tip = [at("tip").hidden, at("tip").textContent];
  first.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  seen.focused = document.activeElement.ariaLabel.split(";")[0];
  document.activeElement.blur();

  seen.worst = list();
  at("order").children[1].click();
  seen.best = list();
  choose("score", 1);
  seen.lsd = list();
  choose("score", 0);
  document.querySelector("#list thead button").click();
  seen.byName = list().map(([name]) => name);
  document.querySelector("#list thead button").click();
  seen.byNameDown = [list().map(([name]) => name), document.querySelector("#list thead th").ariaSort, document.activeElement.textContent];
  at("order").children[0].click();
  choose("list-method", 2);
  choose("list-mask", 1);
  seen.filtered = list();
  choose("list-mask", 0);
  at("find").value = "MUSIC two";
  at("find").dispatchEvent(new Event("input"));
  seen.found = list();
  seen.listCsv = await saved("list-csv");
  first.dispatchEvent(new Event("click"));
  seen.ofBox = list();
  choose("list-kind", 0); choose("list-mask", 0); choose("list-method", 3); choose("score", 0);

  document.querySelectorAll("#list tbody tr")[1].querySelector("button").click();
  await drawn(() => items[0]);
  const item = items[0];
  seen.case = [at("case-name").textContent, at("case").open, item.heard, at("case-place").textContent];
  seen.scores = [...document.querySelectorAll(".case-scores tbody tr")].map((line) => [...line.children].map((cell) => cell.textContent));
  seen.start = item.player.position;
  seen.colours = [...document.querySelectorAll("#case .tracks canvas")].map((canvas) =>
    new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size);
  seen.samples = item.buffers.map((buffer) => [...buffer.getChannelData(0).slice(9000, 9240)].map((x) => x * 32768));
  seen.marks = document.querySelectorAll("#case .axis.whole .marks i").length;
  press("1");
  seen.switched = item.heard;
  at("case-on").click();
  await until("next", () => items[0] && items[0] !== item);
  await drawn(() => items[0]);
  seen.next = [at("case-name").textContent, items.length, at("case-place").textContent];
  at("case-close").click();
  await until("closed", () => !items.length);
  seen.closed = [at("case").open, Item.active];
}

async function readBins() {
  seen.groupings = texts("#grouping button");
  [...document.querySelectorAll("#grouping button")].find((one) => one.textContent === "what was reached").click();
  seen.groups = texts("#score-table .group");
  seen.counts = [...document.querySelectorAll("#score-table tbody tr:nth-child(2)")].map((line) => line.children[1].textContent);
}

async function readLargePage() {
  seen.place = at("list-place").textContent;
  seen.lines = list().length;
  seen.loaded = document.querySelectorAll("script[src]").length;
  at("list-on").click();
  seen.second = at("list-place").textContent;
  choose("list-method", 1);
  const open = (number) => openCase(rows.find((row) => row.number === number && row.method === 0));
  open(567);
  await drawn(() => items[0]);
  seen.samples = [...items[0].buffers[1].getChannelData(0).slice(2567, 2727)].map((x) => x * 32768);
  seen.name = at("case-name").textContent;
  const refused = async (number) => {
    open(number);
    await until("refused", () => document.querySelector(".waiting")?.textContent.includes("report_audio"));
    return document.querySelector(".waiting").textContent;
  };
  seen.missing = await refused(5);
  seen.foreign = await refused(6);
  open(7);
  await drawn(() => items[0]);
  seen.left = document.querySelectorAll("script[src]").length;
}
