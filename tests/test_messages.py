"""What `inpaint` says: which file, which format, how far it is, and no more than was asked for."""

import json
import os
import re
import struct
import sys

import numpy as np
import pytest
import soundfile
from forked import Forked
from test_cli import damaged, refused, run

from audio_inpaint.commands.console import progress

RATE = 16000
FILL = ["--gaps", "6000:6480", "--method", "janssen"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def notes(capsys, source, output):
    assert run("inpaint", source, "-o", output, *FILL, "--overwrite") == 0
    return [line.removeprefix(f"{output}: ") for line in capsys.readouterr().out.splitlines()[1:]]


@pytest.mark.parametrize(
    ("output", "kind", "name"),
    [
        ("o.opus", None, "Opus"),
        ("o.ogg", None, "Ogg Vorbis"),
        ("o.mp3", None, "MP3"),
        ("o.wav", "IMA_ADPCM", "WAV (IMA_ADPCM)"),
    ],
)
def test_formats_have_the_names_that_people_know(here, capsys, output, kind, name):
    damaged("in.wav", 2, **({"subtype": kind} if kind else {}))
    other = ".flac" if kind else ".wav"
    assert notes(capsys, "in.wav", output) == [
        f"{name} is re-encoded, which changes all samples a little: a {other} file keeps them"
    ]


@pytest.mark.parametrize("codec", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_16"])
@pytest.mark.parametrize("suffix", [".flac", ".aiff"])
def test_codecs_of_16_bits_are_kept_by_lossless_formats_and_nothing_else_is_said(here, capsys, codec, suffix):
    damaged("in.wav", 2, subtype=codec)
    assert notes(capsys, "in.wav", f"out{suffix}") == []
    assert soundfile.info(f"out{suffix}").subtype == "PCM_16"
    before, after = soundfile.read("in.wav")[0], soundfile.read(f"out{suffix}")[0]
    assert np.array_equal(np.delete(before, np.s_[6000:6480]), np.delete(after, np.s_[6000:6480]))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("in.wav", {}), ("in.wav", {"subtype": "IMA_ADPCM"}), ("in.aiff", {}), ("in.wav", {"subtype": "FLOAT"})],
)
def test_a_file_that_is_cut_short_is_repaired_and_that_is_said(here, capsys, name, kind):
    damaged(name, 2, **kind)
    content = (here / name).read_bytes()
    (here / name).write_bytes(content[: len(content) * 3 // 4])
    (line,) = (line for line in notes(capsys, name, f"out{name[2:]}") if "cut short" in line)
    promised, there = map(float, re.findall(r"([\d.]+) s\b", line))
    assert promised == pytest.approx(2, abs=0.15)
    assert there == pytest.approx(soundfile.info(name).duration, abs=0.001)
    assert run("detect", name) == 0
    assert "is cut short: its header promises" in capsys.readouterr().err
    (here / name).write_bytes(content)
    assert not any("cut short" in line for line in notes(capsys, name, f"out{name[2:]}"))


def test_a_file_that_lacks_next_to_nothing_is_not_called_short(here, capsys):
    damaged("in.wav", 2)
    content = (here / "in.wav").read_bytes()
    (here / "in.wav").write_bytes(content[:-2])
    assert not any("cut short" in line for line in notes(capsys, "in.wav", "out.wav"))


@pytest.mark.parametrize("rate", [1000, 16000])
def test_a_long_gap_that_a_search_must_pass_is_no_end_of_the_file(here, capsys, rate):
    """A block that grows past the next one leaves nothing to read for that one."""
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 40 * rate)
    audio[9 * rate : 30 * rate] = 0
    soundfile.write("in.wav", audio, rate, "FLOAT")
    assert run("detect", "in.wav", "--max-ms", "60000", "--kinds", "zeros") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "21000.00" in said.out


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_size_that_a_recorder_left_open_promises_nothing(here, capsys, size):
    damaged("in.wav", 2)
    content = bytearray((here / "in.wav").read_bytes())
    content[40:44] = struct.pack("<I", size)
    (here / "in.wav").write_bytes(content)
    if soundfile.info("in.wav").frames:
        assert notes(capsys, "in.wav", "out.wav") == []


def test_what_a_decoder_says_is_said_once_and_of_which_file(here):
    soundfile.write("in.mp3", 0.4 * np.sin(np.arange(2 * RATE) / 8), RATE)
    content = (here / "in.mp3").read_bytes()
    frame = content.index(content[:2], 2000)  # between two frames
    (here / "in.mp3").write_bytes(content[:frame] + b"\xff" * 40 + content[frame:])
    done = Forked("audio_inpaint", "inpaint", "in.mp3", "-o", "out.wav", *FILL).wait()
    assert (done.returncode, done.stderr) == (0, "")
    assert b"out.wav: the decoder says of in.mp3: " in done.stdout
    assert len(done.stdout.splitlines()) < 5


def test_a_list_without_gaps_is_named(here, capsys):
    damaged("in.wav")
    (here / "empty.txt").touch()
    assert "empty.txt lists no gap that would be filled" in refused(
        capsys, "inpaint", "in.wav", "-o", "out.wav", "--gaps", "empty.txt"
    )
    (here / "in").mkdir()
    (here / "labels").mkdir()
    for name in ("a", "b"):
        damaged(here / "in" / f"{name}.wav")
        (here / "labels" / f"{name}.txt").write_text("0.375\t0.405\n" if name == "a" else "")
    assert run("inpaint", "in", "-o", "out", "--gaps", "labels", "--method", "silence") == 0
    assert f"in/b.wav: no gap in {os.path.join('labels', 'b.txt')}, nothing written" in capsys.readouterr().out


def test_standard_input_has_a_name_that_works(here):
    done = Forked("audio_inpaint", "inpaint", "/dev/stdin", "-o", "out.wav", *FILL, given=b"x").wait()
    assert done.returncode == 2
    assert "/dev/stdin is not a regular file: name one on a disk, or - for standard input" in done.stderr


def test_quiet_says_nothing_but_errors(here, capsys):
    damaged("in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", *FILL, "-q") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")
    assert "out.wav exists" in refused(capsys, "inpaint", "in.wav", "-o", "out.wav", *FILL, "-q")
    done = Forked("audio_inpaint", "inpaint", "in.wav", "-o", "-", *FILL, "-q").wait()
    assert (done.returncode, done.stdout, done.stderr) == (0, (here / "out.wav").read_bytes(), "")


def test_verbose_says_how_each_gap_was_filled(here, capsys):
    damaged("in.wav")
    assert run("inpaint", "in.wav", "-o", "out.wav", "--gaps", "6000:6480,0.6+0.01", "-v", "--method", "recall") == 0
    first, second = (line for line in capsys.readouterr().out.splitlines() if line.startswith("  "))
    assert first.startswith("  0.375000 s, 30.00 ms: ")
    assert second.startswith("  0.600000 s, 10.00 ms: ")
    assert second.endswith(", 10 ms inserted")


def test_json_is_a_line_a_file_and_nothing_else(here, capsys):
    (here / "in").mkdir()
    for name in ("a", "b"):
        damaged(here / "in" / f"{name}.wav")
    soundfile.write("in/c.wav", 0.4 * np.sin(np.arange(RATE) / 8), RATE)
    assert run("inpaint", "in", "-o", "out", "--method", "janssen", "--json", "--log") == 0
    a, b, c = map(json.loads, capsys.readouterr().out.splitlines())
    assert c == {"input": {"path": os.path.join("in", "c.wav")}, "gaps": []}
    for said, name in ((a, "a"), (b, "b")):
        assert said == json.loads((here / "out" / f"{name}.wav.json").read_text())
        assert [(one["start"], one["stop"]) for one in said["gaps"]] == [(6000, 6480)]
    assert run("inpaint", "in/a.wav", "-o", "other.wav", "--method", "janssen", "--json", "--dry-run") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["gaps"] == [{"start": 6000, "stop": 6480, "channel": None, "kind": "zeros"}]
    (expected,) = said["expected"]
    assert (expected["kind"], expected["gaps"], expected["samples"], expected["snr"]) == ("zeros", 1, 480, None)
    assert 0 < expected["seconds"] < 60
    assert "both for standard output" in refused(capsys, "inpaint", "in/a.wav", "-o", "-", "--json")


def test_a_log_gets_a_line_now_and_then_and_a_terminal_one_that_changes(monkeypatch, capsys):
    clock = iter([0.0, 30.0, 61.0, 90.0, 130.0, 140.0])
    monkeypatch.setattr("audio_inpaint.commands.console.time.monotonic", lambda: next(clock))
    show = progress("in.wav")
    for done in (1, 2, 3, 4, 5):
        show(done, 5)
    assert capsys.readouterr().err.splitlines() == ["in.wav: 2 of 5 gaps, 1:32 left", "in.wav: 4 of 5 gaps, 0:32 left"]
    clock = iter([0.0, 30.0, 61.0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    show = progress("in.wav")
    show(1, 2)
    show(2, 2)
    assert capsys.readouterr().err == "\r1 of 2 gaps, 0:30 left\x1b[K\r\x1b[K"
