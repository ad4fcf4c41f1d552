"""The project as a newcomer meets it: README, demonstration and Makefile."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from tiny_checkpoint import random_checkpoint

from audio_inpaint.cli import _parser, main
from audio_inpaint.files.formats import FORMATS
from audio_inpaint.files.media import SUFFIXES as MEDIA
from audio_inpaint.files.recording import read, write
from audio_inpaint.gap_files import read_gaps, write_labels
from audio_inpaint.gaps import Gap, gap_mask
from data_prep.command import main as prepare_data

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RATE, GAPS = 16000, [Gap(1600, 2400), Gap(36960, 37760)]  # 0.1-0.15 and 2.31-2.36 s, as in the README


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(*program):
    """The README's shell lines that begin with these words, as lists of words."""
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line[: len(program)] == list(program)]


def tracked():
    """The files that are, or would be, committed."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def imported(path):
    """A module from a file that lies outside the import path."""
    specification = importlib.util.spec_from_file_location(f"imported_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """A working directory with the files that the README's examples name."""
    truth, rate = read(ROOT / "demo" / "clips" / "speech_16k.flac")
    assert rate == RATE
    damaged = truth.masked_fill(gap_mask(GAPS, truth.shape[-1]), 0)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "labels").mkdir()
    write(tmp_path / "clean.wav", truth, RATE)
    for name in ("damaged.wav", "recordings/a.wav", "recordings/b.wav"):
        write(tmp_path / name, damaged, RATE)
    for name in ("labels.txt", "labels/a.txt", "labels/b.txt"):
        write_labels(tmp_path / name, GAPS, RATE)
    random_checkpoint(tmp_path / "runs" / "ce_music_small" / "checkpoints" / "best.ckpt")
    monkeypatch.chdir(tmp_path)
    return damaged[0].numpy()


def assert_repaired(path, damaged):
    repaired, rate = soundfile.read(path)
    changed = np.flatnonzero(repaired != damaged)
    assert rate == RATE
    assert len(changed) > 0.8 * sum(gap.stop - gap.start for gap in GAPS)
    assert all(any(gap.start - 16 <= place < gap.stop + 16 for gap in GAPS) for place in changed)


# ---- what the README says


def test_every_command_of_the_readme_is_of_a_kind_that_is_tested_here():
    known = [("audio-inpaint",), ("audio-inpaint-data",), ("make",), ("pip", "install"), ("python",)]
    lines = [line for line in commands() if line]
    assert len(lines) >= 8
    assert [line for line in lines if not any(line[: len(words)] == list(words) for words in known)] == []


def test_audio_inpaint_commands_of_the_readme_repair_files(recordings):
    for _, *arguments in commands("audio-inpaint"):
        if any(word.split("=")[-1].startswith(("data/", "demo/")) for word in arguments):  # hours, or gigabytes
            assert _parser().parse_args(arguments).run
            continue
        if arguments[0] == "detect":  # its labels are there, for the examples that read them
            arguments = [*arguments, "--overwrite"]
        assert main(arguments) == 0, arguments  # one after the other: none writes what another one has written
        if "-o" in arguments and arguments[0] == "inpaint":
            output = Path(arguments[arguments.index("-o") + 1])
            outputs = sorted(output.glob("*.wav")) if output.is_dir() else [output]
            assert outputs
            for path in outputs:
                assert_repaired(path, recordings)
    assert (Path.cwd() / "restored.html").is_file()


def test_train_commands_of_the_readme_are_understood(recordings, capsys):
    from audio_inpaint.training.cli import main as train

    lines = commands("python", "-m", "audio_inpaint.train")
    assert lines
    for _, _, _, *arguments in lines:
        with pytest.raises(SystemExit) as stop:
            train([*arguments, "--print_config"])
        assert not stop.value.code
        config = yaml.safe_load(capsys.readouterr().out)
        given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        del given["-c"]
        assert given == {option: config[option.removeprefix("--")] for option in given}


def test_commands_of_the_readmes_that_prepare_data_take_their_options(capsys):
    lines = [line[1:] for line in commands("audio-inpaint-data")]
    table = re.findall(r"`audio-inpaint-data ([^`]*)`", (ROOT / "data_prep" / "README.md").read_text())
    assert lines
    assert len(table) >= 7
    for arguments in lines + [shlex.split(command) for command in table]:
        with pytest.raises(SystemExit) as stop:
            prepare_data([*arguments, "--help"])
        shown = capsys.readouterr().out
        assert not stop.value.code
        assert f"usage: audio-inpaint-data {arguments[0]}" in shown
        assert [word for word in arguments if word.startswith("-") and word not in shown] == []


def test_nothing_names_a_second_way_to_prepare_data():
    old = re.compile(rb"-m\W{1,6}data_prep")  # written so that it does not find itself
    texts = [path for path in tracked() if path.suffix not in (".flac", ".png", ".pt", ".wav")]
    assert [str(path) for path in texts if old.search(path.read_bytes())] == []


