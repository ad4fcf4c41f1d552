"""Processes that torchrun or SLURM started share work; those that do not come are named."""

import os
import re
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch.plugins.environments import LightningEnvironment

from audio_inpaint.cli import main
from audio_inpaint.errors import InputError
from audio_inpaint.training import ranks
from audio_inpaint.training.ranks import share

CLIPS = Path(__file__).parents[1] / "demo/clips"


def test_a_single_process_does_all_the_work():
    strategy = SimpleNamespace(launcher=None)
    assert share(strategy, lambda rank, ranks: [rank, ranks]) == [0, 1]


def as_slurm_task(monkeypatch, rank):
    job = {"NTASKS": "3", "NTASKS_PER_NODE": "3", "JOB_ID": "4711", "NODELIST": "127.0.0.1", "STEP_ID": "0"}
    for name, value in {**job, "PROCID": str(rank)}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(LightningEnvironment().main_port))
    ranks._store.cache_clear()


def test_slurm_tasks_take_their_rank_from_the_environment_and_the_first_gathers(monkeypatch):
    as_slurm_task(monkeypatch, 0)
    children = []
    for rank in (1, 2):
        if not (child := os.fork()):
            os.environ["SLURM_PROCID"] = str(rank)
            found = share(SimpleNamespace(launcher=None), lambda rank, ranks: list(range(9))[rank::ranks])
            os._exit(len(found))
        children.append(child)

    found = share(SimpleNamespace(launcher=None), lambda rank, ranks: time.sleep(0.1) or list(range(9))[rank::ranks])

    assert found == [0, 3, 6, 1, 4, 7, 2, 5, 8]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]


@pytest.mark.parametrize(
    ("rank", "said", "refused"),
    [
        (
            0,
            r"waiting for processes 1, 2 of 3 at 127\.0\.0\.1:\d+; gives up after 0\.01 minutes",
            "processes 1, 2 of 3 did",
        ),
        (1, r"process 1 of 3 waits for process 0 at 127\.0\.0\.1:\d+; gives up after 0\.01", "did not find process 0"),
    ],
)
def test_processes_that_do_not_come_are_named_and_waited_for_no_longer_than_is_said(
    monkeypatch, capsys, rank, said, refused
):
    as_slurm_task(monkeypatch, rank)
    monkeypatch.setattr(ranks, "_PATIENCE", timedelta(seconds=0.1))
    monkeypatch.setattr(ranks, "_MEETING", timedelta(seconds=0.6))
    with pytest.raises(InputError, match=refused):
        share(None, lambda rank, ranks: [])
    assert re.search(said, capsys.readouterr().err)


def test_a_batch_script_without_srun_is_refused_at_once(monkeypatch, tmp_path, capsys):
    as_slurm_task(monkeypatch, 0)
    monkeypatch.delenv("SLURM_STEP_ID")
    assert main(["benchmark", str(CLIPS), "-o", str(tmp_path / "out"), "--methods=silence"]) == 2
    assert "this job has 3 tasks, but this process was not started by srun" in capsys.readouterr().err


def test_processes_that_do_not_fit_the_configuration_are_refused(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "3")
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)
    with pytest.raises(InputError, match="ntasks-per-node"):
        share(SimpleNamespace(launcher=None), lambda rank, ranks: [])
