"""The page's part that shows how gaps were filled: a table of the shares, and a timeline with its sources."""

import json
import re
from dataclasses import replace

import pytest
import torch
from browser import Elements, visit
from quoting import BAR, RATE, Quoting, bars, record
from repairs import restore_file

from audio_inpaint.errors import InputError
from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.explanation import Explanation, Source
from audio_inpaint.report import Item, write_report
from audio_inpaint.report.excerpts import report_items

HOSTILE = "</script><img src=x onerror=\"document.title='pwned'\"> & 'quoted'"
NEAR, LONG, FAR = Gap(10_000, 10_200), Gap(14_000, 14_400), Gap(100_000, 100_200)


def excerpt(name="bars", method="auto", **changes):
    """The third to the fifth second of a file of 12 s, with two gaps; a third gap that is told of lies elsewhere."""
    truth = torch.from_numpy(bars(8).T)
    damaged, filled = truth.clone(), truth.clone()
    damaged[:, 10_000:10_200] = damaged[:, 14_000:14_400] = 0
    filled[:, 10_000:10_200] *= 0.9
    filled[:, 14_000:14_400] *= -1
    explanations = [
        Explanation(
            NEAR,
            {"quote": 0.82, "plain": 0.18},
            {"quote": 0.01, "plain": 2.0},
            (Source(13_000, 0.6, (-0.25,)), Source(-8000, 0.9, (0.5,))),
            13.6,
        ),
        Explanation(LONG, {"plain": 1.0}, {}, (Source(11_000, 1.0, (1.0,)),), 1.3),
        Explanation(FAR, {"quote": 1.0}, {}, (Source(0, 1.0, (1.0,)),), -5.0),
    ]
    given = {"offset": 2.0, "duration": 12.0, "explanations": {method: explanations}, **changes}
    return Item(name, RATE, damaged, {method: filled}, [NEAR, LONG], truth, **given)


def page_of(tmp_path, *items):
    path = tmp_path / "report.html"
    write_report(path, items)
    return path.read_text(encoding="utf-8")


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)[1])


def rows_of(page, kind):
    table = re.search(rf'<table class="{kind}">(.*?)</table>', page, re.DOTALL)[1]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in rows]


def test_table_shows_what_was_expected_achieved_mixed_and_rehearsed(tmp_path):
    page = page_of(tmp_path, excerpt())
    assert rows_of(page, "gap-list shares") == [
        ["gap", "start (s)", "length (ms)", "expected (dB)", "achieved (dB)", "level (dB)", "quote", "plain"],
        ["1", "3.250", "25.0", "13.6", "20.00", "−1.0", "82 % 20.0 dB", "18 % −3.0 dB"],
        ["2 check", "3.750", "50.0", "1.3", "−6.02", "+0.0", "0 %", "100 %"],
    ]
    assert page.count('<table class="gap-list') == 1  # which says all that a table of the gaps alone would
    assert "1 to check</span>" in page


def test_without_truth_rehearsals_and_predictions_only_shares_are_shown(tmp_path):
    bare = [Explanation(NEAR, {"plain": 1.0}), Explanation(LONG, {"plain": 1.0})]
    item = excerpt(explanations={"auto": bare})
    item.truth = None
    page = page_of(tmp_path, item)
    assert rows_of(page, "gap-list shares")[:2] == [
        ["gap", "start (s)", "length (ms)", "level (dB)", "plain"],
        ["1 check", "3.250", "25.0", "−1.0", "100 %"],
    ]
    assert 'class="timeline"' not in page
    assert "timelines" not in data_of(page)["items"][0]
    assert "2 to check" in page


