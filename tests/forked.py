"""Commands in processes forked from this one: as in new ones, without the seconds in which those import torch."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from importlib import import_module

import torch

# where the function is that each module calls, and what it imports when it works
MAINS = {
    "audio_inpaint": ("audio_inpaint.cli", "audio_inpaint.detection", "audio_inpaint.commands.inpaint_file", "numba"),
    "audio_inpaint.train": ("audio_inpaint.training.cli",),
}


def fork(work, failed=1):
    """Fork a process that ends with the exit code that some work gives, or `failed`; returns its number."""
    process = os.fork()
    if process:
        return process
    code = failed
    try:
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(code or 0)


class Forked:
    """`python -m MODULE ARGUMENTS` in a process and session of its own.

    Args:
        module: one of `MAINS`.
        arguments: of the command line.
        given: what comes in from standard input, by a pipe; at most 64 KiB, which a pipe holds.
        folder: in which it runs.
        environment: variables that are set there.
        prepare: called there first.
    """

    def __init__(self, module, *arguments, given=b"", folder=".", environment=None, prepare=lambda: None):
        command, *_ = [import_module(name) for name in MAINS[module]]
        self.args, self.returncode = [str(one) for one in arguments], None
        self._out, self._error = (tempfile.TemporaryFile() for _ in "12")  # noqa: SIM115 - as long as the process
        reads, writes = os.pipe()
        assert len(given) <= 1 << 16
        os.write(writes, given)
        os.close(writes)

        def work():
            _begin((reads, self._out.fileno(), self._error.fileno()), folder, environment or {})
            prepare()
            return command.main(self.args)

        self.pid = fork(work)
        os.close(reads)

    def poll(self):
        """Return the exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, seconds=120):
        """Wait for its end; returns what `subprocess.run` does."""
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                self.kill()
                raise TimeoutError(f"{self.args} took more than {seconds} s: {self.said()}")
            time.sleep(0.01)
        return subprocess.CompletedProcess(self.args, self.returncode, self.printed(), self.said())

    def kill(self):
        """End it, if it runs, and all that it started."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    def printed(self):
        """Return the bytes that it wrote to standard output until now."""
        return _content(self._out)

    def said(self):
        """Return the text that it wrote to standard error until now."""
        return _content(self._error).decode()


def in_ranks(module, *arguments, prepare=lambda: None):
    """Run a command in two processes that know of each other, as torchrun does; returns what each `wait` gives."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "tests"} | meeting
    started = [
        Forked(module, *arguments, environment={**group, "RANK": rank, "LOCAL_RANK": rank}, prepare=prepare)
        for rank in ("0", "1")
    ]
    try:
        return [process.wait() for process in started]
    finally:
        for process in started:
            process.kill()


def _begin(streams, folder, environment):
    """Forget what pytest has made of this process."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = open(number, mode, buffering=1, closefd=False)  # noqa: SIM115 - as long as the process
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.resetwarnings()
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.showwarning = _shown
    torch.set_num_threads(1)  # the threads of the parent do not come along
    os.chdir(folder)
    os.environ.update(environment)


def _shown(message, category, filename, lineno, file=None, line=None):
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _content(file):
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0)
