"""Signals that end a training: a checkpoint, the step that goes on, and an exit code that stops `fit && test`."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from forked import Forked, in_ranks
from tone_shards import ENVIRONMENT, arguments, run

from audio_inpaint.training.cli import main
from audio_inpaint.training.interruption import Interrupted, listening
from audio_inpaint.training.models.context_encoder import ContextEncoder

TESTS = Path(__file__).parent
LONG = ("--trainer.max_steps=100000", "--model.init_args.schedule=drop", "--trainer.log_every_n_steps=100")
SAID = re.compile("audio_inpaint.train: interrupted; the same command goes on from step ([0-9]+)")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def heard():
    """Let Ctrl-C reach these tests and what they start, also where a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(shards, tmp_path_factory):
    """The folder of a run that nothing interrupts."""
    return run("fit", shards, tmp_path_factory.mktemp("whole"))


def saved(folder):
    return torch.load(folder / "checkpoints/last.ckpt", weights_only=True)


def curves(folder):
    return list(csv.DictReader((folder / "metrics.csv").open()))


def stopping(monkeypatch, step, stop):
    def at(model, *_):
        if model.global_step == step:
            stop()

    monkeypatch.setattr(ContextEncoder, "on_train_batch_end", at)


@pytest.fixture
def begun(shards, tmp_path):
    """Waits for the first validation of a training that was started in its own group of processes."""
    started = []

    def start(process):
        started.append(process)
        until = time.monotonic() + 120
        while not (tmp_path / "checkpoints/best.ckpt").is_file():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_all_processes_saves_and_the_exit_code_tells(shards, tmp_path, begun, number, code):
    line = arguments("fit", shards, tmp_path, *LONG, "--data.init_args.workers=1")
    process = begun(Forked("audio_inpaint.train", *line))
    os.killpg(process.pid, number)  # the worker too, as a terminal and SLURM do
    error = process.wait().stderr
    assert process.returncode == code, error
    *_, line = error.splitlines()
    assert saved(tmp_path)["global_step"] == int(SAID.fullmatch(line)[1]) >= 4
    assert all(one.startswith("fit: step ") for one in error.splitlines()[:-1])


@pytest.mark.parametrize("step", [4, 5, 8])  # before a validation, within an epoch, and the last
def test_what_goes_on_after_a_signal_is_what_nothing_interrupted(whole, shards, tmp_path, monkeypatch, capfd, step):
    with monkeypatch.context() as patch:
        stopping(patch, step, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert main(arguments("fit", shards, tmp_path)) == 143
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.endswith("trained 8 of 8 steps" if step == 8 else f"goes on from step {step}")
    assert saved(tmp_path)["global_step"] == step
    run("fit", shards, tmp_path)
    for key in ("state_dict", "current_model_state"):
        weights = saved(whole)[key]
        assert all(torch.equal(weights[name], weight) for name, weight in saved(tmp_path)[key].items())
    assert curves(tmp_path) == curves(whole)


def test_a_run_that_would_begin_again_is_told_how_to_go_on(shards, tmp_path, monkeypatch, capfd):
    stopping(monkeypatch, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert main(arguments("fit", shards, tmp_path, "--ckpt_path=null")) == 130
    assert capfd.readouterr().err.endswith("interrupted; --ckpt_path=last goes on from step 2\n")


def test_a_second_signal_does_not_wait_for_the_end_of_a_step(shards, tmp_path, monkeypatch, capfd):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    stopping(monkeypatch, 2, twice)
    assert main(arguments("fit", shards, tmp_path)) == 130
    assert capfd.readouterr().err.endswith("interrupted; nothing is saved yet\n")
    stopping(monkeypatch, 5, twice)
    assert main(arguments("fit", shards, tmp_path)) == 130
    assert capfd.readouterr().err.endswith("interrupted; the same command goes on from step 3\n")


@pytest.mark.parametrize("command", ["test", "validate", "predict"])
def test_a_signal_ends_other_commands_at_once_with_its_code(whole, shards, monkeypatch, capfd, command):
    step = "_judge" if command != "predict" else "predict_step"
    monkeypatch.setattr(ContextEncoder, step, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert main(arguments(command, shards, whole)) == 143
    assert capfd.readouterr().err == "audio_inpaint.train: interrupted\n"


def _signalled():
    with listening():
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_put_back_and_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _signalled()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(Interrupted) as end:
            _signalled()
        assert end.value.code == 130
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_warning_of_slurm_queues_the_job_again(shards, tmp_path, monkeypatch):
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    job = {"NTASKS": "1", "NTASKS_PER_NODE": "1", "JOB_ID": "4711", "JOB_NAME": "train", "NODELIST": "127.0.0.1"}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    stopping(monkeypatch, 2, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    assert main(arguments("fit", shards, tmp_path / "run")) == 143
    assert (tmp_path / "asked").read_text() == "requeue 4711\n"
    assert saved(tmp_path / "run")["global_step"] == 2


# ---- several processes


def started(*command):
    return subprocess.Popen(
        [sys.executable, "-m", *command], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    )


def test_a_signal_to_one_of_two_processes_ends_both_with_a_checkpoint(shards, tmp_path, begun):
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "audio_inpaint.train"]
    process = begun(started(*torchrun, *arguments("fit", shards, tmp_path, "--trainer.devices=2", *LONG)))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ranks = {
        re.search(rb"\0RANK=(\d)", Path(f"/proc/{child}/environ").read_bytes())[1]: int(child) for child in children
    }
    os.kill(ranks[b"1"], signal.SIGTERM)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1  # torchrun's own, after a rank's 143
    (step,) = SAID.findall(error)
    assert saved(tmp_path)["global_step"] == int(step)


def test_a_signal_to_the_process_that_started_another_saves_and_the_exit_code_tells(shards, tmp_path, begun):
    line = arguments("fit", shards, tmp_path, *LONG, "--trainer.devices=2", "--trainer.strategy=ddp")
    process = begun(started("audio_inpaint.train", *line))
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 143, error
    (step,) = SAID.findall(error)
    assert saved(tmp_path)["global_step"] == int(step)


def test_two_processes_are_refused_as_one(whole, shards):
    line = arguments("fit", shards, whole, "--trainer.devices=2", "--seed_everything=1")
    done = in_ranks("audio_inpaint.train", *line)
    assert [one.returncode for one in done] == [2, 2]
    said = [line for line in (done[0].stderr + done[1].stderr).splitlines() if "audio_inpaint.train: error: " in line]
    assert len(said) == 1
    assert "seed_everything is 0 there and 1 here" in said[0]
