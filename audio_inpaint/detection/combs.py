"""Combs: zeros in a regular pattern, as in captures that lost two samples of every five."""

import numpy as np

from audio_inpaint.detection.blocks import Block
from audio_inpaint.detection.found import Detection
from audio_inpaint.detection.levels import decibels, rise, rms
from audio_inpaint.gaps import Gap, mask_gaps

_WINDOW = 1024  # samples in which a pattern is looked for
_LONGEST_PERIOD = 64
_SHARE = 0.98  # of the samples at a place of the period that are zero; of a silent window all are
_ELSEWHERE = 0.5  # and of those at other places, at most


def find(block: Block, channel: int) -> list[Detection]:
    """Find samples that are zero again and again after a period of 2 to 64 samples.

    A tone whose period is a whole number of samples crosses zero as regularly; but there the neighbours cancel each
    other, where lost samples lie between neighbours that are alike.

    Args:
        block: of the recording.
        channel: to look at.
    """
    x = block.audio[channel]
    zero = x == 0
    found: list[Detection] = []
    taken = 0
    for first, period, lost in _windows(zero):
        if first < taken:
            continue
        start, stop = _extent(zero, first, period, lost)
        taken = stop
        runs = [gap.moved(start) for gap in mask_gaps(lost[(np.arange(start, stop) - first) % period])]
        confidence = _confidence(x, runs)
        found += [Detection(Gap(run.start, run.stop, channel), "combs", confidence) for run in runs]
    return found


def _windows(zero: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Return the start of each window with a pattern, its period and which places of it are lost, boolean (period,)."""
    windows = zero[: len(zero) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    share = windows.mean(axis=1)
    found = []
    for number in np.flatnonzero((share > 0.9 / _LONGEST_PERIOD) & (share < 0.95)).tolist():
        for period in range(2, _LONGEST_PERIOD + 1):
            places = windows[number, : _WINDOW // period * period].reshape(-1, period).mean(axis=0)
            lost = places >= _SHARE
            if lost.any():
                if not lost.all() and places[~lost].mean() < _ELSEWHERE:
                    found.append((number * _WINDOW, period, lost))
                break
    return found


def _extent(zero: np.ndarray, first: int, period: int, lost: np.ndarray) -> tuple[int, int]:
    """Return [start, stop) around a window in which all samples that the pattern says are zero."""
    fits = zero | ~lost[(np.arange(len(zero)) - first) % period]
    before, after = np.flatnonzero(~fits[:first]), np.flatnonzero(~fits[first:])
    start = int(before[-1]) + 1 if len(before) else 0
    stop = first + int(after[0]) if len(after) else len(zero)
    return start, stop


def _confidence(x: np.ndarray, runs: list[Gap]) -> float:
    """Say from 0 to 1 how little the runs look like zero crossings, or like the last steps of a sound that dies away.

    Samples on both sides of a zero crossing are opposite. Of steps, few are larger than the smallest.
    """
    inner = [run for run in runs if run.start > 0 and run.stop < len(x)]
    before, after = x[[run.start - 1 for run in inner]], x[[run.stop for run in inner]]
    heard = np.abs(x[runs[0].start : runs[-1].stop])
    quantum = heard[heard > 0].min(initial=1.0)
    alike = rise(decibels(rms(before + after), rms(before - after)), 2.0, 0.7)
    return alike * rise(decibels(float(np.median(np.abs(before))), quantum), 16.0, 1.5)
