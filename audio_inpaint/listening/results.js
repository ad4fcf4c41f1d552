const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const FORMAT = "audio-inpaint listening-test 1";
const rounded = (x) => Math.round(1000 * x) / 1000; // s

/** Names of an item and of its stimuli; they are needed here only, and never shown. */
function namesOf(item) {
  const word = page.test, code = (text, n) => text.charCodeAt(n % text.length);
  const bytes = Uint8Array.from(atob(page.items[item].key), (letter, n) => code(letter, 0) ^ code(word, n));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** All that was answered, in the order that the participant met it. */
function resultsOf(progress) {
  const answers = orderOf(progress.participant).flatMap(({ item, stimuli }, n) => {
    const answer = progress.answers[item], names = namesOf(item);
    if (!answer?.done) return [];
    return [{
      question: n + 1, item: names.item, seconds: rounded(answer.seconds), switches: answer.switches, reminded: answer.reminded,
      stimuli: stimuli.map((stimulus, k) => ({
        label: LETTERS[k], method: names.stimuli[stimulus][0], role: names.stimuli[stimulus][1], rating: answer.ratings[stimulus],
        ...(page.kind === "plausibility" && { best: answer.best === stimulus }),
        listened: rounded(answer.listened[stimulus + 1]),
      })),
    }];
  });
  const { participant, started, finished } = progress, { kind, title, test, seed } = page;
  return { format: FORMAT, kind, title, test, seed, participant, questions: page.items.length, started, finished, answers };
}

/** The same as a table: one line for each stimulus of each answer. */
function tableOf({ answers, ...test }) {
  const rows = answers.flatMap(({ stimuli, ...answer }) => stimuli.map((stimulus) => ({ ...test, ...answer, ...stimulus })));
  const heads = Object.keys(rows[0] ?? test);
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return [heads, ...rows.map((row) => heads.map((head) => row[head] ?? ""))].map((row) => row.map(String).map(cell).join(",") + "\r\n").join("");
}

function download(progress, type) {
  const results = resultsOf(progress);
  const text = type === "csv" ? tableOf(results) : `${JSON.stringify(results, null, 1)}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: type === "csv" ? "text/csv" : "application/json" }));
  link.download = `${page.test}_${progress.participant}.${type}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
