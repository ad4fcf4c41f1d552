"""Temporary files: those of killed processes go, those of others stay, and nobody sees more than before."""

import os
import stat
import subprocess
import sys

import pytest
from test_cli import damaged, run

from audio_inpaint.files.atomic import replacing, temporary_folder, unfinished

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes cannot be asked whether they run")


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path, dead):
    (tmp_path / "file").mkdir()
    left, alive, other = (unfinished(tmp_path / "file", ".wav", process) for process in (dead, os.getppid(), None))
    for path in (left, alive, other):
        path.write_text("half")
    folder = unfinished(tmp_path / "folder", process=dead)
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "file" / ".hidden").write_text("of somebody else")
    unfinished.__globals__["_sweep"].cache_clear()
    for place in ("file", "folder"):
        with replacing(tmp_path / place / "new.txt") as temporary:
            temporary.write_text("new")
    assert not left.exists()
    assert not folder.exists()
    assert {path.name for path in (tmp_path / "file").iterdir()} == {alive.name, other.name, ".hidden", "new.txt"}


def test_a_temporary_folder_of_a_killed_process_goes(tmp_path, dead, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = unfinished(tmp_path, process=dead)
    (left / "inside").mkdir(parents=True)
    unfinished.__globals__["_sweep"].cache_clear()
    with temporary_folder() as folder:
        assert mode(folder) == 0o700
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_recording_that_only_its_owner_reads_stays_private(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    source = damaged(tmp_path / f"in{suffix}")
    source.chmod(0o600)
    assert run("inpaint", source.name, "-o", f"out{suffix}", "--gaps", "6000:6480", "--method", "silence") == 0
    assert mode(tmp_path / f"out{suffix}") == 0o600


def test_a_file_that_is_replaced_keeps_its_mode_and_is_not_seen_before(tmp_path):
    path = tmp_path / "a.txt"
    path.touch()
    for bits in (0o640, 0o400):
        path.chmod(bits)
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert mode(temporary) == 0o600
        assert mode(path) == bits
