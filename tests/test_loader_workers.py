"""Worker processes of a training that are stuck in C code, where no signal but SIGKILL ends them."""

import ctypes
import sys
import time
from multiprocessing import active_children

import pytest
import torch
from shard_files import SEGMENT
from torch.utils.data import _utils

from audio_inpaint.errors import InputError
from audio_inpaint.training.data import batches

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")


class Stuck:
    """Streams that give some segments and then sleep, with Python's lock in hand."""

    segment, seed, count = SEGMENT, 0, 1

    def __init__(self, given):
        self.given = given

    def segments(self, *_):
        while self.given:
            self.given -= 1
            yield torch.zeros(SEGMENT.length), None
        time.sleep(1)  # until what was given is sent
        ctypes.PyDLL(None).sleep(20)


def loader(given):
    return batches.Batches(Stuck(given), range(1), each=1, steps=1, workers=1, position=lambda: 0, pinned=False)


@pytest.fixture
def none_left(monkeypatch):
    monkeypatch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.5)  # that torch waits for a worker to end; else 5 s
    before = set(active_children())
    yield
    until = time.monotonic() + 5
    while (left := set(active_children()) - before) and time.monotonic() < until:
        time.sleep(0.05)
    for worker in left:
        worker.kill()
    assert not left  # Python would wait for them for ever when it ends


def test_a_stuck_worker_does_not_outlive_its_epoch(none_left):
    assert len(list(loader(given=1))) == 1


def test_a_worker_that_gives_nothing_is_one_line_after_a_while(none_left, monkeypatch):
    monkeypatch.setattr(batches, "PATIENCE", 1)
    with pytest.raises(InputError, match="gave nothing for 1 s"):
        list(loader(given=0))
