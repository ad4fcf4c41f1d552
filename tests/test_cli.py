import os

import numpy as np
import pytest
import soundfile
import torch

import audio_inpaint.methods.registry
from audio_inpaint.cli import main
from audio_inpaint.gap_files import read_gaps, write_labels
from audio_inpaint.gaps import Gap

RATE = 16000


def tone(seconds=1.0, channels=1):
    time = np.arange(int(RATE * seconds)) / RATE
    return np.stack([0.4 * np.sin(2 * np.pi * (330 + 110 * c) * time + 0.3) for c in range(channels)], 1)


def damaged(path, seconds=1.0, channels=1, start=6000, stop=6480, **kind):
    samples = tone(seconds, channels)
    samples[start:stop] = 0
    soundfile.write(path, samples, RATE, **kind)
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    """Run a command that must fail with exit code 2 and one line; returns the line."""
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("audio-inpaint: error: ")
    assert len(error.splitlines()) == 1
    return error


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["inpaint"], ["inpaint", "a.wav", "-o", "b.wav", "--pad", "x"]])
def test_wrong_arguments_are_named_in_one_line(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "--help` lists the options" in said


class Failing:
    """A method that raises what it was given."""

    context = 0.1

    def __init__(self, error):
        self.error = error

    def __call__(self, audio, gap, sample_rate):
        raise self.error


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_tone_with_named_gaps_is_restored(here, capsys):
    source = damaged(here / "in.wav", channels=2)
    assert run("inpaint", source, "-o", "out.wav", "--gaps", "0.375-0.405") == 0
    after, rate = soundfile.read("out.wav")
    before = soundfile.read(source)[0]
    assert rate == RATE
    assert np.array_equal(np.delete(before, slice(6000, 6480), 0), np.delete(after, slice(6000, 6480), 0))
    assert np.abs(after - tone(channels=2)).max() < 0.02
    printed = capsys.readouterr().out
    assert "1 gap (30 ms of 1.0 s) filled with auto" in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize("name", ["labels.txt", "gaps.csv"])
def test_gaps_come_from_label_and_csv_files(here, name):
    damaged(here / "in.wav")
    text = "start,end\n0.375,0.405\n" if name.endswith("csv") else "0.375\t0.405\tgap\n"
    (here / name).write_text(text)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", name) == 0
    assert np.abs(soundfile.read("out.wav")[0] - tone()[:, 0]).max() < 0.02


def test_a_typed_list_may_be_longer_than_a_file_name(here):
    spec = ",".join(f"{start}:{start + 10}" for start in range(1000, 13_000, 400))
    assert run("inpaint", damaged(here / "in.wav"), "-o", "out.wav", "--gaps", spec, "--method", "silence") == 0


def test_gaps_are_detected_if_not_named(here, capsys):
    damaged(here / "in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav") == 0
    assert "1 gap detected" in capsys.readouterr().out
    assert np.abs(soundfile.read("out.wav")[0] - tone()[:, 0]).max() < 0.02


def test_a_single_intact_file_asks_for_the_gaps(here, capsys):
    soundfile.write("in.wav", tone(), RATE)
    assert "no gap was found" in refused(capsys, "inpaint", "in.wav", "-o", "out.wav")
    assert os.listdir() == ["in.wav"]


def test_a_folder_is_restored_into_a_folder_and_intact_files_are_passed_over(here, capsys):
    (here / "in").mkdir()
    damaged(here / "in" / "a.wav")
    damaged(here / "in" / "b.flac")
    soundfile.write("in/intact.wav", tone(), RATE)
    (here / "in" / "notes.txt").write_text("no audio")
    (here / "in" / "._a.wav").write_text("left by another system")
    assert run("inpaint", "in", "-o", "out/") == 0
    assert sorted(os.listdir("out")) == ["a.wav", "b.flac"]
    assert "intact.wav: no gap, nothing written" in capsys.readouterr().out


def test_a_folder_of_labels_is_matched_by_stem_and_a_missing_one_is_named(here, capsys):
    for folder in ("in", "labels"):
        (here / folder).mkdir()
    for stem, start in (("a", 6000), ("b", 9000), ("c", 3000)):
        damaged(here / "in" / f"{stem}.wav", start=start, stop=start + 480)
        if stem != "c":
            write_labels(f"labels/{stem}.txt", [Gap(start, start + 480)], RATE, ["gap"])
    assert run("inpaint", "in", "-o", "out", "--gaps", "labels") == 2
    errors = capsys.readouterr().err
    assert "labels holds nothing for c.wav" in errors
    assert "1 of 3 files not restored" in errors
    assert sorted(os.listdir("out")) == ["a.wav", "b.wav"]
    for stem in "ab":
        assert np.abs(soundfile.read(f"out/{stem}.wav")[0] - tone()[:, 0]).max() < 0.02


def test_one_bad_file_among_many_does_not_stop_the_others(here, capsys):
    (here / "bad.wav").write_text("this is no audio")
    damaged(here / "a.wav")
    damaged(here / "z.wav")
    assert run("inpaint", "a.wav", "bad.wav", "z.wav", "-o", "out", "--gaps", "6000:6480") == 2
    assert sorted(os.listdir("out")) == ["a.wav", "z.wav"]
    assert capsys.readouterr().err.splitlines()[-1].endswith("1 of 3 files not restored: bad.wav")


def test_a_single_file_may_go_into_a_folder(here):
    damaged(here / "in.wav")
    (here / "out").mkdir()
    assert run("inpaint", "in.wav", "-o", "out", "--gaps", "6000:6480") == 0
    assert os.listdir("out") == ["in.wav"]


def test_lossy_output_says_that_it_is_encoded_anew(here, capsys):
    damaged(here / "in.ogg")
    assert run("inpaint", "in.ogg", "-o", "out.ogg", "--gaps", "6000:6480") == 0
    assert "re-encoded" in capsys.readouterr().out


def _header_only(path):
    soundfile.write(path, np.zeros((0, 1)), RATE)


BAD = {
    "missing": lambda path: None,
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("this is no audio"),
    "no samples": _header_only,
    "half a header": lambda path: path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt "),
    "folder without audio": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", ["inpaint", "detect"])
def test_files_that_are_no_audio_give_one_line(here, capsys, kind, command):
    BAD[kind](here / "in.wav")
    before = sorted(os.listdir())
    output = ["-o", "out.wav"] if command == "inpaint" else []
    assert "in.wav" in refused(capsys, command, "in.wav", *output)
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "in.wav"], "input itself"),
        (["-o", "in.wav/out.wav"], "no folder"),
        (["-o", "in.wav/"], "must be a folder"),
        (["-o", "out.xyz"], "should end in"),
        (["-o", "out.opus", "--gaps", "0:16000"], "gaps"),
        (["-o", "out.wav", "--gaps", "0.9-1.2"], "outside"),
        (["-o", "out.wav", "--gaps", "0.4-0.3"], "gap"),
        (["-o", "out.wav", "--gaps", "nonsense"], "nonsense"),
        (["-o", "out.wav", "--method", "magic"], "magic"),
        (["-o", "out.wav", "--labels", "out.wav"], "name for audio"),
        (["-o", "out.wav", "--labels", "in.wav/labels.txt"], "no folder"),
        (["-o", "out.wav", "--labels", "in.wav/"], "must be a folder"),
        (["-o", "out.wav", "--truth", "in.wav"], "--report"),
        (["-o", "out.wav", "--truth", "none.wav", "--report"], "none.wav"),
    ],
)
def test_arguments_that_cannot_be_used_give_one_line_and_no_file(here, capsys, arguments, words):
    damaged(here / "in.wav")
    before = (here / "in.wav").read_bytes()
    gaps = [] if "--gaps" in arguments else ["--gaps", "6000:6480"]
    assert words in refused(capsys, "inpaint", "in.wav", *arguments, *gaps)
    assert os.listdir() == ["in.wav"]
    assert (here / "in.wav").read_bytes() == before


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (MemoryError(), 2), (torch.OutOfMemoryError("CUDA"), 2)]
)
def test_a_method_that_stops_leaves_no_half_file_and_no_traceback(here, capsys, monkeypatch, error, code):
    damaged(here / "in.wav")
    monkeypatch.setattr(audio_inpaint.methods.registry, "method", lambda name: Failing(error))
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480") == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert os.listdir() == ["in.wav"]


def test_an_error_of_a_method_keeps_its_traceback_names_the_file_and_leaves_no_output(here, monkeypatch):
    damaged(here / "in.wav")
    monkeypatch.setattr(audio_inpaint.methods.registry, "method", lambda name: Failing(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug") as raised:
        run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480")
    assert "in.wav" in raised.value.__notes__[0]
    assert os.listdir() == ["in.wav"]


def test_ctrl_c_while_writing_leaves_the_old_output(here, capsys, monkeypatch):
    damaged(here / "in.wav")
    (here / "out.wav").write_text("old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("audio_inpaint.files.patching._overwrite", interrupted)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--overwrite") == 130
    assert sorted(os.listdir()) == ["in.wav", "out.wav"]
    assert (here / "out.wav").read_text() == "old"


def test_detect_prints_a_table_and_writes_labels_that_inpaint_takes(here, capsys):
    damaged(here / "in.wav")
    for name in ("labels.txt", "gaps.csv"):
        assert run("detect", "in.wav", "-o", name) == 0
        (gap,) = read_gaps(name, RATE)
        assert abs(gap.start - 6000) <= 1
        assert abs(gap.stop - 6480) <= 1
        assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", name, "--overwrite") == 0
    head, titles, row = capsys.readouterr().out.splitlines()[:3]
    assert head == "in.wav: 1 gap"
    assert titles.split() == ["start", "s", "end", "s", "ms", "channel", "kind", "confidence"]
    assert row.split()[:5] == ["0.375000", "0.405000", "30.00", "all", "zeros"]


def test_detect_writes_one_label_file_for_each_of_several_files(here):
    damaged(here / "a.wav")
    damaged(here / "b.wav")
    assert run("detect", "a.wav", "b.wav", "-o", "labels") == 0
    assert sorted(os.listdir("labels")) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("given", [["--report"], ["--report-to", "page.html"]])
def test_report_of_one_file_lies_beside_it_or_where_it_was_asked_for(here, given):
    damaged(here / "in.wav")
    soundfile.write("clean.wav", tone(), RATE)
    arguments = ["in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--truth", "clean.wav", *given]
    assert run("inpaint", *arguments) == 0
    page = (here / (given[1] if len(given) > 1 else "out.html")).read_text()
    assert "auto" in page
    assert "audio-inpaint inpaint in.wav" in page


def test_report_of_a_folder_holds_every_file(here):
    (here / "in").mkdir()
    damaged(here / "in" / "a.wav")
    damaged(here / "in" / "b.wav")
    assert run("inpaint", "in", "-o", "out", "--gaps", "6000:6480", "--report") == 0
    page = (here / "out" / "report.html").read_text()
    assert "a.wav" in page
    assert "b.wav" in page
