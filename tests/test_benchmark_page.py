"""The page of a benchmark's report in a headless browser."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmark_results import HOSTILE, METHODS, RATE, SCORES, few, many
from browser import visit

from audio_inpaint.benchmark.report import write_benchmark_report

READING = Path(__file__).with_name("benchmark_page.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return few(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return many(tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def tried(small):
    folder = small.cache.parent
    write_benchmark_report(folder / "report.html", small, command=HOSTILE)
    return visit(folder / "report.html", READING + "await readSmallPage();")


def number(text):
    return float(text.replace("−", "-").split()[0])


def values(results, method, name="snr_td"):
    return np.array([row.scores[name] for row in results.rows if row.method == method])


def test_scripts_run_without_error(tried):
    assert tried.root.get("data-error") is None
    assert {"data-ready", "data-seen"} <= tried.root.keys()
    assert not tried.console
    assert tried.seen["title"] == "Audio inpainting benchmark"


def test_table_shows_every_group_and_marks_the_best(tried, small):
    seen = tried.seen
    assert seen["groups"] == [
        f"{kind} · {mask}" for kind in ("music", "speech") for mask in ("20 ms", "60 ms in two gaps")
    ]
    title, *lines = seen["table"]
    assert title == ["all cases"]
    assert [line[:2] for line in lines] == [["janssen", "8"], ["burg", "7"], ["silence", "8"]]
    means = [values(small, name).mean() for name in METHODS]
    assert [number(line[2]) for line in lines] == pytest.approx(means, abs=0.006)
    assert ["(best)" in line[2] for line in lines] == [mean == max(means) for mean in means]
    distances = [values(small, name, "lsd").mean() for name in METHODS]
    assert ["(best)" in line[3] for line in lines] == [distance == min(distances) for distance in distances]


def test_reference_can_be_changed(tried, small):
    _, janssen, burg, _ = tried.seen["table"]
    _, other_janssen, other_burg, _ = tried.seen["other"]
    assert janssen[4] == ""
    assert other_burg[4] == ""
    assert number(burg[4]) == -number(other_janssen[4])
    assert burg[5:7] == other_janssen[5:7] != ["", ""]
    differences = values(small, "burg") - values(small, "janssen")[:-1]
    assert number(burg[7]) == pytest.approx(differences.min(), abs=0.006)
    assert number(other_janssen[7]) == pytest.approx((-differences).min(), abs=0.006)


def test_cases_can_be_grouped_by_what_the_reference_reached(small):
    folder = small.cache.parent
    own = np.sort(values(small, "janssen"))
    low, high = own[[2, 5]]
    write_benchmark_report(folder / "bins.html", replace(small, bins=(low, high)))
    seen = visit(folder / "bins.html", READING + "await readBins();").seen
    assert seen["groupings"] == [
        "sound, gaps and what was reached", "sound and gaps", "sound and what was reached", "gaps and what was reached",
        "sound", "gaps", "what was reached", "all together",
    ]  # fmt: skip
    assert [group.split(" dB")[0].rstrip("0123456789.-") for group in seen["groups"]] == [
        "janssen: SNR_TD below ", f"janssen: SNR_TD {low:g} to ", "janssen: SNR_TD above ",
    ]  # fmt: skip
    assert seen["counts"] == ["2", "3", "3"]


def test_axes_have_no_number_twice_and_each_stands_where_it_belongs(tried):
    for places, texts in [*tried.seen["ranges"], *((None, texts) for texts in tried.seen["ticks"].values())]:
        assert len(texts) == len(set(texts)) >= 3
        if places:
            assert [number(text) for text in texts] == pytest.approx(places, abs=1e-9)


def test_table_is_saved_as_csv(tried, small):
    lines = list(csv.DictReader(io.StringIO(tried.seen["tableCsv"])))
    assert [(line["method"], line["score"]) for line in lines] == [
        (name, score) for name in METHODS for score in SCORES
    ]
    assert float(lines[2]["mean"]) == pytest.approx(values(small, "burg").mean(), rel=1e-5)
    assert lines[2]["reference"] == "janssen"
    assert lines[0]["difference"] == ""


def test_box_plots_show_quartiles_of_every_method_gap_and_sound(tried, small):
    seen = tried.seen
    assert [len(boxes) for boxes in seen["boxes"].values()] == [3, 6, 6]
    assert seen["lines"] == 3
    assert min(seen["heights"]) >= 0
    assert max(seen["heights"]) > 5
    assert seen["fewer"] == 4
    janssen = seen["boxes"]["by-method"][0]
    assert janssen.startswith("janssen; 8 cases; median ")
    own = values(small, "janssen")
    told = [float(x.replace("−", "-")) for x in re.findall(r"[−\d]+\.\d+", janssen)]
    expected = [np.median(own), own.mean(), *np.percentile(own, [25, 75])]
    assert told[:4] == pytest.approx(expected, abs=0.006)
    assert seen["boxes"]["by-mask"][4].startswith("burg, 60 ms in two gaps; 3 cases")
    assert seen["tip"][0] is False
    assert seen["tip"][1].startswith("janssen, 20 ms")
    assert seen["focused"] == "burg, 20 ms"


def test_list_is_sorted_and_filtered(tried, small):
    seen = tried.seen
    worst, best = ([number(line[5]) for line in seen[name]] for name in ("worst", "best"))
    assert len(worst) == 23
    assert worst == sorted(worst)
    assert best == sorted(worst, reverse=True)
    distances = [number(line[6]) for line in seen["lsd"]]
    assert distances == sorted(distances)  # still the best first, which now are the lowest
    names = sorted(row.case.recording.name for row in small.rows)
    assert seen["byName"] == names
    assert seen["byNameDown"] == [names[::-1], "descending", "recording"]
    assert {(line[2], line[4]) for line in seen["filtered"]} == {("20 ms", "burg")}
    assert len(seen["filtered"]) == 4
    assert {(line[1], line[2], line[4]) for line in seen["found"]} == {("music", "60 ms in two gaps", "burg")}
    assert {(line[2], line[4]) for line in seen["ofBox"]} == {("20 ms", "janssen")}
    saved = list(csv.DictReader(io.StringIO(seen["listCsv"])))
    assert [line["gaps"] for line in saved] == [
        " ".join(f"{g.start}:{g.stop}" for g in small.cases[n].mask.gaps) for n in order(saved, small)
    ]


def order(saved, results):
    names = [(case.recording.name, case.mask.label) for case in results.cases]
    return [names.index((line["recording"], line["mask"])) for line in saved]


def test_row_opens_its_case_with_sound_pictures_and_scores(tried, small):
    seen = tried.seen
    own = sorted((row for row in small.rows if row.method == "silence"), key=lambda row: row.scores["snr_td"])
    name, is_open, heard, place = seen["case"]
    assert is_open
    assert place == "2 of 8"
    case = own[1].case
    assert name == case.recording.name
    restored = small.of(case)
    assert heard == 1 + list(restored).index("silence")
    found = np.array(seen["samples"])
    truth, _ = case.recording.audio()
    expected = [*(small.restored(row)[0] for row in restored.values()), truth[0]]
    for samples, audio in zip(found[1:], expected, strict=True):
        assert np.abs(samples - 2**15 * audio[9000:9240].numpy()).max() <= 0.51
    assert min(seen["colours"]) > 50
    assert seen["marks"] == len(case.mask.gaps)
    assert seen["start"] == pytest.approx(max(0, case.mask.gaps[0].start / RATE - 1))
    assert [number(line[1]) for line in seen["scores"]] == pytest.approx(
        [restored[method].scores["snr_td"] for method in restored], abs=0.006
    )
    assert seen["switched"] == 0
    assert seen["next"] == [own[2].case.recording.name, 1, "3 of 8"]
    assert seen["closed"] == [False, None]


@pytest.fixture(scope="module")
def beside(large):
    folder = large.cache.parent / "a b#%25"  # a name that an address must not misread
    folder.mkdir()
    write_benchmark_report(folder / "report.html", large, inline_mb=1.0)
    (folder / "report_audio" / "000005.js").unlink()
    foreign = folder / "report_audio" / "000006.js"
    foreign.write_text(re.sub(r'sound\("\w+"', 'sound("0123"', foreign.read_text()))
    return visit(folder / "report.html", READING + "await readLargePage();")


def test_a_thousand_cases_are_shown_by_pages_and_their_sound_is_loaded_when_wanted(beside, large):
    seen = beside.seen
    assert beside.root.get("data-error") is None
    assert seen["place"] == "1–40 of 2,000"
    assert seen["second"] == "41–80 of 2,000"
    assert seen["lines"] == 40
    assert seen["loaded"] == 0
    assert seen["left"] == 0
    case = large.cases[567]
    assert seen["name"] == case.recording.name
    restored = large.restored(large.of(case)["janssen"])[0, 2567:2727]
    assert np.abs(np.array(seen["samples"]) - 2**15 * restored.numpy()).max() <= 0.51


def test_sound_that_is_missing_or_of_another_page_is_told(beside):
    assert "keep the folder beside this page" in beside.seen["missing"]
    assert "belongs to another page" in beside.seen["foreign"]
    assert not beside.console


def test_page_with_sound_beside_it_stays_small_and_allows_no_other_source(beside, large):
    assert len(large.cases) == 1000
    page = (large.cache.parent / "a b#%25" / "report.html").read_text(encoding="utf-8")
    assert len(page) < 1e6
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'; script-src 'unsafe-inline' 'self' file:;" in policy
