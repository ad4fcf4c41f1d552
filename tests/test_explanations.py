"""What a method tells about its fills, from its own positions to those of the file, and to label files."""

import re

import numpy as np
import pytest
import soundfile
import torch
from quoting import BAR, RATE, Quoting, bars, record
from repairs import restore_file

import audio_inpaint.methods.registry
from audio_inpaint.cli import main
from audio_inpaint.gap_files import read_gaps
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.contract import Explaining
from audio_inpaint.methods.explanation import Explanation, Source
from audio_inpaint.methods.janssen import Janssen
from audio_inpaint.methods.recall.recall import Recall
from audio_inpaint.repairing import repair

NEAR, LONG, FAR = Gap(10_000, 10_200), Gap(14_000, 14_400), Gap(100_000, 100_200)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    real = audio_inpaint.methods.registry.method
    monkeypatch.setattr(
        audio_inpaint.methods.registry, "method", lambda name: Quoting() if name == "quoting" else real(name)
    )
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


# ---- words


@pytest.mark.parametrize(
    ("weights", "expected", "label"),
    [
        ({"janssen": 0.179, "recall": 0.821}, 14.3, "recall 82 %, about 14 dB"),
        ({"janssen": 1.0}, None, "check: not predicted"),
        ({"a": 0.6, "b": 0.4}, 3.0, "a 60 %, about 3 dB"),
        ({"a": 0.6, "b": 0.4}, 2.99, "check: about 3 dB expected"),
        ({"a": 1.0}, -0.4, "check: about 0 dB expected"),
        ({"a": 1.0}, -2.6, "check: about -3 dB expected"),
    ],
)
def test_label_names_the_largest_share_or_asks_to_check(weights, expected, label):
    told = Explanation(Gap(0, 9), weights, expected_snr=expected)
    assert told.label == label
    assert told.doubtful == label.startswith("check")


def test_octaves_that_are_missing_are_to_be_checked_whatever_the_snr():
    told = Explanation(Gap(0, 9), {"a": 1.0}, expected_snr=20.0, missing=(4000.0, 16000.0))
    assert told.label == "check: too quiet from 4 to 16 kHz, about 20 dB"
    assert told.doubtful


def test_methods_that_explain_are_told_from_those_that_do_not():
    assert isinstance(Quoting(), Explaining)
    assert not isinstance(Janssen(), Explaining)


# ---- from a method to a file's positions


def test_positions_are_those_of_the_file_and_sources_hold_what_was_filled_in(tmp_path):
    source = record(tmp_path / "in.wav", [NEAR, FAR], 40)
    result = restore_file(source, tmp_path / "out.wav", [FAR, NEAR], Quoting())
    assert [told.gap for told in result.explanations] == [NEAR, FAR]
    before, after = soundfile.read(source)[0], soundfile.read(tmp_path / "out.wav")[0]
    for gap, told in zip((NEAR, FAR), result.explanations, strict=True):
        assert [one.start for one in told.sources] == [gap.start - BAR, gap.start + BAR]
        size = gap.stop - gap.start
        assert np.array_equal(after[gap.start : gap.stop], before[told.sources[0].start :][:size])


class Asked(Quoting):
    """Notes the spans that it gets and the gaps that it is to explain."""

    def __init__(self):
        self.asked = []

    def explain(self, audio, gap, sample_rate, wanted):
        self.asked.append((audio.shape[-1], list(wanted)))
        filled, told = super().explain(audio, gap, sample_rate, mask_gaps(gap))
        return filled, told  # of all gaps: those that are not wanted are another span's


def test_each_gap_is_explained_once_where_spans_overlap(tmp_path):
    method = Asked()
    method.longest = 0.01  # seconds: each gap gets a span of its own, which holds the other gap too
    result = restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", [NEAR, LONG], method)
    context = round(method.context * RATE)
    assert method.asked == [
        (2 * context + len(NEAR), [Gap(context, context + len(NEAR))]),
        (2 * context + len(LONG), [Gap(context, context + len(LONG))]),
    ]
    assert context > LONG.start - NEAR.stop
    assert [(told.gap, told.expected_snr) for told in result.explanations] == [(NEAR, 13.6), (LONG, 1.3)]


