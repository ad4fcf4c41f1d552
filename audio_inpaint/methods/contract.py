"""What every method keeps to, and what holds it to that: `restored` is the one place where methods are called.

A method is anything that can be called as `method(audio, gap, sample_rate)`:

- audio: (channel, time), float32 or float64, zero where samples are lost;
- gap: boolean (channel, time), true = lost; a channel may have lost other samples than its neighbour;
- sample_rate: Hz;

and returns audio of the same shape and type, finite, with the known samples as they were, bit for bit. It may use every
known sample of every channel. docs/extend.md has an example.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from numbers import Real
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.errors import ContractError, InputError
from audio_inpaint.gaps import Gap, mask_gaps
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.methods.foreign import staying

if TYPE_CHECKING:
    from audio_inpaint.pool.excerpts import Pool

CONTEXT = 1.0  # seconds on each side of a gap, for a method that does not say what it wants
LONGEST = 30.0  # seconds from the first to the last gap that a method gets at once, likewise; this bounds memory


class Method(Protocol):
    """A restoration method.

    Attributes:
        context: seconds of audio that it wants on each side of a gap, infinite for the whole recording; `CONTEXT` if it
            does not say.
        longest: seconds from the first to the last gap that it gets at once; `LONGEST` if it does not say.
        gpu: whether it can compute where its audio is; others get their audio in the processor's memory.
    """

    context: float

    def __call__(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) where gap (channel, time) is true."""
        ...


@runtime_checkable
class Explaining(Method, Protocol):
    """A method that can say how it filled each gap."""

    def explain(
        self, audio: Tensor, gap: Tensor, sample_rate: int, wanted: Sequence[Gap]
    ) -> tuple[Tensor, list[Explanation]]:
        """Restore audio (channel, time) where gap (channel, time) is true, and explain the fills of the wanted gaps.

        A gap of all channels is explained at once or channel by channel. The other gaps are as lost, but need not be
        filled.
        """
        ...


@runtime_checkable
class FromColumns(Method, Protocol):
    """A method that can restore from the columns of a spectrogram, as the deep-prior paper's published code does."""

    def columns(self, audio: Tensor, gap: Tensor, sample_rate: int) -> Tensor:
        """Restore audio (channel, time) from the columns that are not centred in the gap, (time,)."""
        ...


def listens(method: Method, evidence: str = "references") -> bool:
    """Return whether a method takes references, or `also`: `explain` has an argument of that name."""
    return isinstance(method, Explaining) and evidence in signature(method.explain).parameters


def context_and_longest(method: Method) -> tuple[float, float]:
    """Return the seconds that a method wants on each side of a gap, and those from the first to the last gap at once.

    Raises:
        ContractError: they are no such numbers.
    """
    wanted = []
    for attribute, default, kind in (
        ("context", CONTEXT, "a number of seconds above 0"),
        ("longest", LONGEST, "a number of seconds from 0"),
    ):
        value = getattr(method, attribute, default)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not (value > 0 or (value == 0 and attribute == "longest")):
            raise ContractError(f"{_name(method)}.{attribute} is {kind}, infinite if need be, not {value!r:.60}")
        wanted.append(float(value))
    return wanted[0], wanted[1]


