"""One command line in a process of its own, forked from one that has imported everything, and what it did wrong."""

import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import soundfile

from ..forked import fork
from .lines import Line, World

CODES = {0, 1, 2, 130, 143}
SECONDS = 90  # that a line may take
LOSSLESS = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
# what may stand in standard error: our own lines and argparse's
_OURS = re.compile(r"(\r.*)?(audio[-_]inpaint|usage:|fit:|left out:|in: \d+ files? (is|are) left out| |\[|$)")
_RAISED, _PLACE = re.compile(r"^[a-zA-Z_][\w.]*: .*|^\w+Error$", re.MULTILINE), re.compile(r'File "(.*), in ')


def digests(folder: Path) -> dict[str, str]:
    """The content of every file in a folder."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


# where the function is that each program calls, and what it imports when it works: once for all, before forking
_MODULES = {
    "audio-inpaint": (
        "audio_inpaint.cli",
        "audio_inpaint.benchmark.engine",
        "audio_inpaint.commands.inpaint_file",
        "audio_inpaint.detection",
        "audio_inpaint.repairing",
        "numba",
    ),
    "audio-inpaint-data": ("data_prep.command",),
    "train": ("audio_inpaint.training.cli", "audio_inpaint.training.models.context_encoder", "webdataset"),
}


def main_of(program: str):
    """The function that a program calls."""
    return [import_module(name) for name in _MODULES[program]][0].main  # noqa: RUF015 - all are imported


def run(line: Line, root: Path) -> tuple[int, str]:
    """Run a line in a folder; returns its exit code, negative for a signal, and what it wrote to standard error."""
    main = main_of(line.program)
    said = root / "said"

    def work() -> int | None:
        os.setsid()
        with open(said, "wb", 0) as error, open(os.devnull, "r+b", 0) as nothing:
            os.dup2(error.fileno(), 2)
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 0)
        os.environ["TMPDIR"] = str(root / "tmp")
        os.chdir(root)
        return main(line.arguments)

    process = fork(work, failed=99)
    until = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > until:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return -99, "took too long"
        time.sleep(0.005)
    text = said.read_text(errors="replace")
    said.unlink()
    return os.waitstatus_to_exitcode(status), text


def faults(line: Line, world: World, given: dict[str, str]) -> Iterator[str]:
    """Run a line and yield what it did wrong; `out` and `tmp` are empty afterwards.

    Args:
        line: of `random_line`.
        world: whose files it works on.
        given: digests of them.
    """
    root = world.root
    code, said = run(line, root)
    if code not in CODES:
        yield f"exit code {code}"
    if "Traceback" in said:
        place, raised = (pattern.findall(said)[-1:] for pattern in (_PLACE, _RAISED))
        yield f"a traceback: {raised} at {place}"[:500]
    elif code == 2 and "error:" not in said:
        yield f"exit code 2 without a reason: {said[-200:]!r}"
    elif foreign := [one for one in said.split("\n") if not _OURS.match(one)]:
        yield f"somebody else's line: {foreign[0][:200]!r}"
    now = digests(root / "in")
    if now != given:
        yield f"given files changed: {sorted(name for name in {**now, **given} if now.get(name) != given.get(name))}"
    hidden = [path for path in (root / "out").rglob(".*") if path.name not in (".progress", ".lock")]
    left = [str(path) for path in [*root.rglob(".audio_inpaint-*"), *hidden, *(root / "tmp").iterdir()]]
    if left:
        yield f"left behind: {left}"
    if code and line.single and (made := digests(root / "out")):
        yield f"failed, and wrote {sorted(made)}"
    if code == 0 and line.repaired:
        yield from _changed(root, *line.repaired)
    for name in ("out", "tmp"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()


def _changed(root: Path, source: str, output: str, gaps: list[tuple[int, int]]) -> Iterator[str]:
    """Yield what is wrong with known samples of an output, if its format and the input's keep them."""
    if not (root / output).is_file():
        return
    try:
        old, new = soundfile.info(root / source), soundfile.info(root / output)
        before, after = (soundfile.read(root / name, always_2d=True)[0] for name in (source, output))
    except (soundfile.SoundFileError, TypeError):
        return
    kept = (
        old.subtype in LOSSLESS and new.subtype in LOSSLESS and (new.subtype == old.subtype or new.subtype == "DOUBLE")
    )
    if before.shape != after.shape:
        yield f"{before.shape} samples became {after.shape}"
    elif kept:
        known = np.ones(len(before), bool)
        for start, stop in gaps:
            known[start:stop] = False
        if not np.array_equal(before[known], after[known], equal_nan=True):
            yield f"known samples changed: {old.format} {old.subtype} -> {new.format} {new.subtype}"
