"""The scripts that start trainings on clusters: what they ask of srun, of torchrun and of the training."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from torch.distributed.run import get_args_parser

from audio_inpaint.training.cli import main

CLUSTER = Path(__file__).parents[1] / "configs" / "cluster"
SCRIPTS = sorted(CLUSTER.glob("*.sh"))
JOB = {"SLURM_JOB_ID": "4711", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "4"}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Puts stand-ins for programs first in the path, each of which notes its arguments and runs a line of shell."""

    def stand_in(name, line=""):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/{name}.args\n{line}\n')
        path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    return stand_in


def given(folder, name):
    return (folder / f"{name}.args").read_text().splitlines()


def understood(arguments, capsys):
    """The trainer's part of the config that the training's command line makes of arguments."""
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--print_config"])
    assert not end.value.code
    return yaml.safe_load(capsys.readouterr().out)["trainer"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run_and_parsed(script):
    assert len(SCRIPTS) == 2
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_slurm_starts_a_task_for_each_gpu(tmp_path, programs, capsys):
    programs("srun")
    subprocess.run([CLUSTER / "slurm.sh", "fit", "-c", "ce_music.yaml", "--trainer.max_steps=9"], check=True)
    option, program, *words = given(tmp_path, "srun")
    assert (option, program, words[:2]) == ("--kill-on-bad-exit=1", "python", ["-m", "audio_inpaint.train"])
    trainer = understood(words[2:], capsys)
    assert (trainer["num_nodes"], trainer["devices"], trainer["strategy"]) == (2, "4", "ddp")
    assert trainer["sync_batchnorm"]
    assert trainer["max_steps"] == 9


def test_a_slurm_job_is_queued_again_before_its_time_is_over(tmp_path, programs):
    programs("srun", "echo begun; exec sleep 5")
    programs("scontrol")
    job = subprocess.Popen([CLUSTER / "slurm.sh", "fit"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert job.stdout.readline() == "begun\n"
    job.send_signal(signal.SIGUSR1)
    job.wait(timeout=4)
    os.killpg(job.pid, signal.SIGTERM)
    assert given(tmp_path, "scontrol") == ["requeue", "4711"]


def test_the_exit_code_of_a_slurm_training_is_that_of_the_job(programs):
    programs("srun", "exit 2")
    assert subprocess.run([CLUSTER / "slurm.sh", "fit"], check=False).returncode == 2


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"nnodes": "1", "nproc_per_node": "3", "standalone": True}),
        (
            {"NODES": "2", "MASTER": "machine1", "GPUS": "5"},
            {"nnodes": "2", "nproc_per_node": "5", "rdzv_endpoint": "machine1:29500", "rdzv_backend": "c10d"},
        ),
    ],
)
def test_torchrun_takes_all_gpus_of_one_machine_or_some_of_several(
    tmp_path, programs, capsys, monkeypatch, settings, expected
):
    programs("python")
    programs("nvidia-smi", "echo GPU 0; echo GPU 1; echo GPU 2")
    for name in ("NODES", "MASTER", "GPUS"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run([CLUSTER / "torchrun.sh", "fit", "-c", "ce_music.yaml"], check=True, env=os.environ | settings)
    _, module, *words = given(tmp_path, "python")
    options = vars(get_args_parser().parse_args(words))
    assert module == "torch.distributed.run"
    assert {name: options[name] for name in expected} == expected
    trainer = understood(options["training_script_args"], capsys)
    assert options["training_script"] == "audio_inpaint.train"
    assert options["module"]
    assert (str(trainer["num_nodes"]), trainer["devices"]) == (expected["nnodes"], expected["nproc_per_node"])
    assert trainer["strategy"] == "ddp"
    assert trainer["sync_batchnorm"]