def test_gaps_far_from_each_other_are_explained_in_spans_of_their_own(tmp_path):
    method = Asked()
    result = restore_file(record(tmp_path / "in.wav", [NEAR, FAR], 40), tmp_path / "out.wav", [NEAR, FAR], method)
    assert len(method.asked) == 2
    assert [told.gap for told in result.explanations] == [NEAR, FAR]


def test_gaps_of_single_channels_are_explained_with_the_gains_of_these(tmp_path):
    source = record(tmp_path / "in.wav", channels=3)
    gaps = [NEAR, Gap(14_000, 14_400, 1), Gap(18_000, 18_200, 2)]
    result = restore_file(source, tmp_path / "out.wav", gaps, Quoting())
    assert [told.gap for told in result.explanations] == gaps
    assert [told.sources[0].gains for told in result.explanations] == [(1.0, 1.0, 1.0), (1.0,), (1.0,)]
    assert [told.sources[1].gains for told in result.explanations] == [(0.1, 0.2, 0.3), (0.1,), (0.1,)]


class Marked(Recall):
    """Explains each gap by the first samples of the channels that it gets together."""

    def restore(self, audio, gap, sample_rate, wanted, guides=None, also=None):
        gains = tuple(audio[:, 0].tolist())
        return audio.clone(), [Explanation(run, {"a": 1.0}, {}, (Source(7, 1.0, gains),), 9.0) for run in wanted]


def test_channels_that_recall_restores_apart_are_explained_apart_with_their_own_gains():
    """The gap of all channels too, though the other gap is of one channel alone."""
    audio = np.zeros((3, 20_000))
    audio[:, 0] = 0.25, 0.5, 0.75
    result = repair(audio, [NEAR, Gap(14_000, 14_400, 1)], RATE, Marked())
    assert [(told.gap, told.sources[0].gains) for told in result.explanations] == [
        (Gap(10_000, 10_200, 0), (0.25,)),
        (Gap(10_000, 10_200, 1), (0.5,)),
        (Gap(10_000, 10_200, 2), (0.75,)),
        (Gap(14_000, 14_400, 1), (0.5,)),
    ]


