import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from benchmark_results import HOSTILE, METHODS, RATE, SCORES, few, pcm_of, recording, rows_of
from browser import Elements
from scipy.stats import ttest_rel, wilcoxon

from audio_inpaint.benchmark.case_files import file_names
from audio_inpaint.benchmark.cases import Case, Mask
from audio_inpaint.benchmark.report import write_audio, write_benchmark_report
from audio_inpaint.benchmark.results import Failure, Results, labels
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return few(tmp_path_factory.mktemp("small"))


def written(tmp_path, results, **options):
    write_benchmark_report(tmp_path / "report.html", results, **options)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def element_of(page, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)[1])


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---- the file


def test_page_is_well_formed_and_refers_to_nothing_outside(tmp_path, small):
    page = written(tmp_path, small)
    for tag, attributes in Elements(page).all:
        assert not {"src", "srcset", "poster", "data", "action", "background"} & attributes.keys(), tag
        assert attributes.get("href", "#").startswith(("#", "data:"))
    assert not re.search(
        r"https?:|file:|ftp:|url\(|@import|\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", page
    )
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_rows_of_a_checkpoint_are_named_by_its_run_and_not_by_its_path(tmp_path, small):
    paths = {
        "burg": "/data/of/a lab/runs/wide/checkpoints/best.ckpt:phases=reconstructed",
        "silence": "/data/nets/mine.pt",
    }
    rows, failures = (
        [replace(one, method=paths.get(one.method, one.method)) for one in found]
        for found in (small.rows, small.failures)
    )
    methods = tuple(paths.get(name, name) for name in METHODS)
    page = written(
        tmp_path, replace(small, methods=methods, rows=rows, failures=failures, details={"methods": ", ".join(methods)})
    )
    assert element_of(page, "page-data")["methods"] == ["janssen", "wide/best:phases=reconstructed", "mine"]
    assert [source["name"] for source in element_of(page, "sound-0")["sources"]][2:4] == [
        "wide/best:phases=reconstructed",
        "mine",
    ]
    assert page.count("/data/") == 2  # in the details, which say what it takes to repeat the work


def test_labels_are_as_long_as_it_takes_to_tell_methods_apart():
    methods = ["a/checkpoints/best.ckpt", "b/checkpoints/best.ckpt", "x/b/best.ckpt", "c.pt", "d/c.pt", "c", "e/f.py:G"]
    assert list(labels(methods).values()) == ["a/best", "b/best", "x/b/best", "c.pt", "d/c", "c", "f.py:G"]


def test_sound_is_that_of_every_method_at_16_bits(tmp_path, small):
    page = written(tmp_path, small)
    case = small.cases[3]
    player = element_of(page, "sound-3")
    truth, _ = case.recording.audio()
    sounds = pcm_of(player)
    assert list(sounds) == ["Damaged", *METHODS, "Original"]
    assert player["gaps"] == [[gap.start, gap.stop, None] for gap in case.mask.gaps]
    for name, row in small.of(case).items():
        assert np.abs(sounds[name] / 2**15 - small.restored(row)[0].numpy()).max() <= 0.51 / 2**15
    assert np.abs(sounds["Original"] / 2**15 - truth[0].numpy()).max() <= 0.51 / 2**15
    assert not sounds["Damaged"][3100:3340].any()


def test_of_a_long_recording_the_surroundings_of_the_gaps_are_kept(tmp_path, small):
    sound = replace(recording(tmp_path, "long", 0, 12.0), start=2.0)  # the file's seconds 2 to 12
    gap = Gap(6 * RATE, 6 * RATE + 400)
    rows = list(rows_of(tmp_path, Case(sound, Mask("50 ms", 50, (gap,))), ["silence"]))
    page = written(tmp_path, replace(small, methods=("silence",), rows=rows, failures=[], cache=tmp_path / "cache"))
    player = element_of(page, "sound-0")
    assert player["offset"] == 5.0
    assert player["gaps"] == [[3 * RATE, 3 * RATE + 400, None]]
    assert player["length"] == 6 * RATE + 400
    truth, _ = sound.audio()
    original = pcm_of(player)["Original"] / 2**15
    assert np.abs(original - truth[0, 3 * RATE : 9 * RATE + 400].numpy()).max() <= 0.51 / 2**15