def restored(
    method: Method,
    audio: Tensor,
    gap: Tensor,
    sample_rate: int,
    wanted: Sequence[Gap],
    device: str | None = None,
    references: Mapping[int, str] | None = None,
    also: Pool | None = None,
) -> tuple[Tensor, list[Explanation]]:
    """Call a method, check what it returns, and collect what it says of the wanted gaps.

    Args:
        method: what restores.
        audio: (channel, time), zero where samples are lost, finite.
        gap: boolean (channel, time).
        sample_rate: Hz.
        wanted: the gaps whose fills are used, in samples of this audio.
        device: where a method computes that can compute on a GPU; None for the processor.
        references: channels that are other recordings and their names, for a method that `listens`.
        also: other recordings to be searched, likewise.

    Returns:
        Audio (channel, time), and the explanations, none if the method does not explain.

    Raises:
        ContractError: another type or shape, samples that are not finite, a known sample that changed, junk for
            explanations; or it changed what it was given, or wanted to end the program.
        InputError: there was too little memory.
    """
    name, asked = _name(method), set(wanted)
    with _held(name, audio, gap, sample_rate):
        given = _placed(method, audio, gap, sample_rate, device)
        if isinstance(method, Explaining):
            heard = {"references": dict(references)} if references else {}
            heard |= {"also": also} if also is not None else {}
            returned = method.explain(*given, list(wanted), **heard)
        else:
            returned = method(*given), []
    output, explanations = _explained(name, returned)
    output = _checked(name, output, audio)
    bits = torch.int32 if audio.dtype == torch.float32 else torch.int64
    if not bool(((output.view(bits) == audio.view(bits)) | gap).all()):
        raise ContractError(f"{name} changed samples outside the gaps: return the known ones bit for bit")
    # a gap of all channels may be explained channel by channel
    return output, [one for one in explanations if {one.gap, replace(one.gap, channel=None)} & asked]


def restored_columns(
    method: FromColumns, audio: Tensor, gap: Tensor, sample_rate: int, device: str | None = None
) -> Tensor:
    """Call a method that restores from columns, and check what it returns.

    Args:
        method: what restores.
        audio: (channel, time), finite.
        gap: boolean (time,); the columns centred in it are lost.
        sample_rate: Hz.
        device: as `restored` takes it.

    Returns:
        Audio (channel, time).

    Raises:
        ContractError: another type or shape, or samples that are not finite; or as `restored`.
        InputError: there was too little memory.
    """
    name = _name(method)
    with _held(name, audio, gap, sample_rate):
        output = method.columns(*_placed(method, audio, gap, sample_rate, device))
    return _checked(name, output, audio)


def _placed(
    method: object, audio: Tensor, gap: Tensor, sample_rate: int, device: str | None
) -> tuple[Tensor, Tensor, int]:
    """Return what a method is called with, where it computes."""
    place = device if device is not None and getattr(method, "gpu", False) else "cpu"
    return audio.to(place), gap.to(place), sample_rate


def _name(method: object) -> str:
    return getattr(method, "__name__", type(method).__name__)


@contextmanager
def _held(name: str, audio: Tensor, gap: Tensor, sample_rate: int) -> Iterator[None]:
    """Hold a call to leaving what it is given and the program as they are, and say where memory did not suffice."""
    before = _hash(audio), _hash(gap)
    try:
        with staying(name):
            yield
    except (MemoryError, RuntimeError) as error:
        if _out_of_memory(error):
            seconds = audio.shape[-1] / sample_rate
            raise InputError(f"{seconds:.1f} s of audio need more memory than there is: try another method") from error
        raise
    for what, was, now in zip(("audio", "mask"), before, (audio, gap), strict=True):
        if _hash(now) != was:
            raise ContractError(f"{name} changed the {what} that it was given: work on a copy")


def _hash(values: Tensor) -> bytes:
    """Return a hash, which unlike a copy takes no memory, and unlike torch's count of changes sees those by numpy."""
    return hashlib.sha256(np.ascontiguousarray(values.numpy())).digest()


