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
import numpy
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


CACHES = {"kept": "", "nowhere": NOWHERE, "full": FULL}
# One process imports torch for all; numba is new to each that it forks, which has a folder of its own.
EACH = """
import os, sys
import audio_inpaint.dsp.fast_burg, audio_inpaint.methods.gap_workers, audio_inpaint.methods.registry
print("numba" in sys.modules, flush=True)
for folder, cache in CODES.items():
    pid = os.fork()
    if not pid:
        os.environ["NUMBA_CACHE_DIR"] = folder + "/cache"
        sys.path.insert(0, folder)
        exec(cache + SUMS, {})
        sys.stdout.flush()
        os._exit(0)
    assert not os.waitpid(pid, 0)[1]
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What is printed when numba is imported, and then with each cache, and the folders of these."""
    folders = {name: tmp_path_factory.mktemp(name) for name in CACHES}
    for folder in folders.values():
        (folder / "loop.py").write_text(LOOP)
    codes = {str(folders[name]): code for name, code in CACHES.items()}
    code = f"CODES, SUMS = {codes!r}, {SUMS!r}\n{EACH}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported, *printed = done.stdout.splitlines()
    return imported, dict(zip(CACHES, printed, strict=True)), folders


def test_numba_is_not_imported_before_anything_is_restored(ran):
    assert ran[0] == "False"


@pytest.mark.parametrize("cache", CACHES)
def test_what_is_compiled_runs_with_a_cache_and_without_one_and_in_forked_processes(ran, cache):
    _, printed, folders = ran
    assert printed[cache] == "1.0 2.0 3.0 4.0"
    assert bool(list(folders[cache].rglob("*.nbc"))) == (cache == "kept")
