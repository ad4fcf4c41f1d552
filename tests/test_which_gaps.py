"""Which gaps a command fills or lists: the options that look first, choose by length, widen, and move labels."""

import csv
import json
import os
import re

import numpy as np
import pytest
import soundfile

from audio_inpaint.cli import main
from audio_inpaint.gap_files import read_gaps
from audio_inpaint.gaps import Gap

RATE = 16000
START, STOP = 6000, 6480


def damaged(name, *gaps, seconds=1.0):
    """Write a tone with zeros in some places; returns its samples before and after."""
    time = np.arange(round(RATE * seconds)) / RATE
    whole = 0.4 * np.sin(2 * np.pi * 330 * time + 0.3)
    spoilt = whole.copy()
    for start, stop in gaps or [(START, STOP)]:
        spoilt[start:stop] = 0
    soundfile.write(name, spoilt, RATE, subtype="PCM_16")
    return whole, soundfile.read(name)[0]


def run(*arguments):
    return main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def filled(*options):
    """Fill the damage in in.wav with silence; returns the gaps that were filled."""
    given = ["inpaint", "in.wav", "-o", "out.wav", "--method", "silence", "--labels", "filled.csv", "--overwrite"]
    assert run(*given, *options) == 0
    return read_gaps("filled.csv", RATE)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_dry_run_lists_what_would_be_filled_and_writes_nothing(here, capsys):
    damaged("in.wav")
    also = ["--labels", "filled.txt", "--report", "--log", "--keep-original"]
    assert run("inpaint", "in.wav", "-o", "out.wav", "--dry-run", *also) == 0
    assert os.listdir() == ["in.wav"]
    printed = capsys.readouterr().out
    assert "would fill 1 gap (30 ms)" in printed
    assert "0.375000" in printed
    assert "zeros" in printed


SLOW = """
import time
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.methods.progress import advanced

class Slow:
    context = 1.0
    def __init__(self, whole: float = 0.1, gap: float = 0.05):
        self.whole, self.gap = whole, gap
    def __call__(self, audio, gap, sample_rate):
        return audio.masked_fill(gap, 0)
    def explain(self, audio, gap, sample_rate, wanted):
        time.sleep(self.whole)
        told = []
        for number, one in enumerate(wanted, 1):
            time.sleep(self.gap)
            with open("asked", "a") as file:
                print(len(one), file=file)
            told.append(Explanation(one, {"slow": 1.0}, expected_snr=1.0 if len(one) > 300 else 20.0))
            advanced(number / len(wanted) / 1000 if self.gap > 1 else number / len(wanted))
        return audio.masked_fill(gap, 0), told
"""


def test_a_dry_run_tries_a_few_gaps_of_each_kind_and_says_what_to_expect(here, capsys):
    rng = np.random.default_rng(0)
    surf = 0.1 * np.convolve(rng.standard_normal(10 * RATE), np.hanning(9), "same")
    starts = [4000 * place + int(rng.integers(1000)) for place in range(1, 38)]
    for start in starts:
        surf[start : start + 200] = 0
    surf[155_000:155_800] = 0.1
    soundfile.write("in.wav", surf, RATE, subtype="PCM_16")
    (here / "mine.py").write_text(SLOW)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--dry-run", "--method", "mine.py:Slow") == 0
    said = capsys.readouterr().out
    asked = (here / "asked").read_text().split()
    assert len(asked) < 12
    assert set(asked) == {"200", "800"}
    seconds = int(re.search(r"would fill 38 gaps \(512 ms\) with mine.py:Slow, in about (\d+) s -> out.wav", said)[1])
    assert 2 <= seconds <= 5  # 0.1 s and 38 times 0.05 s, and what the machine is busy with
    assert "  37 zeros, 462 ms, about 20 dB expected, 0 % to check, about " in said
    assert "  1 held, 50 ms, about 1 dB expected, 100 % to check, about 1 s" in said
    assert "5 of 38 were tried, evenly over each kind" in said
    rows = [line for line in said.splitlines() if "  zeros " in line]
    assert sum(line.endswith("  20 dB") for line in rows) == 4
    assert sum(line.endswith("  (20 dB)") for line in rows) == 33


def test_kinds_take_as_long_as_each_was_seen_to_take():
    """Thousands of clicks are not expected to take as long as a few long gaps, and what a call takes is told apart."""
    from audio_inpaint.forecast import Forecast

    calls = [({"held": 2}, 4.5), ({"held": 1}, 2.5), ({"clicks": 4}, 0.54), ({"clicks": 1, "held": 1}, 2.51)]
    rates = Forecast(calls)._rates()
    assert rates["held"] == pytest.approx(2, rel=0.05)
    assert rates["clicks"] == pytest.approx(0.01, abs=0.01)
    assert rates[" call"] == pytest.approx(0.5, rel=0.1)


def test_a_dry_run_waits_for_no_slow_method(here, capsys, monkeypatch):
    damaged("in.wav")
    (here / "mine.py").write_text(SLOW)
    monkeypatch.setattr("audio_inpaint.forecast._SECONDS", 1.0)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--dry-run", "--method", "mine.py:Slow:gap=1.1") == 0
    said = capsys.readouterr().out
    minutes = int(re.search(r"with mine.py:Slow:gap=1.1, in about (\d+) min ->", said)[1])
    assert 20 <= minutes <= 60  # a thousandth was done in 1.2 s and what the machine is busy with
    assert len((here / "asked").read_text().split()) == 1


def test_a_dry_run_over_many_files_tries_for_a_limited_time(here, capsys, monkeypatch):
    os.mkdir("in")
    for name in ("a", "b", "c"):
        damaged(f"in/{name}.wav")
    (here / "mine.py").write_text(SLOW)
    monkeypatch.setattr("audio_inpaint.forecast._SECONDS", 0.5)
    assert run("inpaint", "in", "-o", "out", "--dry-run", "--method", "mine.py:Slow:whole=0.3,gap=0.3") == 0
    assert len((here / "asked").read_text().split()) == 2  # the first one twice, once to load what is loaded once
    said = capsys.readouterr().out
    assert said.count("about 1 dB expected") == 3
    assert "0 of 1 were tried, evenly over each kind, and those of the files before" in said


def test_a_dry_run_over_a_folder_makes_no_folder(here, capsys):
    os.mkdir("in")
    damaged("in/a.wav")
    damaged("in/b.wav", (3000, 3400), (9000, 9400))
    assert run("inpaint", "in", "-o", "out", "--labels", "labels", "--report", "--dry-run") == 0
    assert os.listdir() == ["in"]
    printed = capsys.readouterr().out
    assert "would fill 1 gap" in printed
    assert "would fill 2 gaps" in printed


def test_pad_fills_more_on_each_side(here):
    damaged("in.wav")
    assert filled("--pad", "1ms") == [Gap(START - 16, STOP + 16)]
    assert filled("--gaps", "100:200", "--pad", "0.02s") == [Gap(0, 520)]


def test_longer_gaps_than_allowed_are_left_alone(here, capsys):
    _, spoilt = damaged("in.wav", (3000, 3320), (9000, 9800))
    assert filled("--max-gap", "20ms") == [Gap(3000, 3320)]
    assert "1 gap longer than 20 ms left alone" in capsys.readouterr().out
    assert np.array_equal(soundfile.read("out.wav")[0][4000:], spoilt[4000:])


def test_a_largest_gap_that_lets_nothing_be_filled_is_said(here, capsys):
    damaged("in.wav", (3000, 3320))
    with pytest.raises(SystemExit, match="2"):
        run("inpaint", "in.wav", "-o", "out.wav", "--max-gap", "0")
    assert "argument --max-gap: '0' is no length of a gap: write more than 0" in capsys.readouterr().err
    said = refused(capsys, "inpaint", "in.wav", "-o", "out.wav", "--max-gap", "5ms")
    assert "no gap of up to 5 ms, as --max-gap says, was found in in.wav" in said


def test_labels_made_by_hand_snap_to_the_damage_near_them(here):
    damaged("in.wav", (START, STOP), (12_000, 12_300))
    assert filled("--gaps", "0.37-0.40,0.1-0.11", "--snap") == [Gap(1600, 1760), Gap(START, STOP)]