def _explained(name: str, returned: object) -> tuple[object, list[Explanation]]:
    """Return an output and its explanations, if that is what was returned."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ContractError(f"{name} explained by {type(returned).__name__}: return audio and a list of explanations")
    output, explanations = returned
    if not isinstance(explanations, list | tuple):
        raise ContractError(f"{name} explained by {type(explanations).__name__}: return a list of explanations")
    for one in explanations:
        if not isinstance(one, Explanation):
            raise ContractError(f"{name} explained a gap by {type(one).__name__}: return a list of explanations")
        shares = isinstance(one.weights, Mapping) and one.weights and all(map(_is_number, one.weights.values()))
        if not (isinstance(one.gap, Gap) and shares and (one.expected_snr is None or _is_number(one.expected_snr))):
            raise ContractError(f"{name} explained a gap by {one!r:.150}: give a gap, weights, and numbers")
    return output, list(explanations)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and value == value


def _checked(name: str, output: object, audio: Tensor) -> Tensor:
    """Return a method's output in the processor's memory, if it is audio like what was given."""
    if not isinstance(output, Tensor):
        raise ContractError(f"{name} returned {type(output).__name__}: return a tensor")
    if output.dtype != audio.dtype or output.shape != audio.shape:
        raise ContractError(
            f"{name} returned {output.dtype} {tuple(output.shape)} for {audio.dtype} {tuple(audio.shape)}: "
            "return the audio's type and shape"
        )
    if output.data_ptr() == audio.data_ptr():
        raise ContractError(f"{name} returned the audio that it was given: return a copy with the gaps filled")
    output = output.detach().cpu()
    if not bool(output.isfinite().all()):
        raise ContractError(f"{name} returned NaN or infinite samples")
    return output


def _out_of_memory(error: BaseException) -> bool:
    # torch has no type of its own for what its allocator of main memory raises
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


def silenced(audio: Tensor, gap: Tensor) -> Tensor:
    """Return audio (channel, time) with its lost samples zero: itself, not a copy, where they are already."""
    runs = mask_gaps(gap)
    places = [(slice(None) if run.channel is None else run.channel, slice(run.start, run.stop)) for run in runs]
    if not any(bool(audio[place].any()) for place in places):
        return audio
    silent = audio.clone()
    for place in places:
        silent[place] = 0
    return silent


def damaged(audio: Tensor, gap: Tensor) -> Tensor:
    """Return a float64 copy of audio (channel, time), zero where it is lost, for a method to write its fills into."""
    return audio.to(torch.float64, copy=True).masked_fill_(gap, 0)


def repaired(audio: Tensor, gap: Tensor, filled: Tensor) -> Tensor:
    """Take the lost samples from `filled` and all others, bit for bit, from `audio`; all (channel, time)."""
    return torch.where(gap, filled.to(audio), audio)


def alike(gap: Tensor) -> Iterator[tuple[list[int], Tensor]]:
    """Yield the channels that lost the same samples, and their mask (time,); those that lost nothing are left out.

    Args:
        gap: boolean (channel, time).
    """
    left = [channel for channel in range(len(gap)) if bool(gap[channel].any())]
    while left:
        channels = [channel for channel in left if channel == left[0] or torch.equal(gap[channel], gap[left[0]])]
        left = [channel for channel in left if channel not in channels]
        yield channels, gap[channels[0]]


def channels_alike(
    restore: Callable[[Tensor, Tensor, int], Tensor], audio: Tensor, gap: Tensor, sample_rate: int
) -> Tensor:
    """Restore channels together that lost the same samples, by a function that takes one mask (time,) for all.

    Args:
        restore: `restore(audio (channel, time), gap (time,), sample_rate) -> audio`.
        audio: (channel, time).
        gap: boolean (channel, time).
        sample_rate: Hz.
    """
    groups = list(alike(gap))
    if len(groups) == 1 and len(groups[0][0]) == len(audio):  # without a copy: the usual case
        return restore(audio, groups[0][1], sample_rate)
    output = audio.clone()
    for channels, lost in groups:
        output[channels] = restore(audio[channels], lost, sample_rate)
    return output


def of_channels(gaps: Sequence[Gap], channels: Sequence[int]) -> list[Gap]:
    """Return those of the gaps that concern any of the channels, once each, as gaps of all of them."""
    own = {Gap(gap.start, gap.stop) for gap in gaps if gap.channel is None or gap.channel in channels}
    return sorted(own)
