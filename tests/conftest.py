import signal

import pytest
import torch


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
