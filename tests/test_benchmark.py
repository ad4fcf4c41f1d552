import csv
import json
import math
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from alike import alike, one_mask
from benchmark_cases import RATE, folder, tone
from forked import in_ranks

from audio_inpaint.benchmark import cache, engine, masks
from audio_inpaint.benchmark.cases import Case, Mask, Recording
from audio_inpaint.benchmark.engine import run
from audio_inpaint.benchmark.restoration import observe, restore
from audio_inpaint.benchmark.sources import recordings
from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.registry import fingerprint, method
from audio_inpaint.scores.snr import snr

SCORES = ("snr_td", "lsd")


@pytest.fixture
def drawn(tmp_path):
    found = recordings([str(folder(tmp_path / "clips"))])
    return [case for index, one in enumerate(found) for case in masks.single(one, index, (20, 40), 1, 128.0, seed=0)]


def figures(results):
    return [(row.method, row.case.name, row.scores) for row in results.rows]


def test_a_row_has_the_score_of_what_the_method_makes_of_the_damaged_recording(tmp_path, drawn):
    results = run(["burg", "silence"], drawn[:2], SCORES, tmp_path / "cache")
    assert [row.method for row in results.rows] == ["burg", "silence"] * 2
    truth, rate = drawn[0].recording.audio()
    gap = one_mask(drawn[0].mask.gaps, truth.shape[-1])
    expected = alike(method("burg"))(truth.masked_fill(gap, 0), gap, rate)
    assert results.rows[0].scores["snr_td"] == pytest.approx(float(snr(expected, truth, gap)), abs=1e-4)
    assert results.rows[1].scores["snr_td"] == 0.0
    assert torch.allclose(results.restored(results.rows[0]), expected, atol=1e-7)
    assert results.rows[0].seconds > 0


def test_figures_do_not_depend_on_the_number_of_workers(tmp_path, drawn):
    one = run(["janssen", "burg"], drawn, SCORES, tmp_path / "one", workers=1)
    three = run(["janssen", "burg"], drawn, SCORES, tmp_path / "three", workers=3)
    assert figures(one) == figures(three)


def test_only_what_is_new_is_computed(tmp_path, drawn):
    def tallied(names, scores, chosen=drawn):
        states = []
        run(names, chosen, scores, tmp_path / "cache", progress=lambda tally: states.append((tally.done, tally.cached)))
        return states[-1]

    assert tallied(["burg"], ["snr_td"]) == (8, 0)
    assert tallied(["burg"], ["snr_td"]) == (8, 8)
    assert tallied(["burg", "silence"], ["snr_td"]) == (16, 8)
    assert tallied(["burg", "burg:order=20"], ["snr_td"]) == (16, 8)
    with np.load(next((tmp_path / "cache").rglob("*.npz"))) as entry:
        assert "lsd" not in json.loads(str(entry["meta"]))["scores"]
    assert tallied(["burg"], SCORES) == (8, 8)  # restored before, scored now
    tone(drawn[0].recording.path, 555.0)
    from audio_inpaint.benchmark import cases

    cases._digest.cache_clear()
    cases._read.cache_clear()
    assert tallied(["burg"], SCORES) == (8, 6)


