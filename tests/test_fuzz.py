"""A short run of `tests/fuzz`: random command lines on damaged files, and kills at random moments."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")


def test_random_command_lines_and_kills_break_no_promise():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "tests.fuzz", "--seed=16", "--minutes=0.4", "--kills=1"]
    done = subprocess.run(line, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith(" 0 faults")