def test_the_default_explains_every_gap_of_a_span_and_finds_each_channels_gains():
    """Bars that repeat, one channel with every other bar at half the level."""
    audio = np.array(bars(12, 2).T)
    audio[1] *= np.where(np.arange(audio.shape[-1]) // BAR % 2, 0.5, 1.0)
    result = repair(audio, [NEAR, Gap(20_000, 20_200, 1)], RATE, "auto:matches=1,templates=[0.064]")
    assert [told.gap for told in result.explanations] == [
        Gap(10_000, 10_200, 0),
        Gap(10_000, 10_200, 1),
        Gap(20_000, 20_200, 1),
    ]
    for told in result.explanations:
        source, channel = told.sources[0], told.gap.channel
        assert (source.start - told.gap.start) % BAR == 0
        even = (source.start - told.gap.start) // BAR % 2 == 0
        here = told.gap.start // BAR % 2  # whether the gap is in a quiet bar
        expected = 1.0 if channel == 0 or even else (0.5 if here else 2.0)
        assert source.gains == pytest.approx((expected,), rel=0.02)


def test_positions_move_and_a_channel_keeps_its_own_gains():
    sources = (Source(5, 1.0, (0.1, 0.2, 0.3)), Source(40, 0.5, (0.4, 0.5, 0.6)))
    told = Explanation(Gap(10, 20), {"a": 1.0}, {"a": 0.1}, sources, 6.0)
    own = told.of_channel(1, 4).moved(100)
    assert own.gap == Gap(110, 120, 4)
    assert own.sources == (Source(105, 1.0, (0.2,)), Source(140, 0.5, (0.5,)))
    assert (own.weights, own.errors, own.expected_snr) == (told.weights, told.errors, told.expected_snr)


def test_a_method_that_does_not_explain_gives_none(tmp_path):
    result = restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", [NEAR], Janssen())
    assert result.explanations == []


def test_an_explaining_method_that_fails_keeps_its_error_and_leaves_no_output(tmp_path):
    method = Quoting()
    method.explain = lambda *_: torch.linalg.cholesky(-torch.eye(2))
    with pytest.raises(torch.linalg.LinAlgError):
        restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", [NEAR], method)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


# ---- labels


@pytest.mark.parametrize("name", ["filled.txt", "filled.csv"])
def test_labels_tell_how_gaps_were_filled_and_can_be_given_back(here, capsys, name):
    record(here / "in.wav", [NEAR, LONG])
    arguments = ["in.wav", "-o", "out.wav", "--method", "quoting"]
    assert run("inpaint", *arguments, "--gaps", "10000:10200,14000:14400", "--labels", name) == 0
    assert "2 gaps (75 ms of 4.5 s) filled with quoting in" in (printed := capsys.readouterr().out)
    assert " s, 1 to check -> out.wav" in printed
    lines = (here / name).read_text().splitlines()[-2:]
    assert [re.split(r"[\t,]", line, maxsplit=3 if "csv" in name else 2)[-1].strip('"') for line in lines] == [
        "quote 82 %, about 14 dB",
        "check: about 1 dB expected",
    ]
    assert read_gaps(name, RATE) == [NEAR, LONG]
    first = (here / "out.wav").read_bytes()
    assert run("inpaint", *arguments, "--gaps", name, "--overwrite") == 0
    assert (here / "out.wav").read_bytes() == first


def test_labels_of_single_channels_can_be_given_back(here):
    gaps = [Gap(10_000, 10_200, 1), Gap(14_000, 14_400)]
    record(here / "in.wav", gaps, channels=2)
    (here / "gaps.csv").write_text("start,end,channel\n1.25,1.275,2\n1.75,1.8,\n")
    arguments = ["inpaint", "in.wav", "--method", "quoting", "--gaps"]
    assert run(*arguments, "gaps.csv", "-o", "out.wav", "--labels", "filled.txt") == 0
    assert [gap.channel for gap in read_gaps("filled.txt", RATE)] == [1, None]
    assert run(*arguments, "filled.txt", "-o", "again.wav") == 0
    assert (here / "again.wav").read_bytes() == (here / "out.wav").read_bytes()


def test_labels_of_a_method_that_does_not_explain_name_it(here, capsys):
    record(here / "in.wav", [NEAR])
    given = ["--gaps", "10000:10200", "--method", "janssen", "--labels", "filled.txt"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *given) == 0
    assert (here / "filled.txt").read_text() == "1.250000\t1.275000\tjanssen\n"
    assert "to check" not in capsys.readouterr().out


def test_none_to_check_is_said_and_counted_once_for_all_channels(here, capsys):
    record(here / "in.wav", channels=2)
    arguments = ["inpaint", "in.wav", "-o", "out.wav", "--method", "quoting", "--gaps"]
    assert run(*arguments, "10000:10200") == 0
    assert ", none to check -> " in capsys.readouterr().out
    (here / "gaps.csv").write_text("start,end,channel\n1.25,1.275,2\n1.75,1.8,\n")
    assert run(*arguments, "gaps.csv", "--overwrite") == 0
    assert ", 1 to check -> " in capsys.readouterr().out


def test_labels_of_several_files_go_to_a_folder(here, capsys):
    for name in ("a.wav", "b.wav", "b.flac"):
        record(here / name, [NEAR])
    arguments = ["--gaps", "10000:10200", "--method", "quoting", "--labels", "labels", "-o", "out"]
    assert run("inpaint", "a.wav", "b.wav", *arguments) == 0
    assert sorted(path.name for path in (here / "labels").iterdir()) == ["a.txt", "b.txt"]
    assert read_gaps("labels/b.txt", RATE) == [NEAR]
    assert run("inpaint", "a.wav", "b.wav", "b.flac", *arguments, "--overwrite") == 0
    assert {"b.wav.txt", "b.flac.txt"} < {path.name for path in (here / "labels").iterdir()}
