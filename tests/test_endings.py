"""Folders mean the audio files in them, whatever of the usual endings they have; the others are counted."""

import shutil

import numpy as np
import pytest
import soundfile
from test_cli import damaged, run

ENDINGS = {
    ".voc": "VOC", ".avr": "AVR", ".nist": "NIST", ".svx": "SVX", ".paf": "PAF", ".ircam": "IRCAM", ".htk": "HTK",
    ".wve": "WVE", ".pvf": "PVF", ".xi": "XI", ".sds": "SDS",
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    damaged(tmp_path / "in" / "a.wav")
    return tmp_path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_means_what_libsndfile_reads_too(here, ending):
    audio = 0.3 * np.sin(np.arange(8000) / 8)
    name = ENDINGS[ending]
    soundfile.write(f"in/b{ending}", audio, 8000, "ALAW" if name == "WVE" else None, format=name)
    assert run("inpaint", "in", "-o", "out", "--gaps", "1600:1700", "--method", "silence") == 0
    assert soundfile.info("out/b.wav" if ending == ".sds" else f"out/b{ending}").frames >= 8000


@pytest.mark.parametrize("ending", [".dts", ".eac3", ".flv", ".rm", ".spx", ".ts"])
def test_a_folder_means_what_ffmpeg_reads_too_where_it_is_installed(here, monkeypatch, capsys, ending):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    (here / "only").mkdir()
    (here / "only" / f"b{ending}").touch()
    assert run("detect", "only") == 2
    assert f"b{ending}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["detect", "inpaint"])
def test_files_that_a_folder_leaves_out_are_counted_by_their_endings(here, capsys, command):
    for name in ("x.aup3", "y.AUP3", "z.als", "plain", "list.txt", "cover.jpg", "report.html", "notes.md", ".hidden"):
        (here / "in" / name).touch()
    rest = ["-o", "out", "--gaps", "1600:1700", "--method", "silence"] if command == "inpaint" else []
    assert run(command, "in", *rest) == 0
    said = [line for line in "".join(capsys.readouterr()).splitlines() if "left out" in line]
    assert len(said) == 1
    assert "in: 4 files are left out" in said[0]
    assert "(1 without one, 1 .als, 2 .aup3)" in said[0]


def test_nothing_is_said_of_labels_pictures_and_texts(here, capsys):
    for name in ("list.txt", "cover.jpg", "report.html", "notes.md", ".hidden"):
        (here / "in" / name).touch()
    assert run("detect", "in") == 0
    assert "left out" not in "".join(capsys.readouterr())
