"""Standard streams that are closed, full, left by their reader, or written to by a decoder."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from test_cli import damaged, run

from audio_inpaint.files.recording import Reader

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no device that is full")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged(tmp_path / "a.wav")
    return tmp_path


def shell(here, line):
    """Run a line of a shell in which $P is the program."""
    program = f"{sys.executable} -m audio_inpaint"
    environment = {**os.environ, "P": program, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-c", line], cwd=here, env=environment, capture_output=True, text=True)


INPAINT = "$P inpaint a.wav -o o.wav --gaps 6000:6480 --method silence"


def test_a_command_whose_streams_are_closed_does_its_work(here):
    assert shell(here, f"{INPAINT} <&- >&- 2>&-").returncode == 0
    assert soundfile.info(here / "o.wav").frames == soundfile.info(here / "a.wav").frames


@needs_full
def test_full_streams_are_one_line_or_an_exit_code(here):
    done = shell(here, "$P methods > /dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "standard output cannot be read or written: No space left on device" in done.stderr
    assert shell(here, "$P inpaint nothing.wav -o o.wav 2> /dev/full").returncode == 2


class Left:
    """A standard output whose reader left."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self):
        pass

    def fileno(self):
        raise ValueError


@pytest.mark.parametrize(
    ("module", "imported"),
    [("audio_inpaint", "audio_inpaint.cli"), ("audio_inpaint.train", "audio_inpaint.training.cli")],
)
def test_ctrl_c_while_a_command_is_imported_is_one_line(monkeypatch, capsys, module, imported):
    class Interrupting:
        def find_spec(self, name, *_):
            if name == imported:
                raise KeyboardInterrupt

    entry = importlib.import_module(f"{module}.__main__" if module == "audio_inpaint" else module)
    monkeypatch.delitem(sys.modules, imported, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert entry.main() == 130
    assert capsys.readouterr().err.endswith(": interrupted\n")


def test_a_reader_that_leaves_stops_a_batch_without_a_word(here, monkeypatch, capsys):
    damaged(here / "b.wav")
    monkeypatch.setattr(sys, "stdout", Left())
    assert run("inpaint", "a.wav", "b.wav", "-o", "out", "--gaps", "6000:6480", "--method", "silence") == 141
    assert capsys.readouterr().err == ""


def test_damage_is_one_note_that_names_the_file_and_the_decoder_says_nothing(here, capfd):
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, 64000)
    soundfile.write("in.mp3", audio, 16000)
    with Reader("in.mp3") as reader:
        reader.read(0, reader.length)
        assert reader.remarks() == []
    data = bytearray((here / "in.mp3").read_bytes())
    data[3000:3100] = b"x" * 100
    (here / "in.mp3").write_bytes(data)
    assert run("inpaint", "in.mp3", "-o", "out.mp3", "--gaps", "8000:8300", "--method", "silence") == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.count("in.mp3 is damaged at ") == 1
