"""Workers end with the process that they work for, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import os, signal, sys, time
from {place} import {name}

def work(item):
    os.write(1, b"%d\\n" % os.getpid())  # at once, so that no two mix
    time.sleep(600)

if __name__ == "__main__":
    for one in (signal.SIGTERM, signal.SIGHUP):  # which the tests' own process may ignore
        signal.signal(one, signal.SIG_DFL)
    {call}
"""
POOLS = {
    "of gaps": ("audio_inpaint.methods.gap_workers", "on_cores", "on_cores(work, [0, 1, 2, 3], 2)"),
    "of data": ("data_prep.parallel", "ordered_map", "list(ordered_map(work, [0, 1, 2, 3], 2))"),
}


def runs(process):
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("pool", POOLS)
def test_no_worker_outlives_its_parent(tmp_path, pool, ending):
    place, name, call = POOLS[pool]
    (tmp_path / "program.py").write_text(PROGRAM.format(place=place, name=name, call=call))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(runs, workers))
    parent.send_signal(ending)
    parent.wait(30)
    until = time.monotonic() + 30
    while any(map(runs, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    left = [worker for worker in workers if runs(worker)]
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    assert not left
