"""What a method tells about its fills, from its own positions to those of the file, and to label files."""

import re

import numpy as np
import pytest
import soundfile
import torch
from quoting import BAR, RATE, Quoting, record
from repairs import restore_file

import audio_inpaint.methods.registry
from audio_inpaint.cli import main
from audio_inpaint.gap_files import read_gaps
from audio_inpaint.gaps import Gap
from audio_inpaint.methods.contract import Explaining
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.methods.janssen import Janssen

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
        ({"janssen": 1.0}, None, "janssen 100 %"),
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


def test_each_gap_is_explained_once_where_regions_overlap(tmp_path):
    method = Quoting()
    method.longest = 0.01
    result = restore_file(record(tmp_path / "in.wav"), tmp_path / "out.wav", [NEAR, LONG], method)
    assert [(told.gap, told.expected_snr) for told in result.explanations] == [(NEAR, 13.6), (LONG, 1.3)]


def test_channels_restored_apart_are_explained_apart(tmp_path):
    source = record(tmp_path / "in.wav", channels=3)
    gaps = [NEAR, Gap(14_000, 14_400, 1), Gap(18_000, 18_200, 2)]
    result = restore_file(source, tmp_path / "out.wav", gaps, Quoting())
    assert [told.gap for told in result.explanations] == gaps
    assert [len(told.sources[1].gains) for told in result.explanations] == [3, 1, 1]


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
    assert run("inpaint", "a.wav", "b.wav", "b.flac", *arguments, "--overwrite") == 2
    assert "two inputs would be written to labels/b.txt" in capsys.readouterr().err
