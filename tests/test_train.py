import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from forked import Forked

from audio_inpaint.errors import InputError
from audio_inpaint.files import configs
from audio_inpaint.training.cli import InpaintCLI, main

TESTS = Path(__file__).parent
TINY = str(TESTS / "tiny.yaml")
PATHS = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": PATHS}

pytestmark = pytest.mark.filterwarnings("ignore")


def store(path, seconds=0.5, rate=8000):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * rate)), rate)
    return str(path)


def samples(path):
    return soundfile.read(path)[0]


def command(*arguments, module="audio_inpaint.train"):
    return [sys.executable, "-m", module, *map(str, arguments)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.nothing=3"], "Option 'nothing' is not accepted"),
        (["--model=nothing.Model"], "nothing.Model"),
        (["--trainer.max_steps=many"], "max_steps"),
        (["--seeds=some"], "seeds"),
        (["--nonsense"], "nonsense"),
        (["--trainer.callbacks+=lightning.pytorch.callbacks.EarlyStopping"], "monitor"),
        (["--trainer.accelerator=tpu"], "the configuration cannot be used"),
        (["-c", "nowhere.yaml"], "there is no config nowhere.yaml"),
        (["--input", ""], "no input is named"),
        (["--input", "missing.wav"], "missing.wav cannot be read"),
        (["--input", "empty"], "holds no audio files"),
        (["--gaps", "5-6"], "reaches outside the file"),
        (["--gaps", "0.2-0.1"], "0.2-0.1"),
        (["--gaps", "nogaps.csv"], "nogaps.csv"),
        (["--truth", "other.wav"], "other.wav has another"),
        (["--truth", "missing.wav"], "missing.wav cannot be read"),
        (["--output", "in.wav"], "in.wav is no folder"),
        (["--output", "/proc/nowhere"], "/proc/nowhere could not be written"),
        (["--output", "."], "is the input itself"),
        (["--data.form=frames"], "form"),
        (["--context=-1"], "more than 0 seconds"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_code_two(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "in.wav")
    store(tmp_path / "other.wav", seconds=0.4)
    (tmp_path / "empty").mkdir()

    code = main(["deep_prior", "-c", TINY, "--input=in.wav", "--output=out", "--gaps=0.1-0.12", *arguments])

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.startswith("audio_inpaint.train: error: ")
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert len(captured.err) < 400


def test_a_deep_prior_is_not_fitted_without_a_signal(capsys):
    assert main(["fit", "-c", TINY, "--trainer.logger=false"]) == 2
    assert "use the deep_prior command" in capsys.readouterr().err.splitlines()[-1]


def test_a_command_without_a_subcommand_or_model_says_so(capsys):
    assert main([]) == 2
    assert "deep_prior" in capsys.readouterr().err
    assert main(["deep_prior", "--input=in.wav"]) == 2
    assert "model" in capsys.readouterr().err


def test_the_command_says_little_and_finds_its_config_by_name_from_anywhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    store(tmp_path / "in.wav")
    settings = [
        "--trainer.max_steps=2",
        "--trainer.precision=32-true",
        "--trainer.accelerator=cpu",
        "--model.net.filters=[2,2,2]",
        "--model.net.skip_channels=2",
        "--model.net.depth=2",
        "--trainer.log_every_n_steps=10",
    ]
    arguments = ["deep_prior", "-c", "dpai.yaml", *settings, "--input=../in.wav", "--gaps=0.1-0.12", "--output=out"]

    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, check=True, cwd=tmp_path / "elsewhere", env=ENVIRONMENT
    )

    assert [line[:17] for line in done.stderr.splitlines()] == ["fit: step 1 of 2,", "fit: step 2 of 2,"]
    assert len(done.stdout.splitlines()) == 2
    assert (tmp_path / "elsewhere/out/in.wav").is_file()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_and_no_half_file(tmp_path, number, code):
    source = store(tmp_path / "in.wav")
    arguments = ["deep_prior", "-c", TINY, "--trainer.max_steps=100", "--input", source, "--gaps=0.1-0.12"]
    process = Forked("audio_inpaint.train", *arguments, "--output", tmp_path / "out")
    while "step 10 of" not in process.said():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, number)
    error = process.wait().stderr

    assert process.returncode == code
    said = "audio_inpaint.train: interrupted; the same command goes on from step ([0-9]+) of .*/out/in"
    step = int(re.fullmatch(said, error.splitlines()[-1])[1])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["in"]
    assert {path.suffix for path in (tmp_path / "out/in").iterdir()} == {".json", ".yaml", ".csv", ".ckpt", ".lock"}
    saved = torch.load(tmp_path / "out/in/fit.ckpt", weights_only=True)
    assert saved["global_step"] == step >= 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_one_line(tmp_path, capsys, monkeypatch):
    source = store(tmp_path / "in.wav")
    full = os.open("/dev/full", os.O_WRONLY)

    def write(path, content):
        return os.write(full, bytes(content))

    monkeypatch.setattr(Path, "write_bytes", write)  # of checkpoints
    code = main(["deep_prior", "-c", TINY, "--input", source, "--gaps=0.1-0.12", "--output", str(tmp_path / "out")])
    os.close(full)

    assert code == 2
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out/in/fit.ckpt").exists()
    assert not [path for path in (tmp_path / "out/in").iterdir() if path.name.startswith(".")]


