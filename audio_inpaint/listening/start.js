let progress = null, question = null, sample = null;
const views = ["start", "question", "end"];

function show(view) {
  for (const name of views) byId(name).hidden = name !== view;
  byId("so-far").hidden = view !== "question";
  byId("keys").hidden = view === "end";
  const done = answered(progress);
  byId("bar").value = done;
  byId("done").textContent = progress ? `${progress.participant} · ${done} of ${page.items.length} answered` : "";
  byId(view).querySelector("h2").focus();
  scrollTo(0, 0);
}

/** The next unanswered question, or the end. */
function proceed() {
  const next = orderOf(progress.participant).findIndex(({ item }) => !progress.answers[item]?.done);
  question = next < 0 ? null : new Question(progress, next);
  if (!question) progress.finished ??= new Date().toISOString();
  save(progress);
  show(question ? "question" : "end");
}

function next() {
  if (question?.finish()) proceed();
}

// ---- the start

/** The loudest passage of the test, again and again; it rises over two seconds and nothing later is louder. */
async function toggleSample() {
  const { item, source, span } = page.loudest;
  sample ??= decode(page.items[item]).then((buffers) => {
    const player = new Listening([buffers[source]]);
    player.select(span);
    return player;
  });
  const player = await sample;
  if (player.playing) player.pause();
  else player.play(2);
  byId("start").classList.toggle("playing", player.playing);
  byId("sample").setAttribute("aria-label", player.playing ? "Pause the loudest passage" : "Play the loudest passage");
}

function greet() {
  const name = byId("participant").value.trim(), before = stored(name), done = answered(before);
  byId("before").textContent = !before ? "" : before.finished
    ? `${name} has answered every question; the results can be saved again.`
    : `${name} has answered ${done} of ${page.items.length}; the test goes on from there.`;
  byId("begin").textContent = before ? "Go on" : "Begin";
}

byId("participant").value = lastParticipant() ?? newParticipant();
byId("participant").addEventListener("input", greet);
byId("another").addEventListener("click", () => { byId("participant").value = newParticipant(); greet(); });
byId("sample").addEventListener("click", toggleSample);
byId("entry").addEventListener("submit", async (event) => {
  event.preventDefault();
  const participant = byId("participant").value.trim(), before = stored(participant);
  if (!sample && !before?.finished) {
    byId("unheard").textContent = "Play the loudest passage first, and set the volume by it.";
    byId("sample").focus();
    return;
  }
  if ((await sample)?.playing) await toggleSample();
  progress = before ?? begun(participant);
  proceed();
});
greet();

// ---- the questions and the end

byId("open").addEventListener("click", () => question.hear(-1));
byId("play").addEventListener("click", () => question.toggle());
byId("seek").addEventListener("input", (event) => question.goTo(Number(event.target.value)));
for (const edge of ["from", "to", "whole"]) byId(edge).addEventListener("click", () => question.repeat(edge));
byId("next").addEventListener("click", next);
for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => download(progress, button.dataset.save));
addEventListener("pagehide", () => question?.keep());

const keys = {
  " ": () => question.toggle(),
  Enter: next,
  ",": () => question.repeat("from"),
  ".": () => question.repeat("to"),
  Backspace: () => question.repeat("whole"),
  ArrowUp: () => question.adjust(1),
  ArrowRight: () => question.adjust(1),
  ArrowDown: () => question.adjust(-1),
  ArrowLeft: () => question.adjust(-1),
  PageUp: () => question.adjust(10),
  PageDown: () => question.adjust(-10),
};

/** What a key does here, unless the focused element has its own use for it. */
function actionOf({ key, shiftKey, target }) {
  const pressed = target.getAttribute("aria-pressed") === "true" || (target.type === "radio" && target.checked);
  if (key === " " && target.matches("button, [type=radio]") && !pressed) return null;
  if (!question) return key === " " && !byId("start").hidden ? toggleSample : null;
  if ((key === "Enter" && target.matches("button")) || (/^(Arrow|Page)/.test(key) && target.matches("input"))) return null;
  if (/^[0-9]$/.test(key)) return () => question.turn(Number(key) - 1);
  if (/^[a-z]$/i.test(key)) return () => (shiftKey ? question.choose(letterOf(key)) : question.turn(letterOf(key)));
  return keys[key];
}
const letterOf = (key) => LETTERS.indexOf(key.toUpperCase());

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.matches("[type=text]")) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  action();
});
// a key at the end of the scale changes nothing, and is an answer all the same
addEventListener("keyup", ({ key, target }) => {
  if (/^(Arrow|Page|Home|End)/.test(key)) question?.rows.forEach(({ slider }, k) => { if (slider === target) question.rate(k); });
});
// after a click of the mouse, space means play again, and not that button
addEventListener("click", (event) => { if (event.detail) event.target.closest("button")?.blur(); });

show("start");
root.dataset.ready = "";
