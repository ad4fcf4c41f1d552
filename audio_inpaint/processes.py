"""Worker processes that end with the process that they work for."""

import os
import signal
import threading
from multiprocessing import parent_process


def serve() -> None:
    """Let this process end when its parent does, however that ends, and leave Ctrl-C to the parent.

    A pool's workers wait for work on a pipe of which each holds the other end too: those of a parent that was killed
    would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)