def test_a_damaged_entry_is_computed_again(tmp_path, drawn):
    first = run(["silence"], drawn[:1], SCORES, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").rglob("*.npz")
    entry.write_bytes(entry.read_bytes()[:50])
    assert figures(run(["silence"], drawn[:1], SCORES, tmp_path / "cache")) == figures(first)


def test_what_fails_is_reported_and_stops_nothing_else(tmp_path, drawn):
    gone = Case(Recording("gone", "music", tmp_path / "gone.wav"), Mask("20 ms", 20.0, (Gap(5, 10),)))
    (tmp_path / "junk.pt").write_bytes(b"junk")
    junk = str(tmp_path / "junk.pt")
    results = run(["silence", junk], [drawn[0], gone], SCORES, tmp_path / "cache")
    assert figures(results) == figures(run(["silence"], drawn[:1], SCORES, tmp_path / "cache"))
    assert [(failure.method, failure.case.recording.name) for failure in results.failures] == [
        (junk, drawn[0].recording.name),
        ("silence", "gone"),
        (junk, "gone"),
    ]
    assert "gone.wav cannot be read" in results.failures[1].reason


def test_a_process_that_dies_takes_one_case_with_it(tmp_path, drawn):
    deadly = tmp_path / "deadly.py"
    deadly.write_text(
        "import os\nfrom audio_inpaint.methods import silence\n"
        "class Silence(silence.Silence):\n"
        "    def __call__(self, audio, gap, sample_rate):\n"
        "        if gap.sum() > 500: os._exit(9)\n"
        "        return super().__call__(audio, gap, sample_rate)\n"
        "silence.Silence = Silence\n"
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pickle, pathlib\n"
        "from audio_inpaint.benchmark import engine\n"
        "prepare = engine._prepare\n"
        "if __name__ == '__main__':\n"
        "    cases = pickle.loads(pathlib.Path(sys.argv[1], 'cases').read_bytes())\n"
        "    import multiprocessing; engine.get_all_start_methods = lambda: ['fork']\n"
        "    engine.get_context = lambda kind: multiprocessing.get_context('fork')\n"
        "    import deadly\n"
        "    found = engine.run(['silence'], cases, ['snr_td'], pathlib.Path(sys.argv[1], 'cache'), workers=2)\n"
        "    print(len(found.rows), sorted({f.case.mask.label for f in found.failures}), found.failures[0].reason)\n"
    )
    import pickle

    (tmp_path / "cases").write_bytes(pickle.dumps(drawn))
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("4 ['40 ms'] its process died")


def test_observed_columns_give_their_samples_exactly_and_nothing_of_the_core():
    rng = torch.Generator().manual_seed(0)
    audio = torch.randn(1, 12000, generator=rng, dtype=torch.float64)
    gap = one_mask([Gap(5 * 512 + 1, 11 * 512 + 1)], 12000)
    observed, core = observe(audio, gap, RATE)
    assert int(core.sum()) == 3 * 512 + 1
    assert torch.allclose(observed[:, ~core], audio[:, ~core], atol=1e-6)
    assert not observed[:, core].any()
    changed = torch.where(core, 9.0, audio)
    assert torch.allclose(observe(changed, gap, RATE)[0], observed, atol=1e-6)


def test_a_method_for_columns_gets_columns_and_others_the_core():
    audio = torch.randn(1, 12000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gaps = [Gap(5 * 512 + 1, 11 * 512 + 1)]
    seen = {}

    class Columns:
        context = 0.1

        def __call__(self, audio, gap, sample_rate):
            raise AssertionError("it was to get columns")

        def columns(self, audio, gap, sample_rate):
            seen["columns"] = gap
            return audio + 1

    class Samples:
        context = 0.1

        def __call__(self, audio, gap, sample_rate):
            seen["samples"] = int(gap.sum())
            return audio.clone()

    assert torch.equal(
        restore(Columns(), audio, gaps, RATE, "columns"), observe(audio, one_mask(gaps, 12000), RATE)[0] + 1
    )
    restore(Samples(), audio, gaps, RATE, "columns")
    assert seen["samples"] == 3 * 512 + 1
    assert int(seen["columns"].sum()) == 6 * 512


def test_the_deep_prior_takes_columns(one_thread):
    from tiny_fits import TINY

    from audio_inpaint.methods.deep_prior.method import DeepPrior

    audio = 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gaps = [Gap(2049, 2049 + 6 * 256)]
    restored = restore(DeepPrior(str(TINY)), audio, gaps, 8000, "columns")
    assert restored.shape == audio.shape
    # what the core held cannot be seen in the result: the observed columns do not hold it
    _, core = observe(audio, one_mask(gaps, 8000), 8000)
    assert core.any()
    again = restore(DeepPrior(str(TINY)), torch.where(core, 0.5, audio), gaps, 8000, "columns")
    assert torch.allclose(again, restored, atol=1e-4)


def test_the_command_groups_by_what_the_first_method_reached(tmp_path, capsys):
    place, out = folder(tmp_path / "clips", kinds=("music",), each=2), tmp_path / "out"
    command = ["benchmark", str(place), "-o", str(out), "--methods", "burg,silence", "--gap-ms", "20", "--workers", "1"]
    assert main([*command, "--context-ms", "30", "--together", "3", "--bins=5,100"]) == 0
    assert "music, 3 gaps of 20 ms, burg: SNR_TD 5 to 100 dB" in capsys.readouterr().out
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["bin"] for row in rows} == {"", "burg: SNR_TD 5 to 100 dB"}
    with (out / "rows.csv").open() as file:
        assert {len(row["gaps"].split()) for row in csv.DictReader(file)} == {3}
    assert main([*command, "--bins", "10,3"]) == 2
    assert "bounds must rise" in capsys.readouterr().err


def test_the_command_writes_tables_masks_and_the_report(tmp_path, capsys):
    place, out = folder(tmp_path / "clips"), tmp_path / "out"
    command = ["benchmark", str(place), "-o", str(out), "--methods", "burg,silence", "--gap-ms", "20", "--workers", "1"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "music, 20 ms" in said
    assert "minus burg" in said
    with (out / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert {row["protocol"] for row in rows} == {"time"}
    assert float(rows[0]["snr_td"]) > 10  # a tone
    assert json.loads((out / "results.json").read_text())["details"]["seed"] == "0"
    assert "music/clip_0" in (out / "report.html").read_text()
    again = [*command[:1], "-o", str(tmp_path / "again"), "--masks", str(out / "masks.json"), *command[4:6]]
    assert main(again) == 0
    with (tmp_path / "again" / "rows.csv").open() as file:
        assert [row["snr_td"] for row in csv.DictReader(file)] == [row["snr_td"] for row in rows]


def test_recordings_and_given_masks_are_never_written_over(tmp_path, capsys):
    place, out = folder(tmp_path / "clips", kinds=("music",), each=1), tmp_path / "out"
    command = ["benchmark", "-o", str(out), "--methods", "silence", "--workers", "1"]
    assert main([*command, str(place), "--gap-ms", "20", "--seed", "3", "--audio"]) == 0
    (out / "rows.csv").write_bytes(kept := (out / "masks.json").read_bytes())
    assert main([*command, "--masks", str(out / "rows.csv")]) == 2
    assert "is the file of masks" in capsys.readouterr().err
    assert main([*command, str(sound := next((out / "audio").rglob("original.flac"))), "--audio"]) == 2
    assert "lies in the folder that --audio replaces" in capsys.readouterr().err
    assert sound.is_file()
    assert (out / "rows.csv").read_bytes() == kept
    assert main([*command, "--masks", str(out / "masks.json")]) == 0  # the seed stays in it
    assert (out / "masks.json").read_bytes() == kept


def test_columns_have_scores_of_their_own(tmp_path, capsys):
    place = folder(tmp_path / "clips", kinds=("music",), each=1)
    options = ["benchmark", str(place), "-o", str(tmp_path / "out"), "--columns", "4", "--methods", "silence"]
    assert main(options) == 0
    assert "SNR, core samples (dB)" in capsys.readouterr().out
    assert main([*options, "--scores", "snr_td"]) == 2
    assert "no score of the protocol columns is called 'snr_td'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no clean audio is named"),
        (["nowhere"], "there is no folder nowhere"),
        (["CLIPS", "--methods", "nobody"], "no method is called 'nobody'"),
        (["CLIPS", "--scores", "beauty"], "no score of the protocol time is called 'beauty'"),
        (["CLIPS", "--gap-ms", "long"], "is no list of numbers"),
        (["CLIPS", "--bins", "3,much"], "is no list of numbers"),
        (["CLIPS", "--bins", "3,3"], "bounds must rise"),
        (["CLIPS", "--gap-ms", "-5"], "sizes must be more than nothing"),
        (["CLIPS", "--gap-ms", "5000"], "no gap fits"),
        (["--preset", "ce-table99"], "no preset is called 'ce-table99'"),
    ],
)
def test_what_the_user_can_mend_is_one_line(tmp_path, capsys, options, message):
    clips = folder(tmp_path / "clips", each=1)
    options = [str(clips) if option == "CLIPS" else option for option in options]
    assert main(["benchmark", *options, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("audio-inpaint: error:") == 1


def test_without_an_output_nothing_is_begun(capsys):
    assert main(["benchmark", "demo/clips"]) == 2
    assert "add -o OUT" in capsys.readouterr().err


def test_options_make_other_methods(tmp_path):
    assert method("janssen:iterations=5").iterations == 5
    assert fingerprint("janssen") != fingerprint("janssen:iterations=5")
    for spec in ("janssen:iteration=5", "nobody:x=1"):
        with pytest.raises(InputError):
            method(spec)


def fork_workers():
    engine._processes = lambda: multiprocessing.get_context("fork")  # the server of the parent is none of a child


def test_two_processes_share_the_cases_and_find_the_same(tmp_path):
    place = folder(tmp_path / "clips")
    options = ["benchmark", str(place), "--methods", "burg,silence", "--gap-ms", "20", "--workers", "1"]
    assert main([*options, "-o", str(tmp_path / "one")]) == 0
    for done in in_ranks("audio_inpaint", *options, "-o", tmp_path / "two", prepare=fork_workers):
        assert done.returncode == 0, done.stderr
    tables = [(tmp_path / name / "table.csv").read_text() for name in ("one", "two")]
    assert tables[0] == tables[1]
    assert len(list((tmp_path / "two" / "cache").rglob("*.npz"))) == 8


def test_the_cache_keeps_entries(tmp_path):
    entry = cache.Entry(torch.ones(2, 3), 1.5, math.nan, {"snr_td": math.nan})
    cache.save(tmp_path, "abc", entry)
    found = cache.load(tmp_path, "abc")
    assert torch.equal(found.samples, entry.samples)
    assert math.isnan(found.memory_mb)
    assert math.isnan(found.scores["snr_td"])
    assert cache.load(tmp_path, "other") is None


def test_loud_and_short_and_broken_recordings_do_not_stop_a_benchmark(tmp_path, capsys):
    place = folder(tmp_path / "clips", kinds=("music",), each=1)
    soundfile.write(place / "music" / "one.wav", np.array([0.1]), RATE)
    (place / "music" / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(place / "music" / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    out = tmp_path / "out"
    assert main(["benchmark", str(place), "-o", str(out), "--methods", "silence", "--gap-ms", "20"]) == 0
    said = capsys.readouterr()
    assert "broken.wav" in said.err
    assert "nan.wav" in said.err
    assert "music, 20 ms" in said.out
