const dialog = document.getElementById("case"), awaited = new Map();
const BEFORE = 1; // s before the first gap, where a case starts

/** What a file of the folder beside the page calls. */
function sound(edition, number, data) { awaited.get(number)?.(edition, data); }

/** The sound of a case, from inside the page or from beside it. */
function soundOf(number) {
  const inside = document.getElementById(`sound-${number}`);
  if (inside) return Promise.resolve(JSON.parse(inside.textContent));
  const file = `${page.folder}/${String(number).padStart(6, "0")}.js`;
  const script = element("script", { src: file.split("/").map(encodeURIComponent).join("/") });
  return new Promise((resolve, reject) => {
    const refuse = (why) => reject(new Error(`${file} ${why}`));
    awaited.set(number, (edition, data) => (edition === page.edition ? resolve(data) : refuse("belongs to another page")));
    script.addEventListener("load", () => refuse("holds no sound"));
    script.addEventListener("error", () => refuse("is missing: keep the folder beside this page"));
    document.head.append(script);
  }).finally(() => script.remove());
}

function caseScores(number) {
  const own = casesRows[number], failed = page.failures.filter(([place]) => place === number);
  const head = element("tr", {}, ...["method", ...page.scores.map(({ head }) => head), "time (s)", "memory (MB)"].map((text) => element("th", { scope: "col" }, text)));
  page.scores.forEach((one, i) => head.children[i + 1].append("\u00a0", arrow(one)));
  const lines = page.methods.map((name, method) => {
    const row = own[method], label = element("th", { scope: "row", style: `--hue: ${ink(method)}` }, element("i", { class: "dot" }), name);
    const reason = failed.find(([, other]) => other === method)?.[2] ?? "not restored";
    if (!row) return element("tr", {}, label, element("td", { class: "text quiet", colspan: page.scores.length + 2 }, reason));
    const cells = page.scores.map((one, i) => {
      const cell = element("td", {}, figure(row.scores[i], i));
      if (isBest(row.scores[i], own.filter(Boolean).map((other) => other.scores[i]), one.better)) best(cell);
      return cell;
    });
    return element("tr", {}, label, ...cells, element("td", {}, shown(row.seconds, 2)), element("td", {}, shown(row.memory, 0)));
  });
  return [element("thead", {}, head), element("tbody", {}, ...lines)];
}

function silence() { // what was open falls silent and lets its sound go
  for (const item of items.splice(0)) item.player?.pause();
  Item.active = null;
}

/** Opens the case of a row of the list; next and previous then go through the cases of the list in its order. */
function openCase(row) {
  const order = [...new Map(list.rows.map((other) => [other.number, other])).values()];
  dialog.order = order.map((other) => (other.number === row.number ? row : other));
  if (!dialog.open) dialog.showModal();
  showCase(order.findIndex((other) => other.number === row.number));
}

async function showCase(place) {
  silence();
  const row = dialog.order[place], one = row.case, holder = dialog.querySelector(".case-page");
  dialog.place = place;
  document.getElementById("case-place").textContent = `${(place + 1).toLocaleString("en")} of ${dialog.order.length.toLocaleString("en")}`;
  document.getElementById("case-back").disabled = place === 0;
  document.getElementById("case-on").disabled = place === dialog.order.length - 1;
  holder.replaceChildren(clone("case-page"));
  holder.scrollTop = 0;
  const section = holder.firstElementChild, within = (selector) => section.querySelector(selector);
  within("h2").textContent = one.recording;
  const facts = `${one.kind} · ${one.mask}, no. ${one.number + 1} · ${placesOf(one).length === 1 ? `at ${where(one)}` : where(one)}`;
  within(".facts").textContent = facts;
  within(".case-scores").replaceChildren(...caseScores(row.number));
  let data;
  try { data = await soundOf(row.number); }
  catch (error) {
    within(".waiting").textContent = error.message;
    return;
  }
  if (dialog.place !== place || !dialog.open || !section.isConnected) return; // another one was opened meanwhile
  within(".waiting").remove();
  within(".facts").textContent = `${facts} · ${data.facts}`;
  within(".gaps").innerHTML = data.gapTable;
  const methods = page.methods.map((name, method) => [name, casesRows[row.number][method]]).filter(([, own]) => own);
  methods.forEach(([, own], i) => { data.sources[i + 1].note = `${figure(own.scores[chosen.score])} ${score().unit}`.trim(); });
  const item = new Item(section, data);
  items.push(item);
  Item.active = item;
  item.hear(1 + methods.findIndex(([, own]) => own === row));
  await item.seek(item.gaps[0].start - BEFORE);
  await item.open();
}

function stepCase(by) { if (dialog.order[dialog.place + by]) showCase(dialog.place + by); }

function prepareCases() {
  document.getElementById("case-back").addEventListener("click", () => stepCase(-1));
  document.getElementById("case-on").addEventListener("click", () => stepCase(1));
  document.getElementById("case-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { silence(); dialog.querySelector(".case-page").replaceChildren(); });
  dialog.addEventListener("keydown", (event) => {
    const step = { n: 1, p: -1 }[event.key.toLowerCase()];
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) stepCase(step);
  });
}
