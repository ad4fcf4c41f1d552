"""Compiled loops: imported late, whatever the cache's folder is, and in forked processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A module of its own, so that its cache lies beside it or where numba is told.
LOOP = """
from audio_inpaint.dsp.compiled import compiled

@compiled
def total(x):
    sum = 0.0
    for value in x:
        sum += value
    return sum
"""
SUMS = """
import numpy, sys
from audio_inpaint.methods.gap_workers import on_cores
from loop import total
print(*on_cores(lambda size: total(numpy.ones(size)), [1, 2, 3], 2), total(numpy.ones(4)))
"""
# As in a read-only installation without a home: no place that numba would keep its files in can be made.
NOWHERE = """
import os
from numba.core import caching
def refused(self):
    raise OSError("Read-only file system")
for locator in caching.CacheImpl._locator_classes:
    locator.ensure_cache_path = refused
"""
FULL = """
from numba.core import caching
def refused(*_):
    raise OSError("No space left on device")
caching.IndexDataCacheFile.save = refused
"""


@pytest.mark.parametrize(("cache", "kept"), [("", True), (NOWHERE, False), (FULL, False)])
def test_what_is_compiled_runs_with_a_cache_and_without_one_and_in_forked_processes(tmp_path, cache, kept):
    (tmp_path / "loop.py").write_text(LOOP)
    assert run(cache + SUMS, tmp_path) == "1.0 2.0 3.0 4.0\n"
    assert bool(list(tmp_path.rglob("*.nbc"))) == kept


def test_numba_is_not_imported_before_anything_is_restored(tmp_path):
    code = "import sys, audio_inpaint.dsp.fast_burg, audio_inpaint.methods.registry; print('numba' in sys.modules)"
    assert run(code, tmp_path) == "False\n"


def run(code: str, folder: Path) -> str:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(folder)])
    environment = {**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout
