"""`inpaint` and `detect` in a pipe."""

import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import soundfile
from forked import Forked
from test_cli import damaged

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
COMMAND = [sys.executable, "-m", "audio_inpaint", "inpaint"]


def piped(content, *arguments, cwd, command="inpaint"):
    return Forked("audio_inpaint", command, *arguments, given=content, folder=cwd).wait()


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_what_comes_in_goes_out_repaired(tmp_path, suffix):
    damaged(tmp_path / "in.wav")
    audio, rate = soundfile.read(tmp_path / "in.wav")
    soundfile.write(tmp_path / f"in{suffix}", audio, rate)
    content = (tmp_path / f"in{suffix}").read_bytes()
    options = ["--gaps", "6000:6480", "--method", "janssen"]
    done = piped(content, "-", "-o", "-", *options, cwd=tmp_path)
    assert done.returncode == 0
    assert "1 gap (30 ms" in done.stderr
    assert piped(b"", f"in{suffix}", "-o", f"out{suffix}", *options, cwd=tmp_path).returncode == 0
    (tmp_path / f"piped{suffix}").write_bytes(done.stdout)
    one, other = (soundfile.read(tmp_path / f"{name}{suffix}")[0] for name in ("piped", "out"))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, soundfile.read(tmp_path / f"in{suffix}")[0])


def test_a_file_goes_to_standard_output_and_standard_input_to_a_file(tmp_path):
    damaged(tmp_path / "in.wav")
    options = ["--gaps", "6000:6480", "--method", "silence"]
    line = [*COMMAND, "in.wav", "-o", "-", *options]
    done = subprocess.run(line, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
    assert done.stdout == (tmp_path / "in.wav").read_bytes()  # its gap was silent
    done = piped(done.stdout, "-", "-o", "out.wav", *options, cwd=tmp_path)
    assert b"out.wav" in done.stdout
    assert (tmp_path / "out.wav").is_file()


@pytest.mark.parametrize("options", [["--verbose"], ["--json"], ["--dry-run"]])
def test_what_is_said_of_a_pipe_names_no_temporary_file(tmp_path, options):
    content = damaged(tmp_path / "in.wav").read_bytes()
    gaps = ["--gaps", "6000:6480", "--method", "janssen"]
    done = piped(content, "-", "-o", "out.wav", *gaps, *options, cwd=tmp_path)
    said = done.stdout.decode() + done.stderr
    assert done.returncode == 0
    assert '"path": "-"' in said if "--json" in options else "-: " in said
    assert "standard_input" not in said
    assert ".audio_inpaint-" not in said
    if "--json" not in options:
        said = piped(content, "-", "-o", "-", *gaps, cwd=tmp_path).stderr
        assert re.fullmatch(r"-: 1 gap \(30 ms of 1.0 s\) filled with janssen in [0-9.]+ s -> -\n", said)


def test_errors_of_a_pipe_name_no_temporary_file(tmp_path):
    content = damaged(tmp_path / "in.wav").read_bytes()
    for given in (content, b"RIFF junk"):
        done = piped(given, "-", "-o", "out.wav", "--gaps", "5-6", cwd=tmp_path)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 2
        assert line.startswith("audio-inpaint: error: -")
        assert str(tempfile.gettempdir()) not in line


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"", ["-", "-o", "-"], "nothing came in from standard input"),
        (b"junk" * 100, ["-", "-o", "-"], "- is no audio, whatever its name says: it holds text"),
        (b"RIFF", ["-", "-", "-o", "-"], "- is one file"),
        (b"RIFF", ["-", "-o", "-", "--report"], "--report is left beside the output, and - has no place"),
        (b"RIFF", ["-", "-o", "-", "--keep-original"], "--keep-original is left beside the output"),
    ],
)
def test_what_cannot_be_done_gives_one_line_and_no_output(tmp_path, content, arguments, words):
    done = piped(content, *arguments, "--gaps", "0.1-0.2", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == b""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_damage_is_detected_in_what_comes_in_and_its_labels_go_out(tmp_path):
    content = damaged(tmp_path / "in.wav", 2).read_bytes()
    named = piped(b"", "in.wav", "-o", "labels.txt", cwd=tmp_path, command="detect")
    done = piped(content, "-", "-o", "-", cwd=tmp_path, command="detect")
    assert done.returncode == 0
    assert done.stdout == (tmp_path / "labels.txt").read_bytes()
    assert done.stderr == named.stdout.decode().replace("in.wav", "-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "labels.txt"]


def test_labels_and_json_are_not_both_for_standard_output(tmp_path):
    damaged(tmp_path / "in.wav")
    done = piped(b"", "in.wav", "-o", "-", "--json", cwd=tmp_path, command="detect")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "--json and the output - are both for standard output" in done.stderr