def test_channels_explained_apart_have_a_row_each_and_their_own_snr(tmp_path):
    item = excerpt()
    truth, filled = (torch.cat([audio, audio]) for audio in (item.truth, item.restored["auto"]))
    filled[1, 10_000:10_200] = 0.99 * truth[1, 10_000:10_200]
    apart = [Explanation(Gap(10_000, 10_200, channel), {"plain": 1.0}, expected_snr=20.0) for channel in (0, 1)]
    for gaps, places in (([NEAR], "11"), ([Gap(10_050, 10_250, 1), Gap(9950, 10_150, 0)], "21")):
        item = Item("stereo", RATE, 0 * truth, {"auto": filled}, gaps, truth, explanations={"auto": apart})
        rows = rows_of(page_of(tmp_path, item), "gap-list shares")
        assert [(row[0], row[3], row[5]) for row in rows[1:]] == [(places[0], "1", "20.00"), (places[1], "2", "40.00")]


def test_methods_that_explain_stand_beside_those_that_do_not(tmp_path):
    item = excerpt()
    item.restored = {"plain": item.damaged, **item.restored}
    page = page_of(tmp_path, item)
    assert rows_of(page, "gap-list")[1] == ["1", "3.250", "25.0", "0.00", "20.00"]
    assert len(rows_of(page, "gap-list shares")) == 3
    assert data_of(page)["items"][0]["timelines"][0]["source"] == 2


def test_explanations_of_a_method_that_restored_nothing_are_refused(tmp_path):
    item = excerpt()
    item.restored = {"other": item.damaged}
    with pytest.raises(InputError, match="auto explains gaps, but restored nothing"):
        page_of(tmp_path, item)


def test_names_of_candidates_and_methods_cannot_add_markup(tmp_path):
    def named(name):
        return excerpt(
            method=name, explanations={name: [Explanation(NEAR, {name: 1.0}, {}, (Source(0, 1.0, (1.0,)),))]}
        )

    tags = [[tag for tag, _ in Elements(page_of(tmp_path, named(name))).all] for name in ("plain", HOSTILE)]
    assert tags[0] == tags[1]


def test_excerpts_of_a_long_file_show_their_own_gaps_on_the_whole_files_timeline(tmp_path):
    source = record(tmp_path / "in.wav", [NEAR, Gap(300_000, 300_200)], 120)
    result = restore_file(source, tmp_path / "out.wav", "10000:10200,300000:300200", Quoting())
    with Reader(source) as reader:
        items = list(report_items(reader, result, "quoting"))
    first, second = data_of(page_of(tmp_path, *items))["items"]
    assert (first["total"], second["total"]) == (45.0, 45.0)
    for item, gap in ((first, NEAR), (second, Gap(300_000, 300_200))):
        (own,) = item["timelines"][0]["gaps"]
        begin = round(item["offset"] * RATE)
        assert (own["place"], own["start"] + begin, own["stop"] + begin) == (0, gap.start, gap.stop)
        assert [start + begin for start, *_ in own["sources"]] == [gap.start - BAR, gap.start + BAR]


def test_what_other_channels_played_stands_among_the_sources_with_its_name_and_share(tmp_path):
    item = excerpt()
    [first, *others] = item.explanations["auto"]
    heard = Source(NEAR.start, 0.9, (0.75,), "channels")
    item.explanations["auto"] = [replace(first, sources=(*first.sources, heard)), *others]
    own = data_of(page_of(tmp_path, item))["items"][0]["timelines"][0]["gaps"][0]
    assert [NEAR.start, 0.9, [0.75], "channels"] in own["sources"]


# ---- in a browser

