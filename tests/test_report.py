import base64
import json
import re
import zlib

import numpy as np
import pytest
import torch
from browser import Elements, visit
from matplotlib.image import imread

from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap
from audio_inpaint.report import Item, write_report

RATE = 16000
HOSTILE = "</script><img src=x onerror=\"document.title='pwned'\"> & 'quoted'"


def notes(length, seed=0):
    generator = np.random.default_rng(seed)
    time = np.arange(length) / RATE
    tones = sum(np.sin(2 * np.pi * f * time) * np.exp(-3 * (time % 0.5)) for f in (220, 554.4, 1318.5))
    return torch.as_tensor(np.stack([0.25 * tones, 0.2 * tones]) + 0.01 * generator.standard_normal((2, length)))


def repaired(name="notes", **changes):
    truth = notes(2 * RATE)
    gaps = [Gap(9600, 10400), Gap(22400, 23360, channel=1)]
    damaged = truth.clone()
    damaged[:, 9600:10400] = 0
    damaged[1, 22400:23360] = 0
    close, far = truth.clone(), damaged.clone()
    close[:, 9600:10400] *= 0.9
    close[1, 22400:23360] *= 0.9
    far[:, 9600:10400] = -truth[:, 9600:10400]
    return Item(name, RATE, damaged, {"close": close, "far": far}, gaps, truth, **changes)


def awkward():
    nothing = torch.zeros(1, RATE // 2)
    broken = nothing.clone()
    broken[0, 100:200] = torch.nan
    broken[0, 300] = torch.inf
    return Item("silence", RATE, nothing, {"broken": broken}, [Gap(100, 900)], nothing)


def page_of(tmp_path, *items, **options):
    path = tmp_path / "report.html"
    write_report(path, items, **options)
    return path.read_text(encoding="utf-8")


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)[1])


def pcm_of(item):
    """The samples in a page, (source, channel, time), by the documented storage alone."""
    stored = [zlib.decompress(base64.b64decode(source["audio"])) for source in item["sources"]]
    first, *others = (np.frombuffer(samples, "<i2").reshape(item["channels"], -1) for samples in stored)
    return np.stack([first, *(first + other for other in others)])


def test_page_is_well_formed_and_refers_to_nothing_outside(tmp_path):
    page = page_of(tmp_path, repaired(), repaired("again"), awkward())
    elements = Elements(page).all
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements:
        assert not {"src", "srcset", "poster", "data", "action", "background"} & attributes.keys(), tag
        assert attributes.get("href", "#").startswith(("#", "data:"))
    outside = r"https?:|file:|ftp:|url\(|@import|\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon"
    assert not re.search(outside, page)


def test_embedded_audio_is_the_given_audio_at_16_bits(tmp_path):
    item = repaired()
    data = data_of(page_of(tmp_path, item))["items"][0]
    assert [source["name"] for source in data["sources"]] == ["Damaged", "close", "far", "Original"]
    given = torch.stack([item.damaged, *item.restored.values(), item.truth]).numpy()
    assert np.abs(pcm_of(data) / 32768 - given).max() <= 0.5 / 32768


def test_a_method_may_be_named_like_the_original(tmp_path):
    item = repaired()
    item.restored = {"Damaged": item.restored["close"], "Original": item.restored["far"]}
    data = data_of(page_of(tmp_path, item))["items"][0]
    assert [source["name"] for source in data["sources"]] == ["Damaged", "Damaged", "Original", "Original"]


def test_full_scale_and_beyond_is_clipped_not_wrapped(tmp_path):
    damaged, restored = torch.tensor([[-1.0, 1.0, 0.0, 0.5]]), torch.tensor([[1.5, -1.5, torch.inf, torch.nan]])
    page = page_of(tmp_path, Item("loud", RATE, damaged, {"m": restored}, [Gap(2, 3)]))
    assert pcm_of(data_of(page)["items"][0])[1].tolist() == [[32767, -32768, 32767, 0]]
    assert "clipped here" in page
    assert "not numbers" in page


def test_audio_that_agrees_with_the_damaged_one_costs_little(tmp_path):
    item = repaired()
    alone = len(page_of(tmp_path, Item("a", RATE, item.damaged, {}, item.gaps)))
    assert len(page_of(tmp_path, item)) < 1.25 * alone


def test_names_and_commands_cannot_add_markup(tmp_path):
    item = repaired(HOSTILE, scores={"close": {HOSTILE: 1.0}})
    item.restored = {HOSTILE: item.restored["close"], "close": item.restored["far"]}
    plain = Elements(
        page_of(tmp_path, repaired("x", scores={"close": {"m": 1.0}}), command="x", details={"x": "y"})
    ).all
    page = page_of(tmp_path, item, command=HOSTILE, title=HOSTILE, details={HOSTILE: HOSTILE})
    assert [tag for tag, _ in Elements(page).all] == [tag for tag, _ in plain]
    assert data_of(page)["items"][0]["sources"][1]["name"] == HOSTILE


def test_scores_are_those_of_the_lost_samples(tmp_path):
    page = page_of(tmp_path, repaired(seconds={"close": 1.5}, scores={"far": {"ODG": -3.25}}, offset=60.0))
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", page)]
    # every lost sample of "close" is 0.9 of the truth; one of "far" is its negative in the first gap
    assert rows[1][:2] == ["close", "20.00"]
    assert rows[1][3:] == ["–", "1.50"]
    assert rows[2][-2:] == ["−3.25", "–"]
    assert ["1", "60.600", "50.0", "all", "20.00", "−6.02"] in rows
    assert ["2", "61.400", "60.0", "2", "20.00", "0.00"] in rows


