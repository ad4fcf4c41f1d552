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
