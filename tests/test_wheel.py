"""The wheel alone, with what the base dependencies bring and nothing else, repairs recordings."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import numpy as np
import pytest
import soundfile
from declared import BASE, EXTRAS, brought
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
RATE, LOST = 16000, slice(8000, 8640)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A fresh environment: the wheel, installed, and the base dependencies with what they bring, as links.

    Links, because torch alone has gigabytes. Nothing else of this interpreter's packages is there.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in sorted(brought(BASE)):
        for file in distribution(name).files:
            top, source = file.parts[0], Path(distribution(name).locate_file(file.parts[0]))
            if top not in ("..", "__pycache__") and not (packages / top).exists():
                (packages / top).symlink_to(source)
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run(environment, tmp_path, monkeypatch):
    """Runs a program of the environment far from the checkout; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    settings |= {"PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1"}

    def program(*command, code=0):
        path = environment / "bin" / command[0]
        done = subprocess.run([path, *command[1:]], env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return program


@pytest.fixture
def damaged(tmp_path):
    """A second of a recording, of which 40 ms are lost; the file is damaged.wav, and clean.wav before."""
    sound, rate = soundfile.read(ROOT / "demo" / "clips" / "music_16k.flac", start=32000, stop=48000, dtype="int16")
    assert rate == RATE
    soundfile.write(tmp_path / "clean.wav", sound, RATE)
    sound[LOST] = 0
    soundfile.write(tmp_path / "damaged.wav", sound, RATE)
    return sound


def assert_repaired(path, damaged):
    repaired, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(np.delete(repaired, np.r_[LOST]), np.delete(damaged, np.r_[LOST]))
    assert np.count_nonzero(repaired[LOST]) > 500


def modules(names):
    """What is imported of these distributions, as far as they are installed here."""
    owners = packages_distributions().items()
    return sorted(module for module, of in owners if {canonicalize_name(name) for name in of} & set(names))


def test_nothing_of_an_extra_can_be_imported(run, environment):
    further = modules(set().union(*EXTRAS.values()) - brought(BASE))
    assert {"lightning", "torchmetrics", "torchaudio", "matplotlib", "webdataset", "wandb", "pytest"} <= set(further)
    found = "import sys, importlib.util as u; print(*(name for name in sys.argv[1:] if u.find_spec(name)))"
    assert run("python", "-c", found, *further).split() == []
    assert run("python", "-c", found, *modules(BASE)).split() == modules(BASE)
    where = run("python", "-c", "import audio_inpaint, data_prep; print(audio_inpaint.__file__, data_prep.__file__)")
    assert where.count(str(environment)) == 2


def test_the_wheel_holds_code_configs_networks_and_licence_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for kept, where in (("configs", "_configs"), ("checkpoints", "_checkpoints")):
        files = [file.relative_to(ROOT / kept).as_posix() for file in (ROOT / kept).rglob("*") if file.is_file()]
        assert files
        assert {f"audio_inpaint/{where}/{file}" for file in files} <= set(names)
    assert "audio_inpaint/py.typed" in names
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert not [name for name in names if not re.match(r"(audio_inpaint|data_prep)(/|-[\d.]+dist-info/)", name)]
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|(^|/)tests/", name)]


def test_the_command_names_its_commands_methods_and_networks(run):
    assert {"inpaint", "detect", "benchmark"} <= set(run("audio-inpaint", "--help").split())
    listed = run("audio-inpaint", "methods").split()
    assert {"auto", "janssen", "ce_music", "dpai_fast"} <= set(listed)
    assert "ce_music" in run("audio-inpaint", "models")


@pytest.mark.parametrize("method", ["auto", "janssen", "ce_music", "dpai_fast:steps=2"])
def test_a_recording_is_repaired(run, damaged, method):
    run("audio-inpaint", "inpaint", "damaged.wav", "-o", "repaired.wav", "--method", method)
    assert_repaired("repaired.wav", damaged)


def test_a_report_with_scores_needs_no_extra(run, damaged):
    run("audio-inpaint", "inpaint", "damaged.wav", "-o", "repaired.wav", "--report", "--truth", "clean.wav")
    assert "damaged.wav" in Path("repaired.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("damaged")
def test_gaps_are_detected(run):
    assert "1 gap" in run("audio-inpaint", "detect", "damaged.wav", "-o", "labels.txt")
    assert Path("labels.txt").read_text(encoding="utf-8").startswith("0.5")


@pytest.mark.usefixtures("damaged")
def test_a_benchmark_runs(run):
    command = ["audio-inpaint", "benchmark", "clean.wav", "-o", "out", "--methods", "janssen,silence", "--gap-ms", "20"]
    assert "janssen" in run(*command, "--workers", "1")
    assert Path("out/report.html").is_file()


def test_python_repairs_an_array(run, damaged):
    run(
        "python",
        "-c",
        f"""
import numpy, soundfile
from audio_inpaint import repair
audio, rate = soundfile.read("damaged.wav", dtype="float32", always_2d=True)
done = repair(audio.T, [({LOST.start}, {LOST.stop})], rate, method="janssen")
soundfile.write("repaired.wav", numpy.asarray(done.audio).T, rate, subtype="PCM_16")
""",
    )
    assert_repaired("repaired.wav", damaged)


@pytest.mark.usefixtures("damaged")
def test_shards_are_prepared(run, tmp_path):
    (tmp_path / "recordings").mkdir()
    shutil.copy(tmp_path / "clean.wav", tmp_path / "recordings")
    run("audio-inpaint-data", "shards", "folder", "recordings", "-o", "shards", "--workers", "1")
    assert list(Path("shards").glob("*.tar"))


def test_what_needs_an_extra_names_it_in_one_line(run, damaged):
    said = run("python", "-m", "audio_inpaint.train", "fit", "-c", "ce_music.yaml", code=2)
    assert said == "audio_inpaint.train: error: lightning is not installed: pip install 'audio-inpaint[train]'\n"
    said = run("audio-inpaint", "benchmark", "clean.wav", "-o", "out", "--scores", "pesq", code=2)
    assert "[metrics]" in said
    assert said.count("\n") == 1