def test_scripts_of_the_readme_take_their_options():
    scripts = [line for line in commands("python") if line[1] != "-m"]
    assert scripts
    for _, script, *arguments in scripts:
        command = [sys.executable, str(ROOT / script), *arguments, "--help"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert [word for word in arguments if word.startswith("--") and word not in done.stdout] == []
        assert [word for word in arguments if "/" in word and not (ROOT / word).exists()] == []


def test_python_example_of_the_readme_repairs_a_file(recordings):
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})
    assert_repaired("filled.wav", recordings)


def test_files_that_the_readme_names_exist():
    folders = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir()))
    named = re.findall(rf"`((?:{folders})/[\w./]*)`", README) + re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(named) >= 8
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_readme_is_short():
    assert len(README.splitlines()) < 200


# ---- the demonstration


def test_the_demonstration_repairs_every_recording(tmp_path, monkeypatch, capsys):
    demonstration = imported(ROOT / "demo" / "run.py")
    monkeypatch.setattr(demonstration, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(demonstration, "REPORT", tmp_path / "report.html")
    monkeypatch.setattr(demonstration, "STEPS", 2)  # in place of minutes
    monkeypatch.setattr(demonstration, "TOTAL_MS", 100)
    monkeypatch.setattr(sys, "argv", ["run.py", "--methods", "burg", "--seed", "3"])
    assert demonstration.main() == 0
    printed = capsys.readouterr().out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    clips = sorted((ROOT / "demo" / "clips").glob("*.flac"))
    assert len(clips) == 3
    for clip in clips:
        truth, rate = read(clip)
        damaged, repaired = (read(tmp_path / "output" / f"{clip.stem}.{kind}.wav")[0] for kind in ("damaged", "burg"))
        lost = gap_mask(read_gaps(tmp_path / "output" / f"{clip.stem}.gaps.txt", rate), truth.shape[-1])[0]
        assert float(lost.sum()) / rate == pytest.approx(0.1, abs=1e-3)
        assert not damaged[:, lost].any()
        assert torch.equal(repaired[:, ~lost], truth[:, ~lost])
        assert (repaired - truth).square().sum() < (damaged - truth).square().sum()
        assert clip.stem in page
        assert clip.stem in printed
    for name, evidence in (("one_channel", "auto"), ("reference", "with_the_copy")):
        lines = [line.split() for line in printed.splitlines() if line.startswith(f"music_44k_{name} ")]
        scores = {method: float(snr) for _, method, snr, *_ in lines if "gaps" not in method}
        assert max(scores, key=scores.get) == evidence
    monkeypatch.setattr(sys, "argv", ["run.py", "--methods", "magic"])
    assert demonstration.main() == 2
    assert "magic" in capsys.readouterr().err


# ---- make


@pytest.fixture
def make(tmp_path):
    """Runs make in a folder with nothing but what it needs to begin, and a python3 that prints nothing of its own."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)

    def run(*arguments, python="exit 0"):
        stub = tmp_path / "stub"
        stub.write_text(f"#!/bin/sh\n{python}\n")
        stub.chmod(0o755)
        command = ["make", "-C", str(tmp_path), *arguments, f"PYTHON={stub}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_make_alone_lists_every_target_of_the_readme(make):
    listed = re.findall(r"^make ([\w-]+)", make().stdout, re.MULTILINE)
    assert {"help", "demo", "demo-full", "test", "fuzz", "mutants", "docs", "lint", "clean"} == set(listed)
    used = commands("make")
    assert used
    assert [target for _, *targets in used for target in targets if target not in listed] == []


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_make_says_in_one_line_what_python_lacks(make, target):
    for python, words in (
        ("exit 1", "not Python 3.11 or newer"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "python3-venv"),
    ):
        done = make(target, python=python)
        assert done.returncode == 2
        said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert len(said) == 1
        assert words in said[0]


# ---- what is committed


def test_no_file_of_the_package_is_over_350_lines():
    files = [path for path in tracked() if path.is_relative_to(ROOT / "audio_inpaint")]
    long = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(long) > 20
    assert {name: lines for name, lines in long.items() if lines > 350} == {}


def test_no_committed_file_names_a_package_registry_or_a_place_of_one_machine():
    # written so that the patterns do not find themselves
    words = re.compile(rb"index[-]url|find[-]links|https?://\S*/simpl[e]\b|(?<![\w.~-])/(?:work|root|home)/\w")
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in tracked()
        if path.suffix not in (".flac", ".png", ".wav")
        for match in words.finditer(path.read_bytes())
    ]
    assert found == []


def test_no_recording_is_committed_outside_the_demonstration():
    """What a test or an experiment wrote is left where it fell by accident."""
    sounds = [path for path in tracked() if path.suffix.lower() in {*FORMATS, *MEDIA}]
    assert [str(path) for path in sounds if path.parent != ROOT / "demo" / "clips"] == []
    assert sounds


def test_the_script_of_continuous_integration_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
