import signal
from pathlib import Path

import pytest
import torch

# They start threads of autograd, after which a process cannot be forked to train: other tests come before them.
LAST = ("test_compiled_networks.py", "test_devices.py")
# Near the end of a run processes get tests by twos: each of them would install the wheel.
FIRST = ("test_wheel.py",)


def pytest_collection_modifyitems(items):
    """Move the tests of some files to the beginning or the end."""
    items.sort(key=lambda item: (item.path.name in LAST, item.path.name not in FIRST))


@pytest.fixture
def one_thread():
    """Sums are in one order, and Lightning, which ignores Ctrl-C for good after one, is undone."""
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGINT)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """A folder of shards of steady tones."""
    from tone_shards import write_tones

    return write_tones(tmp_path_factory.mktemp("shards"))


@pytest.fixture
def damaged(monkeypatch):
    """Make damage of a kind as the benchmark does."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from damage import damaged

    return damaged


@pytest.fixture
def pool_cache(tmp_path, monkeypatch):
    """The folder in which indexes of further recordings are kept: one of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "audio_inpaint" / "pool"


@pytest.fixture
def episodes(tmp_path, monkeypatch):
    """A working directory with a damaged episode, and a folder of what it is searched for in."""
    from episodes import write_episodes

    monkeypatch.chdir(tmp_path)
    write_episodes(tmp_path)
    return tmp_path
