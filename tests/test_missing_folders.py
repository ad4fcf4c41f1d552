"""Folders that an output lacks are made when it is written, whatever the command, and never for one that is not."""

import os
import shlex

import numpy as np
import pytest
import soundfile

from audio_inpaint.cli import main
from audio_inpaint.repairing import repair_file

RATE = 16000


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    time = np.arange(RATE) / RATE
    samples = 0.4 * np.sin(2 * np.pi * 330 * time)
    samples[6000:6480] = 0
    soundfile.write("a.wav", samples, RATE)
    (tmp_path / "junk.wav").write_bytes(b"no sound")
    (tmp_path / "batch").mkdir()
    soundfile.write("batch/b.wav", samples, RATE)
    for method in ("original", "damaged", "burg"):
        (tmp_path / "stimuli/one").mkdir(parents=True, exist_ok=True)
        soundfile.write(f"stimuli/one/{method}.wav", samples, RATE)
    return tmp_path


FILL = "inpaint a.wav --method silence --gaps 6000:6480"


@pytest.mark.parametrize(
    ("line", "made"),
    [
        (f"{FILL} -o new/deep/out.wav", ["new/deep/out.wav"]),
        (f"{FILL} -o new/deep/", ["new/deep/a.wav"]),
        (f"{FILL} -o new/deep/ --suffix _fixed", ["new/deep/a_fixed.wav"]),
        (f"{FILL} -o out.wav --labels new/deep/gaps.txt", ["new/deep/gaps.txt", "out.wav"]),
        (f"{FILL} -o out.wav --labels new/deep/", ["new/deep/a.txt", "out.wav"]),
        (f"{FILL} -o out.wav --report-to new/deep/page.html", ["new/deep/page.html", "out.wav"]),
        (
            f"{FILL} -o new/out.wav --log --keep-original --report",
            ["new/out.html", "new/out.wav", "new/out.wav.json", "new/out.wav.original"],
        ),
        ("inpaint batch --method silence -o new/deep --report", ["new/deep/b.wav", "new/deep/report.html"]),
        ("detect a.wav -o new/deep/gaps.txt", ["new/deep/gaps.txt"]),
        ("detect a.wav -o new/deep/", ["new/deep/a.txt"]),
        ("detect batch -o new/deep/all.csv", ["new/deep/all.csv"]),
        ("listening-test stimuli --kind mushra -o new/deep/test.html", ["new/deep/test.html"]),
    ],
)
def test_missing_folders_of_what_a_command_writes_are_made(here, line, made):
    assert _new(here, line) == made


@pytest.mark.parametrize(
    "line",
    [
        "inpaint junk.wav -o new/deep/out.wav",
        "inpaint junk.wav -o new/deep/ --report --labels more/gaps.txt",
        "inpaint a.wav -o new/deep/out.wav --gaps 6000:16001",
        "inpaint junk.wav batch/none.wav -o new/deep",
        "inpaint a.wav -o new/deep/out.ogg --method silence --gaps 0:16000",
        "detect junk.wav -o new/deep/gaps.txt",
        "listening-test batch --kind mushra -o new/deep/test.html",
    ],
)
def test_a_command_that_fails_leaves_no_folder(here, capsys, line):
    assert _new(here, line, code=2) == []
    assert sorted(os.listdir()) == ["a.wav", "batch", "junk.wav", "stimuli"]


def test_a_dry_run_makes_no_folder(here):
    assert _new(here, "inpaint a.wav -o new/deep/out.wav --method silence --dry-run") == []
    assert not os.path.exists("new")


def test_a_write_that_fails_half_way_leaves_no_folder(here, monkeypatch):
    monkeypatch.setattr("audio_inpaint.files.patching._overwrite", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        repair_file("a.wav", "new/deep/out.wav", [(6000, 6480)], "silence")
    assert not os.path.exists("new")


def test_a_folder_that_may_not_be_written_is_refused_before_any_work(here, capsys, monkeypatch):
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: str(place) != "batch" and allowed(place, mode))
    monkeypatch.setattr("audio_inpaint.repairing.filled", lambda *_: 1 / 0)
    assert main(shlex.split(f"{FILL} -o batch/new/out.wav")) == 2
    assert "no permission to write in batch" in capsys.readouterr().err


def _new(here, line, code=0):
    """Run a command, and return the files that it made."""
    before = set(here.rglob("*"))
    assert main(shlex.split(line)) == code
    return sorted(str(one.relative_to(here)) for one in set(here.rglob("*")) - before if one.is_file())