PROBE = """
  const item = items[0], find = (selector) => item.section.querySelector(selector);
  const all = (selector) => [...item.section.querySelectorAll(selector)];
  const tip = document.getElementById("tip"), number = (shape, name) => Number(shape.getAttribute(name));
  await until("drawn", () => items.every(({ section }) => "drawn" in section.dataset));
  seen.width = find(".arcs").clientWidth;
  seen.overflow = root.scrollWidth - root.clientWidth;
  seen.pins = all(".pin").map((pin) => [pin.getAttribute("class"), number(pin, "cx")]);
  seen.feet = all(".arc .foot").map((foot) => number(foot, "cx"));
  seen.strengths = all(".arc").map((arc) => arc.style.getPropertyValue("--strength"));
  seen.faint = all(".faint .line").length;
  const boxes = all(".arcs .line").map((line) => line.getBBox());
  seen.inside = boxes.every((box) => box.y >= 0 && box.x >= -1 && box.x + box.width <= seen.width + 1);
  seen.wave = find(".wave").getBBox().width;

  await item.seek(0.25);
  const arcs = all(".arc");
  seen.stops = arcs.map((arc) => arc.tabIndex);
  arcs[0].focus();
  seen.first = [tip.hidden, tip.innerText];
  arcs[0].dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  await new Promise((resume) => setTimeout(resume, 20));
  seen.outside = item.player.position;
  arcs[0].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  await new Promise((resume) => setTimeout(resume, 20));
  seen.stayed = item.player.position;
  seen.second = [document.activeElement === arcs[1], tip.innerText];
  press("1");
  seen.kept = document.activeElement === arcs[1];
  arcs[1].dispatchEvent(new MouseEvent("click"));
  await until("the source", () => item.player.position > 1);
  seen.jumped = item.player.position;

  all(".pin").find((pin) => pin.matches(".doubtful")).dispatchEvent(new MouseEvent("click"));
  await until("second gap", () => find(".chosen").textContent === "gap 2 of 2");
  const amounts = (...selectors) => selectors.map((selector) => all(selector).length);
  seen.then = amounts(".arc", ".faint .line", ".pin.chosen-gap.doubtful", "tr.chosen-gap");
  all(".shares button")[0].click();
  await until("first gap", () => find(".chosen").textContent === "gap 1 of 2");
  all(".faint .touch")[0].dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await until("second gap", () => find(".chosen").textContent === "gap 2 of 2");
  seen.share = getComputedStyle(find(".shares td[style]")).backgroundSize;
"""


@pytest.fixture(scope="module", params=[1200, 500])
def visited(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("timeline")
    page_of(folder, excerpt(), excerpt("silent", explanations={}), excerpt("bare", explanations={"auto": []}))
    return visit(folder / "report.html", PROBE, (request.param, 2600))


def along(seen, sample):
    """Where a sample of the excerpt lies in a timeline of 12 s."""
    return pytest.approx(seen["width"] * (2 + sample / RATE) / 12, abs=0.5)


def test_browser_draws_an_arc_to_every_source_of_the_chosen_gap(visited):
    seen = visited.seen
    assert visited.root.get("data-error") is None
    assert not visited.console
    assert seen["overflow"] == 0
    assert seen["pins"] == [["pin doubtful", along(seen, 14_200)], ["pin chosen-gap", along(seen, 10_100)]]
    assert seen["feet"] == [along(seen, -7900), along(seen, 13_100)]
    assert [float(value) for value in seen["strengths"]] == [0.5, 0.25]
    assert seen["faint"] == 1
    assert seen["inside"]
    assert seen["wave"] == pytest.approx(seen["width"] * 3 / 12, abs=2)


def test_arcs_are_walked_by_keys_and_tell_of_their_sources(visited):
    seen = visited.seen
    assert seen["stops"] == [0, -1]
    assert seen["first"][0] is False
    assert seen["first"][1].splitlines() == [
        "heard at 1.000 s",
        "2.250 s before the gap",
        "correlation 0.90",
        "gain 0.50",
        "not in this excerpt",
    ]
    assert seen["outside"] == seen["stayed"] == 0.25
    assert seen["second"][0]
    assert seen["second"][1].splitlines()[3:] == ["gain −0.25", "a click goes there"]
    assert seen["kept"]
    assert seen["jumped"] == pytest.approx(13_000 / RATE - 0.5)


def test_pins_arcs_and_rows_choose_their_gap(visited):
    assert visited.seen["then"] == [1, 2, 1, 1]
    assert visited.seen["share"].startswith("82%")
