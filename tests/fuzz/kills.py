"""Commands that are killed at random moments: nothing is half-written, no process stays, and the rerun completes."""

import contextlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from ..forked import fork
from .trial import digests, main_of

RATE = 16000
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ENDED = {-signal.SIGKILL, -signal.SIGTERM, 0, 130, 143}
SECONDS = 240  # that a command may take


def _inpaint(root: Path) -> tuple[str, list[str]]:
    for number in range(8):
        audio = np.random.default_rng(number).uniform(-0.3, 0.3, RATE)
        audio[[*range(4000, 4160), *range(9000, 9160)]] = 0
        (root / "in").mkdir(exist_ok=True)
        soundfile.write(root / "in" / f"{number}{'.flac' if number % 2 else '.wav'}", audio, RATE)
    return "audio-inpaint", ["inpaint", "in", "-o", "out", "--method", "janssen", "--skip-existing", "--labels", "out"]


def _shards(root: Path) -> tuple[str, list[str]]:
    for number in range(40):
        audio = np.random.default_rng(number).uniform(-0.3, 0.3, RATE)
        (root / "in" / "training").mkdir(parents=True, exist_ok=True)
        soundfile.write(root / "in" / "training" / f"{number}.wav", audio, 22050)
    return "audio-inpaint-data", ["shards", "folder", "in", "-o", "out", "--workers", "2"]


def _fit(root: Path) -> tuple[str, list[str]]:
    sys.path.append(str(Path(__file__).parents[1]))
    from tone_shards import arguments, write_tones

    (root / "in").mkdir()
    shards = write_tones(root / "in")
    return "train", arguments("fit", shards, "out", "--data.init_args.workers=1", "--trainer.max_steps=12")


COMMANDS = {"inpaint": _inpaint, "shards": _shards, "fit": _fit}


def killed(command: str, times: int, chance: random.Random) -> Iterator[str]:
    """Kill a command at random moments and yield what is wrong afterwards.

    Args:
        command: of `COMMANDS`.
        times: how often, each with a signal of its own.
        chance: draws moments and signals.
    """
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        root = Path(folder)
        program, arguments = COMMANDS[command](root)
        given, began = digests(root / "in"), time.monotonic()
        if code := _ended(_started(program, arguments, root)):
            yield f"exit code {code} undisturbed: {(root / 'said').read_text(errors='replace')[-500:]}"
            return
        seconds, whole = time.monotonic() - began, results(root / "out")
        for number in range(times):
            shutil.rmtree(root / "out")
            sent, moment = SIGNALS[number % 3], chance.uniform(0, seconds)
            for fault in _killed(program, arguments, root, sent, moment, chance.random() < 0.5, whole):
                said = (root / "said").read_text(errors="replace")[-400:]
                yield f"{sent.name} after {moment:.2f} of {seconds:.2f} s: {fault} ({said!r})"
            if digests(root / "in") != given:
                yield f"{sent.name} after {moment:.2f} s: given files changed"


def _killed(
    program: str, arguments: list[str], root: Path, sent: signal.Signals, moment: float, group: bool, whole: dict
) -> Iterator[str]:
    process = _started(program, arguments, root)
    time.sleep(moment)
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(process, sent)
    if (code := _ended(process)) not in ENDED:
        yield f"exit code {code}"
    until = time.monotonic() + 15
    while (orphans := _members(process)) and time.monotonic() < until:
        time.sleep(0.05)
    if orphans:
        os.killpg(process, signal.SIGKILL)
        yield f"{len(orphans)} processes stayed"
    if program != "train" and (half := {name for name, one in results(root / "out").items() if whole.get(name) != one}):
        yield f"half-written: {sorted(half)}"
    begun, before = _has_begun(root / "out"), len((root / "said").read_bytes())
    if code := _ended(_started(program, arguments, root)):
        yield f"exit code {code} of the rerun"
    if begun and not re.search(
        rb"skipped|goes on (from|after)|already trained|recordings", (root / "said").read_bytes()[before:]
    ):
        yield "the rerun does not say what was done before"
    if (now := results(root / "out")) != whole:
        yield f"other results: {sorted(name for name in {**now, **whole} if now.get(name) != whole.get(name))}"
    if left := [path.name for path in (root / "out").rglob(".audio_inpaint-*")]:
        yield f"left behind: {left}"


def _has_begun(out: Path) -> bool:
    """Whether a rerun finds something that it need not do again."""
    return any(out.rglob("*.wav")) or any(out.rglob("training-*.json")) or any(out.rglob("last.ckpt"))


def results(folder: Path) -> dict[str, str]:
    """What must be the same in the end: files that are not hidden, but of a training its weights and curves."""
    last = folder / "checkpoints" / "last.ckpt"
    if not last.is_file():
        return {name: one for name, one in digests(folder).items() if "/." not in name} if folder.is_dir() else {}
    import torch

    weights = torch.load(last, weights_only=True)
    return {"weights": repr({name: one.tolist() for name, one in weights["state_dict"].items()}),
            "step": str(weights["global_step"]), "curves": (folder / "metrics.csv").read_text()}  # fmt: skip


def _started(program: str, arguments: list[str], root: Path) -> int:
    """Fork a process of its own session that runs a command; returns its number."""
    main = main_of(program)

    def work() -> int | None:
        os.setsid()
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)
        with open(root / "said", "ab", 0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(root)
        try:
            return main(arguments)
        except KeyboardInterrupt:
            return 130  # before the command could listen

    return fork(work, failed=99)


def _ended(process: int) -> int:
    """Wait for a process and return its exit code, negative for a signal; -99 where it takes too long."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -99


def _members(session: int) -> list[int]:
    """The processes of a session that run."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, own = place.read_text().rpartition(")")[2].split()[:4]
            if int(own) == session and state != "Z":
                found.append(int(place.parent.name))
    return found
