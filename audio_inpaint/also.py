"""Also: further recordings that are searched for what gaps lost: files, folders of them, or audio in memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.dsp.template_search import SEARCH_RATE
from audio_inpaint.errors import InputError
from audio_inpaint.files.inputs import inputs
from audio_inpaint.files.paths import identity
from audio_inpaint.files.recording import Reader
from audio_inpaint.methods.contract import listens
from audio_inpaint.pool.excerpts import Other, Pool
from audio_inpaint.pool.index import index_of, is_kept, signal_of

if TYPE_CHECKING:
    from audio_inpaint.files.paths import Paths
    from audio_inpaint.methods.contract import Method
    from audio_inpaint.methods.explanation import Explanation


@dataclass(frozen=True)
class Also:
    """Further recordings.

    Attributes:
        pool: those that can be searched.
        notes: what was opened and how long it took, and what was passed over, one line each.
    """

    pool: Pool
    notes: Sequence[str] = ()

    @property
    def searched(self) -> Pool | None:
        """What a method is given; None if there is nothing to search."""
        return self.pool if self.pool.others else None

    def without(self, *own: str | Path) -> Also:
        """The same without files that are repaired or written: they tell nothing of themselves."""
        left_out = {identity(one) for one in own}
        others = [other for other in self.pool.others if other.identity is None or other.identity not in left_out]
        return Also(Pool(others), self.notes)

    def told(self, explanations: Iterable[Explanation]) -> list[str]:
        """What was opened, passed over, and used, for the user; nothing if no further recordings were given."""
        if not self.notes:
            return []
        fills = {(one.gap.start, one.gap.stop): one.drawn_on for one in explanations}
        drawn = Counter(source.name for source in fills.values() if source)
        used = ", ".join(f"{count} of {len(fills)} fills draw on {name}" for name, count in drawn.most_common())
        return [*self.notes, f"also: {used}" if used else "also: no fill draws on them"]


NOTHING = Also(Pool([]))


@contextmanager
def opened(given: Sequence[Any] | Also, method: Method | None = None, sample_rate: int = 0) -> Iterator[Also]:
    """Open further recordings, and index those that are not yet.

    Args:
        given: files and folders; or audio in memory, which has the rate of the recording that is repaired, or is a pair
            of audio and its rate; or what was opened already.
        method: that is to make use of them; None if that is checked already.
        sample_rate: of that recording, Hz.

    Yields:
        Those that can be read: in a folder, others are passed over.

    Raises:
        InputError: a file that was named cannot be read, or the method makes no use of any.
    """
    if isinstance(given, Also):
        _check(method, given.pool.others)
        yield given
        return
    if isinstance(given, str | bytes | Path) or hasattr(given, "shape"):
        raise InputError("further recordings are a list of files, folders or audio in memory: put this one in a list")
    _check(method, given)
    yield _opened(given, sample_rate)


@dataclass(frozen=True)
class Found:
    """A file among further recordings.

    Attributes:
        path: of it.
        named: whether it was named itself, not found in a folder.
    """

    path: Path
    named: bool


def files_of(given: Sequence[Any], recursive: bool = False) -> list[Any]:
    """Replace folders among further recordings by the files in them.

    Args:
        given: files, folders, and audio in memory.
        recursive: folders mean their subfolders too.

    Returns:
        Files, each once, and audio in memory.

    Raises:
        InputError: a folder cannot be read, or holds none.
    """
    found, seen = [], set()
    for one in given:
        if not isinstance(one, str | Path):
            found.append(one)
            continue
        own, _ = inputs([str(one)], recursive)
        new = [each.file for each in own if identity(each.file) not in seen]
        seen.update(map(identity, new))
        found += [Found(file, file == Path(one)) for file in new]
    return found


def reads_also(given: Sequence[Any], own: str | Path, paths: Paths) -> None:
    """Add the further recordings that are named to those a command reads; none may be the recording itself."""
    for one in given:
        if isinstance(one, str | Path) and not Path(one).is_dir():
            paths.reads_another(one, "the further recording", own)


def _check(method: Method | None, given: Sequence[Any]) -> None:
    if len(given) and method is not None and not listens(method, "also"):
        name = getattr(method, "__name__", type(method).__name__)
        raise InputError(f"{name} makes no use of further recordings: take auto or recall, or leave them out")


def _opened(given: Sequence[Any], sample_rate: int) -> Also:
    others, notes, began, new = [], [], time.perf_counter(), 0
    for one in files_of(given):
        if not isinstance(one, Found):
            sound = Sound.held(one, sample_rate)
            signal, name = signal_of(sound), f"recording {len(others) + 1}"
            others.append(Other(name, partial(_same, signal), len(signal), partial(nullcontext, sound)))
            continue
        sound = partial(_reading, one.path)
        try:
            signal, read = index_of(one.path, sound)
        except InputError as error:
            if one.named:
                raise
            notes.append(f"also: passed over: {error}")
            continue
        new += read
        index = partial(_indexed, one.path, sound) if is_kept(one.path) else partial(_same, signal)
        others.append(Other(one.path.name, index, len(signal), sound, identity(one.path)))
    if given:
        seconds = sum(other.length for other in others) / SEARCH_RATE
        took = f", {new} of them indexed in {time.perf_counter() - began:.1f} s" if new else ""
        count = f"{len(others)} recording" + "s" * (len(others) != 1)
        notes.insert(0, f"also: {count}, {seconds / 60:.1f} min{took}")
    return Also(Pool(others), notes)


@contextmanager
def _reading(path: Path) -> Iterator[Sound]:
    with Reader(path) as reader:
        yield Sound.of(reader)


def _indexed(path: Path, sound: Callable[[], AbstractContextManager[Sound]]) -> np.ndarray:
    return index_of(path, sound)[0]


def _same(signal: np.ndarray) -> np.ndarray:
    return signal
