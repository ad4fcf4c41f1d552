"""Files whose recorder died before it wrote the size of the samples are read up to their end."""

import struct

import numpy as np
import pytest
import soundfile
from test_cli import RATE, damaged, run

FORMATS = {"wav": "WAV", "rf64": "RF64", "aif": "AIFF", "au": "AU"}


def unset(content, suffix):
    """A file's bytes as its recorder left them: no size stands in its header."""
    content = bytearray(content)
    if suffix == "wav":
        content[40:44] = bytes(4)
    elif suffix == "rf64":
        sizes = content.index(b"ds64") + 8
        content[sizes : sizes + 24] = bytes(24)
    elif suffix == "au":
        content[8:12] = bytes(4)
    else:
        common, sound = content.index(b"COMM"), content.index(b"SSND")
        content[4:8] = content[common + 10 : common + 14] = bytes(4)
        content[sound + 4 : sound + 8] = struct.pack(">I", 8)  # an offset and the size of a block
    return bytes(content)


@pytest.fixture(params=FORMATS)
def kind(request, tmp_path, monkeypatch):
    """A format's suffix, in a folder with a recording as it should be, and as its recorder left it."""
    monkeypatch.chdir(tmp_path)
    damaged("damaged.wav", 2)
    audio, rate = soundfile.read("damaged.wav", dtype="int16")
    soundfile.write(f"whole.{request.param}", audio, rate, "PCM_16", format=FORMATS[request.param])
    content = unset((tmp_path / f"whole.{request.param}").read_bytes(), request.param)
    (tmp_path / f"in.{request.param}").write_bytes(content)
    return request.param


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a WAV file as it should be, and as its recorder left it."""
    monkeypatch.chdir(tmp_path)
    damaged("whole.wav", 2)
    (tmp_path / "in.wav").write_bytes(unset((tmp_path / "whole.wav").read_bytes(), "wav"))
    return tmp_path


def content(name):
    with open(name, "rb") as file:
        return file.read()


def test_the_sound_is_read_and_the_output_has_its_size(kind, capsys):
    given = ["--gaps", "6000:6480", "--method", "silence"]
    assert run("inpaint", f"in.{kind}", "-o", f"out.{kind}", *given) == 0
    assert f"in.{kind} is read up to its end, 2.000 s: its header was never completed" in capsys.readouterr().out
    assert run("inpaint", f"whole.{kind}", "-o", f"wanted.{kind}", *given) == 0
    assert content(f"out.{kind}") == content(f"wanted.{kind}")


def test_what_is_inserted_counts_in_the_size(kind):
    for name in ("in", "whole"):
        given = ["--gaps", "0.3+0.05", "--method", "silence"]
        assert run("inpaint", f"{name}.{kind}", "-o", f"{name}_out.{kind}", *given) == 0
    assert content(f"in_out.{kind}") == content(f"whole_out.{kind}")
    assert soundfile.info(f"in_out.{kind}").frames == soundfile.info(f"whole.{kind}").frames + RATE // 20


def test_half_a_frame_at_the_end_is_no_sound(kind):
    with open(f"in.{kind}", "ab") as file:
        file.write(b"\1")
    assert run("inpaint", f"in.{kind}", "-o", f"out.{kind}", "--gaps", "6000:6480", "--method", "silence") == 0
    found, wanted = (soundfile.read(f"{name}.{kind}")[0] for name in ("out", "whole"))
    assert len(found) == len(wanted)
    np.testing.assert_array_equal(found[:6000], wanted[:6000])


def test_it_comes_back_as_it_was(kind):
    given = ["--gaps", "6000:6480", "--method", "silence", "--keep-original"]
    assert run("inpaint", f"in.{kind}", "-o", f"out.{kind}", *given) == 0
    assert run("revert", f"out.{kind}", "-o", f"back.{kind}") == 0
    assert content(f"back.{kind}") == content(f"in.{kind}")


@pytest.mark.parametrize("riff", [0, 36])
def test_the_size_of_the_whole_may_be_missing_too(here, riff):
    content = bytearray((here / "in.wav").read_bytes())
    content[4:8] = struct.pack("<I", riff)
    (here / "in.wav").write_bytes(content)
    for name in ("in", "whole"):
        assert run("inpaint", f"{name}.wav", "-o", f"{name}_out.wav", "--gaps", "6000:6480", "--method", "silence") == 0
    assert (here / "in_out.wav").read_bytes() == (here / "whole_out.wav").read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_truly_has_no_samples_stays_one(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    soundfile.write(f"in.{suffix}", np.zeros(0), RATE, "PCM_16", format=FORMATS[suffix])
    assert run("detect", f"in.{suffix}") == 2
    assert f"in.{suffix} holds no samples" in capsys.readouterr().err


def test_chunks_behind_no_samples_are_no_sound(here, capsys):
    content = (here / "in.wav").read_bytes()[:44] + b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0"
    (here / "in.wav").write_bytes(content)
    assert run("detect", "in.wav") == 2
    assert "in.wav holds no samples" in capsys.readouterr().err