def test_ranks_of_torchrun_share_uneven_files(tmp_path):
    for name in "abc":
        store(tmp_path / "in" / f"{name}.wav")
    (tmp_path / "in/b.wav").write_text("no audio")
    torchrun = ["--standalone", "--nproc_per_node=2", "-m", "audio_inpaint.train", "deep_prior", "-c", TINY]
    arguments = ["--input", tmp_path / "in", "--output", tmp_path / "out", "--gaps=0.1-0.12", "--trainer.max_steps=3"]

    done = subprocess.run(
        command(*torchrun, *arguments, module="torch.distributed.run"),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=ENVIRONMENT,
    )

    assert done.returncode == 1  # torchrun's own, after a rank's 2
    assert done.stderr.count("1 of 3 files not restored") == 1
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == ["a.wav", "c.wav"]
    assert sorted(path.parent.name for path in (tmp_path / "out").glob("*/metrics.csv")) == ["a", "c"]
    assert np.array_equal(samples(tmp_path / "out/a.wav"), samples(tmp_path / "out/c.wav"))


class Idle(InpaintCLI):
    def deep_prior(self, **_):
        pass


def test_each_fit_has_its_own_seeds_and_the_models_record_them(tmp_path):
    cli = Idle(["deep_prior", "-c", TINY, "--model.seed=5"])
    models = [cli.fresh(tmp_path, seed)[1] for seed in (0, 1, 0)]
    assert [model.hparams.seed for model in models] == [5, 6, 5]
    weights = [next(model.prior.net.parameters()).detach() for model in models]
    assert weights[0].equal(weights[2])
    assert not weights[0].equal(weights[1])


def test_presets_can_be_read():
    for path in configs.FOLDER.glob("dpai*.yaml"):
        cli = Idle(["deep_prior", "-c", path.name, "--trainer.accelerator=cpu", "--trainer.precision=32-true"])
        assert cli.trainer.max_steps > 0


def test_an_unknown_config_names_the_known_ones():
    with pytest.raises(InputError, match=r"one of .*dpai\.yaml"):
        configs.find("nix.yaml")
    assert configs.find("dpai") == configs.find("dpai.yaml")


def test_a_command_builds_its_own_parser_alone_and_help_names_all_commands(capsys):
    assert list(Idle(["deep_prior", "-c", TINY])._subcommand_parsers) == ["deep_prior"]
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert [name for name in InpaintCLI.subcommands() if f"\n    {name} " not in said] == []
    assert main(["fitt"]) == 2
    assert "choose from 'fit', 'validate', 'test', 'predict', 'deep_prior'" in capsys.readouterr().err
