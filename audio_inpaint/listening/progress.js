/** The browser's store, or null where it is blocked: then the page says so, and answers last while it stays open. */
const store = (() => {
  try {
    localStorage.setItem("audio-inpaint", "");
    localStorage.removeItem("audio-inpaint");
    return localStorage;
  } catch {
    return null;
  }
})();
const shelf = (participant) => `audio-inpaint listening-test ${page.test} ${participant}`;
const LAST = `audio-inpaint last participant ${page.test}`;
const unstored = document.getElementById("unstored");

function warnOfLoss() {
  if (!unstored.hidden) return;
  unstored.hidden = false;
  addEventListener("beforeunload", (event) => event.preventDefault());
}
if (!store) warnOfLoss();

const newParticipant = () =>
  `p-${Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
const lastParticipant = () => store?.getItem(LAST) ?? null;

/** What a participant has answered so far, or null. */
function stored(participant) {
  const text = store?.getItem(shelf(participant));
  return text ? JSON.parse(text) : null;
}

const begun = (participant) => ({ participant, started: new Date().toISOString(), finished: null, answers: {} });

function save(progress) {
  try {
    store?.setItem(shelf(progress.participant), JSON.stringify(progress));
    store?.setItem(LAST, progress.participant);
  } catch { // full
    warnOfLoss();
  }
}

/** The answer to an item; ratings are kept by stimulus, seconds of listening by source, of which the first is the open one. */
function answerOf(progress, item) {
  return (progress.answers[item] ??= {
    ratings: {}, best: null, listened: page.items[item].sources.map(() => 0), switches: 0, seconds: 0, reminded: false, done: false,
  });
}

const answered = (progress) => Object.values(progress?.answers ?? {}).filter((answer) => answer.done).length;