def test_a_name_that_is_no_text_is_written_all_the_same(tmp_path):
    assert "caf?.wav" in page_of(tmp_path, repaired("caf\udce9.wav"))


def test_same_items_give_the_same_bytes(tmp_path):
    assert page_of(tmp_path, repaired(), command="c") == page_of(tmp_path, repaired(), command="c")


def test_shapes_and_gaps_that_do_not_fit_are_refused_and_leave_the_old_report(tmp_path):
    old = page_of(tmp_path, repaired())
    short, outside, empty = repaired("short one"), repaired(), repaired()
    short.restored["close"] = short.restored["close"][:, :-1]
    outside.gaps = [Gap(0, 10**6)]
    empty.damaged = empty.damaged[:, :0]
    for item in (short, outside, empty):
        with pytest.raises(InputError, match=item.name):
            write_report(tmp_path / "report.html", [item])
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == old
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


# ---- the page in a browser

# Sound goes to an OfflineAudioContext, which renders what a listener would get, sample by sample and without a clock.
PROBE = """
  const item = items[0], find = (selector) => item.section.querySelector(selector);
  const pressed = (selector) => [...item.section.querySelectorAll(selector)].map((button) => button.ariaPressed).join();
  const at = (position) => Math.abs(Number(find(".seek").value) - position) < 1e-6;
  const render = async (duration, during = () => {}) => {
    const offline = new OfflineAudioContext(2, duration * item.rate, item.rate), proceed = offline.resume.bind(offline);
    offline.resume = async () => {};
    Player.context = () => offline;
    press(" ");
    await until("playing", () => item.player.playing);
    offline.suspend(duration / 2).then(() => { during(); return proceed(); });
    let rendered;
    offline.startRendering().then((buffer) => { rendered = buffer; });
    await until("rendered", () => rendered);
    press(" ");
    await until("paused", () => !item.player.playing);
    return [...rendered.getChannelData(0)].map((x) => Math.round(x * 32768));
  };

  await until("drawn", () => items.every(({ section }) => "drawn" in section.dataset));
  seen.samples = item.buffers.map((buffer) => [...buffer.getChannelData(1).slice(9590, 9610)].map((x) => x * 32768));
  seen.power = [...transform(512)(item.wave(3), 5000)];
  seen.colours = [...document.querySelectorAll("canvas")].map((canvas) =>
    new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size);

  await item.seek(0.25);
  seen.switched = await render(1, () => press("3"));
  seen.pressed = pressed(".sources button");

  item.section.querySelectorAll(".gap-list button")[1].click();
  await until("second gap", () => find(".chosen").textContent === "gap 2 of 2" && at(0.9));
  seen.channel = find("select").value;
  press("[");
  await until("first gap", () => find(".chosen").textContent === "gap 1 of 2" && at(0.1));
  press("l");
  await until("loop", () => pressed(".loop") === "true");
  seen.looped = await render(2.5);

  press("f");
  await until("linear axis", () => !scale.mel);
"""


@pytest.fixture(scope="module")
def visited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    items = [repaired(HOSTILE), awkward(), Item("no gaps", RATE, notes(4000), {}, [])]
    page_of(folder, *items, command=HOSTILE)
    return items[0], visit(folder / "report.html", PROBE)


def test_scripts_run_without_error(visited):
    _, page = visited
    assert page.root.get("data-error") is None
    assert "data-ready" in page.root
    assert "data-seen" in page.root
    assert not page.console


def test_browser_decodes_every_source_exactly(visited):
    item, page = visited
    given = torch.stack([item.damaged, *item.restored.values(), item.truth])[:, 1, 9590:9610]
    assert page.seen["samples"] == (given * 32768).round().tolist()


def test_browser_draws_the_spectrum_numpy_computes(visited):
    item, page = visited
    samples = (item.truth[0, 5000 - 256 : 5000 + 256] * 32768).round().numpy() / 32768
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    expected = np.abs(np.fft.rfft(samples * window) / 128) ** 2
    np.testing.assert_allclose(page.seen["power"], expected, rtol=1e-6, atol=1e-15)


def test_browser_draws_pictures(visited):
    item, page = visited
    colours = page.seen["colours"]
    assert min(colours[: 2 * (2 + len(item.restored))]) > 50  # whole and zoom of each source
    assert imread(page.screenshot)[..., :3].reshape(-1, 3).std() > 0.1


def played(item, source, start, stop):
    return (item.restored[source][0, start:stop] * 32768).round().numpy()


def test_switching_sources_goes_on_at_the_same_sample(visited):
    item, page = visited
    seen = page.seen
    heard = np.array(seen["switched"])
    begin, switch, fade = round(0.02 * RATE), RATE // 2, round(0.008 * RATE)  # playing starts 20 ms after the key
    first, second = item.restored
    offset = RATE // 4 - begin
    assert not heard[:begin].any()
    assert np.abs(heard[begin:switch] - played(item, first, RATE // 4, offset + switch)).max() <= 1
    assert (
        np.abs(heard[switch + fade + 128 :] - played(item, second, offset + switch + fade + 128, offset + RATE)).max()
        <= 1
    )
    assert seen["pressed"] == "false,false,true,false"


def test_gap_is_played_from_half_a_second_before_to_half_a_second_after_again_and_again(visited):
    item, page = visited
    seen = page.seen
    begin = round(0.02 * RATE)
    once = played(item, "far", 9600 - RATE // 2, 10400 + RATE // 2)
    expected = np.concatenate([once, once, once])[: len(seen["looped"]) - begin]
    assert np.abs(np.array(seen["looped"])[begin:] - expected).max() <= 1
    assert seen["channel"] == "1"
