import argparse
import json

import numpy as np
import pytest
import soundfile
from listening_browser import Browser, chromium

from audio_inpaint.commands.listening import add_commands
from audio_inpaint.listening.responses import collected

RATE = 16000
METHODS = ("fine_net", "rough_net")
# what is shown to eyes and to assistive technology: everything but the page's source
SHOWN = """(() => {
  const copy = document.documentElement.cloneNode(true);
  copy.querySelectorAll("script, style").forEach((element) => element.remove());
  return copy.outerHTML;
})()"""


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    parsed = parser.parse_args(list(map(str, arguments)))
    return parsed.run(parsed)


def page_of(folder, kind, items=2):
    for number in range(items):
        place = folder / "stimuli" / f"melody {number}"
        place.mkdir(parents=True)
        truth = 0.1 * np.sin(2 * np.pi * (300 + 200 * number) * np.arange(RATE // 2) / RATE)
        sounds = {"original": truth, **{name: truth.copy() for name in ("damaged", *METHODS)}}
        sounds["damaged"][3000:4000] = 0
        sounds["rough_net"][3000:4000] *= -1
        for name, sound in sounds.items():
            soundfile.write(place / f"{name}.flac", sound, RATE)
    page = folder / "test.html"
    command("listening-test", folder / "stimuli", "-o", page, "--kind", kind, "--title", "A test, with a comma")
    return page


def order_of(seed, test, participant, items, stimuli):
    """The order that order.js makes, from its description: FNV-1a starts mulberry32, which shuffles."""
    state = 0x811C9DC5
    for byte in f"{seed} {test} {participant}".encode():
        state = (state ^ byte) * 0x01000193 % 2**32

    def random():
        nonlocal state
        state = (state + 0x6D2B79F5) % 2**32
        mixed = (state ^ state >> 15) * (1 | state) % 2**32
        mixed ^= (mixed + (mixed ^ mixed >> 7) * (61 | mixed)) % 2**32
        return (mixed ^ mixed >> 14) / 2**32

    def shuffled(count):
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = int(random() * (last + 1))
            order[last], order[other] = order[other], order[last]
        return order

    return [(item, shuffled(stimuli)) for item in shuffled(items)]


def begin(browser, participant):
    """The start page by keyboard alone: sound, name, Enter."""
    browser.press(" ")
    browser.until("byId('start').classList.contains('playing')")
    browser.run("byId('participant').select()")
    for letter in participant:
        browser.press(letter)
    browser.press("Enter")
    browser.until("question?.player")


def listen(browser, letters):
    browser.press(" ")
    browser.until("question.player.playing")
    for letter in letters:
        browser.press(letter)
        browser.until("question.player.account() ?? question.player.listened[question.source(question.heard)] > 0")
    browser.press(" ")
    browser.until("!question.player.playing")


def blind(browser):
    shown = browser.run(SHOWN)
    assert "Question " in shown
    for name in (*METHODS, "original", "anchor", "melody"):
        assert name not in shown
    return shown


@pytest.fixture
def browser(tmp_path):
    if chromium() is None:
        pytest.skip("no Chromium on this machine: the page is not tried in a browser")
    with Browser(tmp_path) as opened:
        yield opened
        assert not opened.errors
        assert opened.run("document.documentElement.dataset.error ?? ''") == ""


def test_a_plausibility_test_by_keyboard_from_start_to_results(browser, tmp_path, capsys):
    page = page_of(tmp_path, "plausibility")
    browser.open(page)
    browser.run("byId('entry').requestSubmit()")
    assert "Play the loudest passage first" in browser.run("byId('unheard').textContent")
    begin(browser, "Anna-1")
    blind(browser)

    browser.press("Enter")
    assert browser.run("byId('missing').textContent") == "Not yet heard: A, B."
    listen(browser, "0a2")
    browser.press("a", "ArrowRight", "ArrowRight")  # from the middle, 3, to 5
    browser.press("Enter")
    assert browser.run("byId('missing').textContent") == "Not yet rated: B."
    assert browser.run("document.activeElement.getAttribute('aria-label')") == "Rating of B"
    browser.press("Home", "Enter")
    assert browser.run("byId('missing').textContent") == "Which one is the most plausible?"
    browser.press("shift+a", "Enter")
    browser.until("question.number === 1 && question.player")
    assert "1 of 2 answered" in blind(browser)
    browser.press("b", "ArrowLeft")

    browser.reload()
    assert "Anna-1 has answered 1 of 2; the test goes on from there." in browser.run(SHOWN)
    begin(browser, "Anna-1")
    blind(browser)
    assert browser.run("byId('number').textContent") == "Question 2 of 2"
    assert browser.run("[...document.querySelectorAll('#stimuli output')].map((x) => x.textContent).join()") == (
        "–not rated,2 hardly"
    )
    browser.run("document.querySelector('footer [data-save=json]').click()")
    half = json.loads(browser.downloaded(".json").read_text())
    assert (len(half["answers"]), half["finished"]) == (1, None)
    browser.downloaded(".json").unlink()
    listen(browser, "ab")
    browser.press("a", "End", "shift+b", "Enter")
    browser.until("!byId('end').hidden")
    browser.run("document.querySelector('#end [data-save=json]').click()")
    browser.run("document.querySelector('#end [data-save=csv]').click()")
    record, table = browser.downloaded(".json"), browser.downloaded(".csv")

    saved = json.loads(record.read_text(encoding="utf-8"))
    assert saved["participant"] == "Anna-1"
    assert saved["finished"]
    assert [[stimulus["rating"] for stimulus in answer["stimuli"]] for answer in saved["answers"]] == [[5, 1], [5, 2]]
    assert [[stimulus["best"] for stimulus in answer["stimuli"]] for answer in saved["answers"]] == [[1, 0], [0, 1]]
    assert all(stimulus["listened"] > 0 for answer in saved["answers"] for stimulus in answer["stimuli"])
    stored = [json.loads(name) for name in browser.run("page.items.map((_, n) => JSON.stringify(namesOf(n)))")]
    expected = [
        (stored[item]["item"], [stored[item]["stimuli"][n][0] for n in stimuli])
        for item, stimuli in order_of(saved["seed"], saved["test"], "Anna-1", 2, 2)
    ]
    assert expected == [(a["item"], [s["method"] for s in a["stimuli"]]) for a in saved["answers"]]

    assert collected([record])[0] == collected([table])[0]
    capsys.readouterr()
    assert command("listening-results", record) == 0
    assert "A test, with a comma: plausibility test" in capsys.readouterr().out


def test_a_mushra_test_reminds_of_the_reference_and_ends_without_the_browser_s_store(browser, tmp_path, capsys):
    blocked = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    browser.call("Page.addScriptToEvaluateOnNewDocument", source=blocked)
    browser.open(page_of(tmp_path, "mushra", items=1))
    assert browser.run("!byId('unstored').hidden")
    begin(browser, "ben")
    blind(browser)
    names = dict(zip("ABCD", browser.run("question.stimuli.map((n) => namesOf(0).stimuli[n][0])"), strict=True))
    assert set(names.values()) == {*METHODS, "original", "low anchor"}
    listen(browser, "abcd")
    for letter in "abcd":
        browser.press(letter, "Home", "ArrowRight")
    browser.press("Enter")
    assert "deserves 100" in browser.run("byId('missing').textContent")
    letter = next(letter for letter, name in names.items() if name == "original")
    browser.press(letter.lower(), "End", "Enter")
    browser.until("!byId('end').hidden")
    browser.run("document.querySelector('#end [data-save=csv]').click()")
    table = browser.downloaded(".csv")
    ratings = {rating.method: (rating.rating, rating.role) for rating in collected([table])[0].ratings}
    assert ratings == {
        "fine_net": (1, "method"), "rough_net": (1, "method"), "original": (100, "reference"),
        "low anchor": (1, "anchor"),
    }  # fmt: skip
    assert command("listening-results", table) == 0
    assert "0 of 1 listeners left out" in capsys.readouterr().out


# Sources of constant value show every gain; an OfflineAudioContext renders what a listener would get.
RENDER = """(async () => {
  const buffers = [0.5, -0.25].map((value) => {
    const buffer = new AudioBuffer({ length: 16000, sampleRate: 16000 });
    buffer.getChannelData(0).fill(value);
    return buffer;
  });
  const offline = new OfflineAudioContext(1, 24000, 16000), proceed = offline.resume.bind(offline);
  const live = Player.context, player = new Listening(buffers);
  offline.resume = async () => {};
  Player.context = () => offline;
  const at = (time, action) => offline.suspend(time).then(() => { action(); return proceed(); });
  at(0.4, () => player.hear(1));
  at(0.72, () => player.select([0.25, 0.75]));
  at(1.4, () => player.pause());
  player.play();
  const rendered = await offline.startRendering();
  Player.context = live;
  return { heard: [...rendered.getChannelData(0)], listened: player.listened, place: player.place };
})()"""


def test_sound_never_jumps_and_is_never_louder_than_its_sources(browser, tmp_path):
    browser.open(page_of(tmp_path, "plausibility"))
    seen = browser.run(RENDER)
    heard, at = np.array(seen["heard"]), lambda time: seen["heard"][round(time * RATE)]
    assert not heard[: round(0.02 * RATE)].any()
    assert (at(0.2), at(0.5), at(1.2)) == pytest.approx((0.5, -0.25, -0.25))
    # 20 ms after the passage is chosen, at 0.74 s, it goes on from 0.70 s; 50 ms later its end, which is faded, is met
    assert (at(0.735), at(0.79)) == pytest.approx((0, 0), abs=0.01)
    assert at(1.45) == 0
    assert heard.max() <= 0.5
    assert heard.min() >= -0.25
    assert np.abs(np.diff(heard)).max() < 0.0065  # a cross-fade of 8 ms from 0.5 to -0.25 takes 0.0059 a sample
    assert seen["listened"] == pytest.approx([0.38, 0.98], abs=0.03)
    assert 0.25 <= seen["place"] <= 0.75
