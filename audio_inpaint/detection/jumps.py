"""Jumps: places where samples were left out, so that the sound goes on at once from a later moment."""

import numpy as np
from scipy.signal import fftconvolve, lfilter

from audio_inpaint.detection import clicks
from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import decibels, rms
from audio_inpaint.detection.network import probability
from audio_inpaint.detection.prediction import predictor
from audio_inpaint.gaps import Gap

POINT_S = 0.001  # on each side of a jump, which itself has no extent
_SIDE_S = 0.03
_ORDER = 32
_PIECE_S = 0.006  # that has to come again
_PAST_S = 0.06  # within which
_PEAK = 20.0  # dB, least of those looked at: of jumps nine in ten have 31 dB
_LEAST = 2e-4  # of a piece's energy: more exactly, nothing comes again
# Of what stands out as a click does: its peak over the usual deviation, over the nearer and the quieter side, dB, and
# its length, log ms; by how much each side is less predictable by the other's filter than by its own, and how the
# residual and the level change, dB; how well the sound before, after and across the place, what stands out left out,
# comes again in what was before, dB, and by how much the sound across it does so less than that on both sides.
FEATURES = (
    "peak",
    "against the nearer side",
    "against the quieter side",
    "length",
    "after by before",
    "before by after",
    "residual",
    "level",
    "before again",
    "after again",
    "across again",
    "broken",
)


def find(block: Block, channel: int) -> list[Detection]:
    """Find places where the waveform breaks, and both sides of which are of one sound.

    The sound is as predictable before as after, by the same filter, and each side is like what was heard a period ago;
    only what lies across the place never was. After an onset, the sound is another; across a click, it goes on.

    Args:
        block: of the recording.
        channel: to look at.

    Source: Vaseghi, 1988, "Algorithms for restoration of archived gramophone recordings", ch. 5, for what stands out.
    """
    by, found = block.samples(POINT_S), []
    for start, stop, features in candidates(block.audio[channel], block.sample_rate):
        middle = (start + stop) // 2
        if block.owns(max(middle - by, 0)) and (confidence := probability("jumps", features)) > 0.01:
            found.append(Detection(Gap(max(middle - by, 0), middle + by, channel), "jumps", confidence))
    return found


def candidates(x: np.ndarray, sample_rate: int) -> list[tuple[int, int, tuple[float, ...]]]:
    """Return [start, stop) of what stands out, and what tells a jump from a click and an onset, as `FEATURES` has it.

    Args:
        x: samples (time,).
        sample_rate: Hz.
    """
    side, piece, past = (round(seconds * sample_rate) for seconds in (_SIDE_S, _PIECE_S, _PAST_S))
    order = min(_ORDER, side // 4)
    found = []
    # Seen by their own predictor: else more clicks than jumps stand out more.
    for start, stop, peak in clicks.candidates(x, sample_rate, again=False):
        if start < past + 2 * piece or stop + side > len(x) or stop - start > piece or peak[0] < _PEAK:
            continue
        before, after = x[start - side : start].astype(np.float64), x[stop : stop + side].astype(np.float64)
        filters = [predictor(part, order) for part in (before, after)]
        own = [_residual(each, part) for each, part in zip(filters, (before, after), strict=True)]
        crossed = decibels(_residual(filters[0], after), own[1]), decibels(_residual(filters[1], before), own[0])
        half = piece // 2
        history = x[start - past - piece : start].astype(np.float64)
        known = np.ones(2 * half + stop - start)
        known[half:-half] = 0
        again = [
            _again(history[:-piece], history[-piece:], np.ones(piece)),
            _again(history, after[:piece], np.ones(piece)),
            _again(history[: len(history) - half], x[start - half : stop + half].astype(np.float64), known),
        ]
        features = (
            peak[0],
            *peak[3:6],
            *np.clip(crossed, -5, 30),
            np.clip(decibels(own[1], own[0]), -20, 20),
            np.clip(decibels(rms(after), rms(before)), -20, 20),
            *again,
            min(again[:2]) - again[2],
        )
        found.append((start, stop, tuple(float(value) for value in features)))
    return found


def _residual(filter_: np.ndarray, part: np.ndarray) -> float:
    return rms(lfilter(filter_, [1.0], part)[len(filter_) - 1 :]) + 1e-7


def _again(history: np.ndarray, piece: np.ndarray, known: np.ndarray) -> float:
    """Return how much of a piece is the multiple of a stretch of what was before, by its known samples, in dB."""
    product = fftconvolve(history, (piece * known)[::-1], "valid")
    energy = fftconvolve(history**2, known[::-1], "valid")
    alike = (product.clip(0) ** 2 / (energy + 1e-9)).max() / (np.sum(piece**2 * known) + 1e-9)
    return float(-10 * np.log10(max(1 - alike, _LEAST)))