def test_a_label_without_extent_is_a_millisecond_on_each_side(here):
    damaged("in.wav")
    (here / "labels.txt").write_text("0.5\t0.5\tclick\n")
    assert filled("--gaps", "labels.txt") == [Gap(8000 - 16, 8000 + 16)]
    assert filled("--gaps", "labels.txt", "--pad", "1ms") == [Gap(8000 - 32, 8000 + 32)]


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ([], ["zeros", "held"]),
        (["--kinds", "held,clicks"], ["held"]),
        (["--preset", "digital"], ["zeros", "held"]),
        (["--preset", "tape"], ["zeros"]),
        (["--preset", "vinyl"], []),
        (["--min-ms", "40"], ["held"]),
        (["--max-ms", "40"], ["zeros"]),
        (["--min-confidence", "1"], []),
    ],
)
def test_what_counts_as_damage_is_chosen(here, capsys, options, kinds):
    rng = np.random.default_rng(0)
    surf = 0.1 * np.convolve(rng.standard_normal(2 * RATE), np.hanning(9), "same")
    surf[START:STOP] = 0
    surf[20_000:20_800] = 0.1
    soundfile.write("in.wav", surf, RATE, subtype="PCM_16")
    assert run("detect", "in.wav", "--json", *options) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert [one["kind"] for one in said["damage"]] == kinds
    assert (said["file"], said["sample_rate"], said["deliberate_silence"]) == ("in.wav", RATE, 0)


def test_sensitivity_weighs_one_kind_or_all(here, capsys):
    damaged("in.wav")
    sure = []
    for sensitivity in ("0.5", "zeros=0.2", "0.2", "held=0.2"):
        assert run("detect", "in.wav", "--json", "--sensitivity", sensitivity) == 0
        sure.append(json.loads(capsys.readouterr().out)["damage"][0]["confidence"])
    assert sure[0] == sure[3] > sure[1] == sure[2]


def test_json_has_a_line_a_file_with_seconds_and_channels_from_one(here, capsys):
    whole, spoilt = damaged("a.wav")
    soundfile.write("b.wav", np.stack([whole, spoilt], axis=1), RATE, subtype="PCM_16")
    assert run("detect", "a.wav", "b.wav", "--json") == 0
    first, second = (json.loads(line)["damage"] for line in capsys.readouterr().out.splitlines())
    assert [(one["start"], one["end"], one["channel"]) for one in first + second] == [
        (0.375, 0.405, None),
        (0.375, 0.405, 2),
    ]
    assert all(0.5 <= one["confidence"] <= 1 for one in first + second)


def test_one_csv_lists_the_damage_of_a_folder(here, capsys):
    os.mkdir("in")
    damaged("in/a.wav")
    damaged('in/b "2".wav', (3000, 3400), (9000, 9400))
    assert run("detect", "in", "-o", "all.csv") == 0
    assert sorted(os.listdir()) == ["all.csv", "in"]
    rows = list(csv.DictReader((here / "all.csv").read_text().splitlines()))
    assert [(row["file"], float(row["start"]), row["channel"]) for row in rows] == [
        (os.path.join("in", "a.wav"), 0.375, ""),
        (os.path.join("in", 'b "2".wav'), 0.1875, ""),
        (os.path.join("in", 'b "2".wav'), 0.5625, ""),
    ]
    assert all(row["text"].startswith("zeros ") for row in rows)
    assert "all.csv" in refused(capsys, "detect", "in", "-o", "all.csv")
    assert run("detect", "in", "-o", "all.csv", "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kinds", "scratches"], "no kind of damage 'scratches': choose from zeros"),
        (["--preset", "wire"], "no preset 'wire'"),
        (["--sensitivity", "much"], "'much' is not a sensitivity"),
        (["--sensitivity", "hum=0.5"], "no kind of damage 'hum'"),
        (["--min-ms", "9", "--max-ms", "3"], "nothing is both longer and shorter"),
        (["--snap"], "add --gaps"),
        (["--gaps", "0.1-0.2", "--kinds", "zeros"], "add --snap"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_a_line(here, capsys, arguments, said):
    damaged("in.wav")
    assert said in refused(capsys, "inpaint", "in.wav", "-o", "out.wav", *arguments)
    assert os.listdir() == ["in.wav"]


def test_help_names_the_kinds_and_presets_that_exist(capsys):
    from audio_inpaint.detection import KINDS, PRESETS

    with pytest.raises(SystemExit):
        main(["detect", "--help"])
    words = capsys.readouterr().out.replace(",", " ").replace(";", " ").split()
    assert set(KINDS) | set(PRESETS) <= set(words)