def test_tables_hold_means_and_paired_tests_against_every_reference(tmp_path, small):
    data = element_of(written(tmp_path, small), "page-data")
    assert [table["by"] for table in data["tables"]] == [["kind", "mask"], ["kind"], ["mask"], []]
    (everything,) = data["tables"][-1]["groups"]
    own = [[small.of(case)[name].scores["snr_td"] for case in small.cases[:-1]] for name in METHODS]
    difference = np.subtract(own[0], own[1])
    found = everything["methods"]["0"][0]["to"]["1"]  # janssen's first score, compared with burg's
    expected = [
        difference.mean(),
        difference.std(ddof=1) / 7**0.5,
        ttest_rel(own[0], own[1]).pvalue,
        wilcoxon(difference).pvalue,
        difference.min(),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    burg = everything["methods"]["1"][0]
    np.testing.assert_allclose([burg["mean"], burg["std"], burg["n"]], [np.mean(own[1]), np.std(own[1]), 7], rtol=1e-5)


def test_names_cannot_add_markup(tmp_path, small):
    def named(name):
        case = replace(small.cases[0], recording=replace(small.cases[0].recording, name=name, kind=name))
        row = replace(small.rows[0], case=replace(case, mask=replace(case.mask, label=name)), method=name)
        failure = Failure(name, row.case, name)
        return Results("time", (name,), SCORES, [row], [failure], small.cache, {name: name})

    plain = written(tmp_path, named("x"), command="x", title="x")
    page = written(tmp_path, named(HOSTILE), command=HOSTILE, title=HOSTILE)
    assert [tag for tag, _ in Elements(page).all] == [tag for tag, _ in Elements(plain).all]


def test_failures_costs_and_details_can_be_read_without_scripts(tmp_path, small):
    page = written(tmp_path, small, command="audio-inpaint benchmark x")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "1 of 24 restorations failed: burg 1" in text
    assert "burg speech__3__60_ms_in_two_gaps__0 too &lt;short&gt;" in text
    assert "janssen 8 0.25 0.25 12.00" in text
    for detail in ("audio-inpaint benchmark x", "Seed 3", "Machine two cores", "torch"):
        assert detail in text


def test_columns_say_that_they_are_not_compared_with_time(tmp_path, small):
    case = small.cases[0]
    rows = list(rows_of(tmp_path, case, ["silence"], "columns"))
    results = Results("columns", ("silence",), SCORES, rows, [], tmp_path / "cache")
    page = written(tmp_path, results)
    assert "never compared with those of the protocol time" in page
    assert "never compared" not in written(tmp_path, small)
    assert "SNR" not in element_of(page, "sound-0")["gapTable"]
    # with windows of 128 ms a lost column of 20 ms leaves every sample under another one
    damaged = pcm_of(element_of(page, "sound-0"))["Damaged"] / 2**15
    truth, _ = case.recording.audio()
    assert np.abs(damaged - truth[0].numpy()).max() < 1 / 2**15


def test_same_results_give_the_same_bytes(tmp_path, small):
    first = written(tmp_path, small, inline_mb=0), files_of(tmp_path / "report_audio")
    assert (written(tmp_path, small, inline_mb=0), files_of(tmp_path / "report_audio")) == first


def test_much_sound_goes_to_a_folder_that_is_replaced_and_removed_as_a_whole(tmp_path, small):
    folder = tmp_path / "report_audio"
    page = written(tmp_path, small, inline_mb=0.1)
    assert sorted(files_of(folder)) == [f"{number:06}.js" for number in range(8)]
    assert "The sound lies in the folder <code>report_audio</code>" in page
    assert "sound-0" not in page
    written(tmp_path, replace(small, rows=small.rows[:6], failures=[]), inline_mb=0)
    assert sorted(files_of(folder)) == ["000000.js", "000001.js"]
    assert "The sound lies in the folder" not in written(tmp_path, small)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_what_cannot_be_written_leaves_the_old_page_and_its_folder(tmp_path, small):
    page, files = written(tmp_path, small, inline_mb=0), files_of(tmp_path / "report_audio")
    missing = replace(
        small.cases[-1], recording=replace(small.cases[-1].recording, path=tmp_path / "none.wav", sample_rate=RATE)
    )
    with pytest.raises(InputError, match=r"none\.wav"):
        written(tmp_path, replace(small, rows=[*small.rows[:-2], replace(small.rows[-1], case=missing)]), inline_mb=0)
    assert ((tmp_path / "report.html").read_text(encoding="utf-8"), files_of(tmp_path / "report_audio")) == (
        page,
        files,
    )
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_of_something_else_is_left_alone(tmp_path, small):
    folder = tmp_path / "report_audio"
    folder.mkdir()
    (folder / "song.wav").touch()
    with pytest.raises(InputError, match="something else"):
        written(tmp_path, small, inline_mb=0)
    assert [path.name for path in tmp_path.rglob("*")] == ["report_audio", "song.wav"]
    written(tmp_path, small)
    assert (folder / "song.wav").is_file()


def test_a_benchmark_in_which_everything_failed_still_has_its_page(tmp_path, small):
    page = written(tmp_path, replace(small, rows=[]))
    assert "1 of 1 restoration failed: burg 1" in page
    assert element_of(page, "page-data")["cases"] == []


# ---- audio files


def test_audio_files_are_the_signals_at_24_bits(tmp_path, small):
    write_audio(tmp_path / "audio", small, limit=2)
    first, second = small.cases[:2]
    assert sorted(path.name for path in (tmp_path / "audio").iterdir()) == sorted([first.name, second.name])
    truth, rate = second.recording.audio()
    expected = {"original": truth, "damaged": truth.clone()}
    for gap in second.mask.gaps:
        expected["damaged"][:, gap.start : gap.stop] = 0
    expected |= {name: small.restored(row) for name, row in small.of(second).items()}
    for name, audio in expected.items():
        samples, found_rate = soundfile.read(tmp_path / "audio" / second.name / f"{name}.flac", dtype="int32")
        assert found_rate == rate
        np.testing.assert_array_equal(samples >> 8, (audio[0] * 2**23).round().numpy())
    assert {path.stem for path in (tmp_path / "audio" / second.name).iterdir()} == expected.keys()


def test_audio_files_replace_those_of_an_earlier_call_and_nothing_else(tmp_path, small):
    folder = tmp_path / "audio"
    write_audio(folder, small, limit=2)
    write_audio(folder, small, limit=1)
    assert len(list(folder.iterdir())) == 1
    (folder / "notes.txt").touch()
    with pytest.raises(InputError, match="something else"):
        write_audio(folder, small, limit=1)


def test_any_name_of_a_method_becomes_a_file_name_of_its_own():
    names = file_names(["runs/a b.ckpt", "runs_a_b.ckpt", "Damaged", "…", "../x", "dpai:steps=5"], ["damaged"])
    assert names == ["runs_a_b.ckpt", "runs_a_b.ckpt_2", "Damaged_2", "unnamed", "x", "dpai_steps=5"]
    assert len(file_names(["a" * 300])[0]) <= 100
