"""WAV files whose recorder died before it wrote the size of the samples are read up to their end."""

import struct

import numpy as np
import pytest
import soundfile
from test_cli import RATE, damaged, run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a recording as it should be, and as its recorder left it."""
    monkeypatch.chdir(tmp_path)
    damaged("whole.wav", 2)
    content = bytearray((tmp_path / "whole.wav").read_bytes())
    content[40:44] = bytes(4)
    (tmp_path / "in.wav").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("riff", [None, 0, 36])
def test_the_sound_is_read_and_the_output_has_its_size(here, capsys, riff):
    if riff is not None:
        content = bytearray((here / "in.wav").read_bytes())
        content[4:8] = struct.pack("<I", riff)
        (here / "in.wav").write_bytes(content)
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--method", "silence") == 0
    assert "in.wav is cut short: its header was never completed" in capsys.readouterr().out
    assert run("inpaint", "whole.wav", "-o", "wanted.wav", "--gaps", "6000:6480", "--method", "silence") == 0
    assert (here / "out.wav").read_bytes() == (here / "wanted.wav").read_bytes()


def test_what_is_inserted_counts_in_the_size(here):
    for name in ("in", "whole"):
        assert run("inpaint", f"{name}.wav", "-o", f"{name}_out.wav", "--gaps", "0.3+0.05", "--method", "silence") == 0
    assert (here / "in_out.wav").read_bytes() == (here / "whole_out.wav").read_bytes()
    assert soundfile.info("in_out.wav").frames == soundfile.info("whole.wav").frames + RATE // 20


def test_half_a_frame_at_the_end_is_no_sound(here):
    with open("in.wav", "ab") as file:
        file.write(b"\1")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480", "--method", "silence") == 0
    np.testing.assert_array_equal(soundfile.read("out.wav")[0][:6000], soundfile.read("whole.wav")[0][:6000])


def test_a_file_that_truly_has_no_samples_stays_one(here, capsys):
    content = (here / "in.wav").read_bytes()[:44] + b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0"
    (here / "in.wav").write_bytes(content)
    assert run("detect", "in.wav") == 2
    assert "in.wav holds no samples" in capsys.readouterr().err


def test_it_comes_back_as_it_was(here):
    given = ["--gaps", "6000:6480", "--method", "silence", "--keep-original"]
    assert run("inpaint", "in.wav", "-o", "out.wav", *given) == 0
    assert run("revert", "out.wav", "-o", "back.wav") == 0
    assert (here / "back.wav").read_bytes() == (here / "in.wav").read_bytes()
