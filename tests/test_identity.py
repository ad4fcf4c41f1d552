"""A folder holds one run: another configuration, a second process and other weights are refused, in one line."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
import yaml
from forked import Forked
from tone_shards import TINY, arguments, run

from audio_inpaint.nn import checkpoints
from audio_inpaint.training.cli import main
from audio_inpaint.training.identity import Run, differences, fingerprint, held
from audio_inpaint.training.models.context_encoder import ContextEncoder

TESTS = Path(__file__).parent
RATE = "--model.init_args.learning_rate="
SHORT = ("--trainer.max_steps=2", "--data.init_args.steps=2")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(shards, tmp_path_factory):
    """The folder of a run of two steps, with a validation."""
    return run("fit", shards, tmp_path_factory.mktemp("trained") / "run", *SHORT)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def saved(folder, name="last"):
    return torch.load(folder / f"checkpoints/{name}.ckpt", weights_only=True)


def refused(capfd, *line):
    capfd.readouterr()
    assert main(arguments(*line)) == 2
    (said,) = capfd.readouterr().err.splitlines()
    return said.removeprefix("audio_inpaint.train: error: ")


# ---- what a run is


def test_another_configuration_is_refused_with_both_values_and_leaves_all_as_it_was(trained, shards, capfd):
    before = content(trained)
    others = {
        "model.init_args.learning_rate is 0.003 there and 0.01 here": [f"{RATE}0.01"],
        "seed_everything is 0 there and 1 here": ["--seed_everything=1"],
        "data.init_args.batch_size is 8 there and 16 here": ["--data.init_args.batch_size=16"],
        'trainer.precision is "32-true" there and "bf16-mixed" here': ["--trainer.precision=bf16-mixed"],
        "init_from is null there and ": [f"--init_from={trained}/checkpoints/best.ckpt"],
    }
    for message, options in others.items():
        said = refused(capfd, "fit", shards, trained, *SHORT, *options)
        assert said.startswith(f"{trained} holds another run: {message}")
        assert said.endswith("; name another --trainer.default_root_dir, or delete it")
    said = refused(capfd, "fit", shards, trained, *SHORT, f"{RATE}0.01", "--seed_everything=1")
    assert "learning_rate is" in said
    assert "seed_everything is" in said
    assert content(trained) == before


def test_what_does_not_decide_the_weights_may_change_and_the_configuration_tells_of_it(shards, tmp_path, capfd):
    run("fit", shards, tmp_path, *SHORT)
    first = (tmp_path / "config.yaml").read_text()
    capfd.readouterr()
    for steps in (2, 1):
        run("fit", shards, tmp_path, *SHORT, f"--trainer.max_steps={steps}", "--trainer.log_every_n_steps=2")
        assert capfd.readouterr().err == f"fit: already trained 2 of {steps} steps\n"
        assert (tmp_path / "config.yaml").read_text() == first  # that was not trained
    identity = json.loads((tmp_path / "run.json").read_text())["id"]
    more = ["--trainer.max_steps=4", "--data.init_args.workers=1", "--trainer.enable_model_summary=false"]
    run("fit", shards, tmp_path, *SHORT, *more)
    now, then = yaml.safe_load((tmp_path / "config.yaml").read_text()), yaml.safe_load(first)
    assert now["trainer"].pop("max_steps") == 4
    assert now["data"]["init_args"].pop("workers") == 1
    del then["trainer"]["max_steps"], then["data"]["init_args"]["workers"]
    assert now == then
    assert json.loads((tmp_path / "run.json").read_text())["id"] == identity


def test_a_runs_config_repeats_it_and_serves_the_other_commands(trained, shards, tmp_path):
    config = str(trained / "config.yaml")
    assert main(["fit", "-c", config, f"--trainer.default_root_dir={tmp_path}"]) == 0
    for name, weight in saved(trained)["state_dict"].items():
        assert torch.equal(saved(tmp_path)["state_dict"][name], weight), name
    assert json.loads((tmp_path / "run.json").read_text())["id"] != json.loads((trained / "run.json").read_text())["id"]
    assert main(["validate", "-c", config, f"--trainer.default_root_dir={tmp_path}"]) == 0


def test_a_run_of_an_earlier_version_is_known_by_its_config_and_one_without_any_is_taken(shards, tmp_path, capfd):
    run("fit", shards, tmp_path, *SHORT)
    (tmp_path / "run.json").unlink()
    assert "learning_rate is 0.003 there and 0.01 here" in refused(
        capfd, "fit", shards, tmp_path, *SHORT, f"{RATE}0.01"
    )
    (tmp_path / "config.yaml").write_text("{")
    assert "config.yaml is damaged" in refused(capfd, "fit", shards, tmp_path, *SHORT)
    (tmp_path / "config.yaml").unlink()
    run("fit", shards, tmp_path, *SHORT, f"{RATE}0.01")
    assert "already trained 2 of 2 steps" in capfd.readouterr().err


def test_a_run_that_saved_nothing_makes_way(shards, tmp_path):
    Run.of(tmp_path, yaml.safe_dump({"seed_everything": 5}), going_on=True).write()
    run("fit", shards, tmp_path, *SHORT)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["seed_everything"] == 0


def test_fingerprints_hold_what_decides_the_weights_by_name():
    averaging = {"class_path": "lightning.pytorch.callbacks.EMAWeightAveraging", "init_args": {"decay": 0.9}}
    saving = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"filename": "last"}}
    trainer = {"max_steps": 5, "devices": 2, "gradient_clip_val": 1.0, "callbacks": [averaging, saving]}
    data = {"class_path": "Shards", "init_args": {"workers": 3, "training": ["a.tar", "b.tar"]}}
    found = fingerprint({"seed_everything": 3, "data": data, "trainer": trainer, "ckpt_path": "last"})
    assert {key: value for key, value in found.items() if value is not None} == {
        "seed_everything": 3,
        "data.class_path": "Shards",
        "data.init_args.training": ["a.tar", "b.tar"],
        "trainer.gradient_clip_val": 1.0,
        "trainer.EMAWeightAveraging.decay": 0.9,
    }


def test_differences_are_one_short_line():
    there = {"same": 1, "gone": [1, 2], "long": "x" * 200, **{f"key{n}": n for n in range(9)}}
    here = {"same": 1, "new": None, "long": "y" * 200, **{f"key{n}": -n for n in range(9)}}
    line = differences(there, here)
    assert line.startswith("new is not set there and null here, long is ")
    assert line.endswith(", and 7 more")
    assert len(line) < 400
    assert differences(there, dict(reversed(there.items()))) == ""


# ---- one process


def test_a_second_process_is_refused_and_a_killed_one_leaves_the_folder_free(shards, tmp_path, capfd):
    endless = arguments("fit", shards, tmp_path, "--data.init_args.workers=1", "--trainer.max_steps=100000")
    process = Forked("audio_inpaint.train", *endless)
    try:
        until = tmp_path / "checkpoints/last.ckpt"
        while not until.is_file():
            assert process.poll() is None, process.said()
            time.sleep(0.01)
        said = refused(capfd, "fit", shards, tmp_path, "--trainer.max_steps=100000")
        assert said.startswith(f"another process trains in {tmp_path}: wait for its end, or name another")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    step = saved(tmp_path)["global_step"]  # at once: the worker of the killed process may still be there
    run("fit", shards, tmp_path, f"--trainer.max_steps={step + 1}")
    assert saved(tmp_path)["global_step"] == step + 1


def test_a_lock_ends_with_its_block_and_is_not_inherited(tmp_path):
    with held(tmp_path):
        if not (child := os.fork()):
            try:
                with held(tmp_path):
                    os._exit(0)
            except ValueError:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        if not (heir := os.fork()):
            signal.pause()
    if not (child := os.fork()):
        with held(tmp_path):
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.kill(heir, signal.SIGKILL)
    os.waitpid(heir, 0)


# ---- sweeps


def test_a_sweep_leaves_an_honest_record_of_each_run_and_in_one_folder_of_the_first(shards, tmp_path, capfd):
    rates, names = (0.001, 0.002, 0.003, 0.004), set()
    for rate in rates:
        folder = run("fit", shards, tmp_path / f"rate_{rate}", "--trainer.max_steps=1", f"{RATE}{rate}")
        assert yaml.safe_load((folder / "config.yaml").read_text())["model"]["init_args"]["learning_rate"] == rate
        assert saved(folder)["hyper_parameters"]["learning_rate"] == rate
        assert saved(folder)["optimizer_states"][0]["param_groups"][0]["initial_lr"] == rate
        (row,) = csv.DictReader((folder / "metrics.csv").open())
        assert float(row["learning_rate"]) == pytest.approx(rate)
        names.add(json.loads((folder / "run.json").read_text())["id"])
    assert len(names) == 4
    before = content(tmp_path)
    for rate in rates[1:]:
        said = refused(capfd, "fit", shards, tmp_path / "rate_0.001", "--trainer.max_steps=1", f"{RATE}{rate}")
        assert f"learning_rate is 0.001 there and {rate} here" in said
    assert content(tmp_path) == before


# ---- checkpoints and the command line


def test_a_checkpoint_gives_weights_and_the_command_line_all_settings(trained, shards, tmp_path, capfd):
    shares = ["--model.init_args.shares=[0.25]", f"--ckpt_path={trained}/checkpoints/best.ckpt"]
    run("test", shards, tmp_path, *shares)
    table = capfd.readouterr().out
    assert "burg, 25% magnitude" in table
    assert "50%" not in table


@pytest.mark.parametrize("command", ["test", "validate", "fit"])
def test_a_checkpoint_of_another_network_is_refused(trained, shards, tmp_path, capfd, command):
    path = trained / "checkpoints/best.ckpt"
    said = refused(
        capfd, command, shards, tmp_path, "--model.init_args.net.init_args.channels=16", f"--ckpt_path={path}"
    )
    assert said == f"the weights of {path} do not fit the network: net.init_args.channels is 8 there and 16 here"


def test_a_fit_goes_on_from_the_best_checkpoint(shards, tmp_path):
    steps = ["--data.init_args.steps=2", "--model.init_args.schedule=drop"]
    run("fit", shards, tmp_path, *steps, "--trainer.max_steps=4")
    best = saved(tmp_path, "best")
    assert best["global_step"] in (2, 4)
    os.replace(tmp_path / "checkpoints/best.ckpt", tmp_path / "best.ckpt")
    assert main(arguments("fit", shards, tmp_path, *steps, "--ckpt_path=best")) == 2
    os.replace(tmp_path / "best.ckpt", tmp_path / "checkpoints/best.ckpt")
    run("fit", shards, tmp_path, *steps, "--trainer.max_steps=5", "--ckpt_path=best")
    assert saved(tmp_path)["global_step"] == 5


# ---- weights to begin with


def begun(monkeypatch):
    """The weights that the next training begins with, and its step."""
    found = {}

    def note(model):
        found.update({name: value.clone() for name, value in model.state_dict().items()}, step=model.global_step)

    monkeypatch.setattr(ContextEncoder, "on_train_start", note)
    return found


@pytest.mark.parametrize("shipped", [False, True])
def test_a_fit_begins_with_weights_alone(trained, shards, tmp_path, monkeypatch, shipped):
    path, precise = trained / "checkpoints/best.ckpt", 0.0
    if shipped:
        checkpoints.ship(path, tmp_path / "small.pt")
        path, precise = tmp_path / "small.pt", 1e-3
    found, folder = begun(monkeypatch), tmp_path / "tuned"
    options = ["--trainer.max_steps=1", f"{RATE}0.0001", f"--init_from={path}"]
    run("fit", shards, folder, *options)
    assert found.pop("step") == 0
    for name, weight in torch.load(path, weights_only=True)["state_dict"].items():
        assert torch.allclose(found[name], weight.to(found[name].dtype), atol=precise, rtol=precise), name
    (state,) = saved(folder)["optimizer_states"]
    assert {int(one["step"]) for one in state["state"].values()} == {1}
    assert state["param_groups"][0]["initial_lr"] == 0.0001
    run("fit", shards, folder, *options, "--trainer.max_steps=2")  # the same command goes on, and does not begin again
    assert found.pop("step") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model.init_args.net.init_args.channels=16"], "net.init_args.channels is 8 there and 16 here"),
        (["--ckpt_path=best"], "give one of them"),
        (["--init_from=nowhere.ckpt"], "there is no checkpoint nowhere.ckpt"),
        ([f"--init_from={TINY}"], "there is no network"),
    ],
)
def test_weights_that_cannot_be_begun_with_are_refused(trained, shards, tmp_path, capfd, options, message):
    said = refused(capfd, "fit", shards, tmp_path, f"--init_from={trained}/checkpoints/best.ckpt", *options)
    assert message in said
    assert len(said) < 300


def test_a_deep_prior_begins_with_random_weights(tmp_path, capfd):
    assert main(["deep_prior", "-c", str(TESTS / "tiny.yaml"), "--init_from=ce_music", "--input=in.wav"]) == 2
    assert "--init_from is for fit" in capfd.readouterr().err


def test_the_seed_of_everything_governs_the_order_of_data_unless_the_data_have_their_own(shards, tmp_path):
    order = {}
    for seed, own in ((0, ""), (1, ""), (1, "--data.init_args.seed=0")):
        folder = tmp_path / f"{seed}{own}"
        run("fit", shards, folder, "--trainer.max_steps=1", f"--seed_everything={seed}", *filter(None, [own]))
        (state,) = saved(folder)["loops"]["fit_loop"]["state_dict"]["combined_loader"]
        order[seed, own] = state["seed"]
    assert list(order.values()) == [0, 1, 0]


def test_a_fit_shorter_than_one_validation_leaves_its_best_checkpoint_and_says_so(shards, tmp_path, capfd):
    run("fit", shards, tmp_path, "--trainer.max_steps=3")
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("fit: step")]
    assert lines == [f"fit: no validation yet, {tmp_path}/checkpoints/best.ckpt has the weights of the last step"]
    best, last = saved(tmp_path, "best"), saved(tmp_path)
    assert all(torch.equal(best["state_dict"][name], weight) for name, weight in last["state_dict"].items())
    run("test", shards, tmp_path, "--ckpt_path=best")
    run("fit", shards, tmp_path, "--trainer.max_steps=4")
    assert saved(tmp_path, "best")["global_step"] == 4
