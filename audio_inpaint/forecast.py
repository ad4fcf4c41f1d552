"""What repairs would reach and take, from a few gaps of each kind that are filled and thrown away.

The time of a call of a method is taken for a part that every call needs and a part for each gap, by kind; both are
fitted to the calls that were tried (non-negative least squares). The rest is expected to be like what was tried.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

from audio_inpaint.alignment.sound import Sound
from audio_inpaint.also import NOTHING, Also
from audio_inpaint.files.recording import BLOCK, Reader
from audio_inpaint.filling import filled
from audio_inpaint.gaps import Gap, meeting
from audio_inpaint.methods.contract import Explaining, context_and_longest
from audio_inpaint.methods.explanation import Explanation, told
from audio_inpaint.methods.progress import listening
from audio_inpaint.references import aligned
from audio_inpaint.spans import Shape, Span, spans

if TYPE_CHECKING:
    from audio_inpaint.detection import Detection
    from audio_inpaint.methods.contract import Method

_GAPS = 8  # of a recording that are tried
_SECONDS = 30.0  # for all recordings of a command; a call that takes longer is left, and its time told by its share
_WARM = 5.0  # seconds: a first call that takes longer is not tried again
_CALL, _ANY = " call", " any"  # beside the kinds


@dataclass(frozen=True)
class Expected:
    """What is expected of the gaps of one kind in a recording.

    Attributes:
        kind: of damage.
        gaps: how many lost runs are filled.
        samples: that are lost in them.
        snr: dB, in the mean over those that were tried; None where the method does not say, or none was tried.
        doubtful: the share of those to listen to; None likewise.
        seconds: that they take; None where nothing could be tried.
    """

    kind: str
    gaps: int
    samples: int
    snr: float | None
    doubtful: float | None
    seconds: float | None


@dataclass
class Forecast:
    """What was tried, of all recordings of a command.

    Attributes:
        calls: of the method: how many gaps of each kind, and seconds.
        fills: kind, and how it was filled, of each gap that was filled.
        left: seconds that may still be tried.
    """

    calls: list[tuple[Mapping[str, int], float]] = field(default_factory=list)
    fills: list[tuple[str, Explanation]] = field(default_factory=list)
    left: float = field(default_factory=lambda: _SECONDS)

    def of(
        self,
        reader: Reader,
        gaps: Sequence[Gap],
        damage: Sequence[Detection],
        method: Method,
        references: Sequence[Any] = (),
        device: str | None = None,
        rejected: Sequence[Gap] = (),
        also: Also = NOTHING,
    ) -> tuple[list[Expected], list[Explanation]]:
        """Expect the quality and the time of a repair.

        Args:
            reader: the damaged recording, and all that follows as `repair_recording` takes it.
            gaps: what is lost.
            damage: its kinds.
            method: what would restore.
            references: other recordings.
            device: where, if it can compute on a GPU.
            rejected: what of the gaps is not filled.
            also: further recordings.

        Returns:
            What is expected of each kind, and how the gaps were filled that were tried.
        """
        began = time.perf_counter()
        shape = Shape(reader.channels, reader.length, reader.sample_rate)
        context, longest = context_and_longest(method)
        plan, pool = spans(gaps, shape, context, longest, rejected), also.without(reader.path).searched
        kinds, met = {one.gap: one.kind for one in damage}, meeting(one.gap for one in damage)
        wanted = {run: next((kinds[gap] for gap in met(run)), "named") for span in plan for run in span.gaps}
        once = 2 * _reading(reader)  # and writing
        explanations, width = [], math.ceil(min(context * shape.sample_rate, shape.length))
        with aligned(references, Sound.of(reader, gaps), method) as others:
            once += (time.perf_counter() - began) * bool(references)

            def tried(span: Span) -> float:
                start = time.perf_counter()
                calls = filled(reader.read, shape, reader.dtype, gaps, method, device, None, others, [span], pool)
                try:
                    with listening(_Patience(start)):
                        explanations.extend(one for _, made in calls for one in made)
                    return time.perf_counter() - start
                except _Enough as enough:
                    return enough.seconds

            picks = _picked(wanted) if self.left > 0 else []
            groups = [picks[:1], *([run for run in span.gaps if run in picks[1:]] for span in plan)]
            if not isinstance(method, Explaining):  # which fills all that is lost in a span
                groups = [[run] for run in picks]
            for runs in filter(None, groups):
                if self.left < 0:
                    break
                span = _part(next(span for span in plan if runs[0] in span.gaps), runs, width)
                seconds = first = tried(span)
                if not self.calls and first <= _WARM:  # what the first gap alone waits for, such as a compiler
                    seconds = tried(span)
                    once += max(0.0, first - seconds)
                done = span.gaps if isinstance(method, Explaining) else span.lost
                self.calls.append((Counter(wanted.get(run, _ANY) for run in done), seconds))
                self.left -= seconds
        ours = {one.gap: one for one in explanations}  # once, though one was tried twice
        explanations = list(ours.values())
        self.fills += [
            (kind, one) for (_, kind), one in zip(wanted.items(), told(list(wanted), explanations), strict=True) if one
        ]
        return self._expected(wanted, len(plan), once), explanations

    def _expected(self, wanted: dict[Gap, str], calls: int, once: float) -> list[Expected]:
        numbers, seconds = Counter(wanted.values()), self._rates()
        found = []
        for kind, number in numbers.items():
            own = [one for name, one in self.fills if name == kind] or [one for _, one in self.fills]
            known = [one.expected_snr for one in own if one.expected_snr is not None]
            snr = float(np.mean(known)) if known else None
            doubtful = float(np.mean([one.doubtful for one in own])) if own else None
            share = number / len(wanted)
            taken = seconds and number * seconds.get(kind, seconds[_ANY]) + share * (once + calls * seconds[_CALL])
            samples = sum(len(run) for run, one in wanted.items() if one == kind)
            found.append(Expected(kind, number, samples, snr, doubtful, taken))
        return found

    def _rates(self) -> dict[str, float] | None:
        """Fit the seconds of a call and of each kind of gap to what was tried; None if nothing was."""
        if not self.calls:
            return None
        kinds = list(dict.fromkeys(kind for counts, _ in self.calls for kind in counts))
        counted = np.array([[1, *(counts.get(kind, 0) for kind in kinds)] for counts, _ in self.calls], float)
        alike = 0.1 * (np.eye(len(kinds)) - 1 / len(kinds))  # without evidence, one kind takes as long as another
        counted = np.vstack([counted, np.pad(alike, ((0, 0), (1, 0)))])
        call, *rates = nnls(counted, np.array([*(seconds for _, seconds in self.calls), *[0] * len(kinds)]))[0].tolist()
        return dict(zip(kinds, rates, strict=True)) | {_CALL: call, _ANY: sum(rates) / len(rates)}


def _reading(reader: Reader) -> float:
    """Measure how many seconds it takes to read a recording, on its second block: the first one opens what it needs."""
    reader.read(0, min(reader.length, BLOCK))
    if reader.length <= BLOCK:
        return 0.0
    began, stop = time.perf_counter(), min(reader.length, 2 * BLOCK)
    reader.read(BLOCK, stop)
    return (time.perf_counter() - began) * reader.length / (stop - BLOCK)


class _Enough(BaseException):
    """Ends a call that takes too long; no `Exception`, which a method might hold back."""

    def __init__(self, seconds: float):
        self.seconds = seconds


class _Patience:
    """Listens to how far a method has come, and ends it after a while."""

    def __init__(self, began: float):
        self.began = began

    def __call__(self, share: float) -> None:
        spent = time.perf_counter() - self.began
        if spent > _SECONDS and 0 < share < 1:
            raise _Enough(spent / share)


def _part(span: Span, runs: Sequence[Gap], width: int) -> Span:
    """Return what of a span is read for some of its gaps, with `width` samples on each side."""
    start, stop = max(span.start, runs[0].start - width), min(span.stop, max(run.stop for run in runs) + width)
    return Span(start, stop, tuple(runs), tuple(run for run in span.lost if run.start < stop and start < run.stop))


def _picked(wanted: dict[Gap, str]) -> list[Gap]:
    """Choose gaps of each kind in turn, evenly over the recording."""
    kinds = list(dict.fromkeys(wanted.values()))
    each = max(1, _GAPS // len(kinds)) if kinds else 0
    picked = []
    for kind in kinds:
        own = [run for run, one in wanted.items() if one == kind]
        picked.append([own[place] for place in np.linspace(0, len(own) - 1, min(each, len(own))).round().astype(int)])
    return [runs[turn] for turn in range(each) for runs in picked if turn < len(runs)]
