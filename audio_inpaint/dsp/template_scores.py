"""The loops of the template search, compiled: they run over every lag of a recording, so they are most of its time.

Runs of samples are pairs [start, stop), (run, 2), sorted and apart from each other.
"""

import numpy as np

from audio_inpaint.dsp.compiled import compiled

# Scores that are computed at once, so that what leads to them stays in a core's cache.
_BLOCK = 2048


@compiled
def decimated(audio, taps, factor, out):
    """Write `out[c, n] = sum_k taps[k] audio[c, n factor + k]`, for symmetric taps."""
    for channel in range(out.shape[0]):
        for n in range(out.shape[1]):
            here = audio[channel, n * factor :]
            total = np.float32(0)
            for k in range(len(taps)):
                total += taps[k] * here[k]
            out[channel, n] = total


@compiled
def cross_spectra(spectra, first, template, out):
    """Write the sum over channels of spectra (channel, block, bin) times the conjugate of a template's (channel, bin).

    The first block of `out` is that of the spectra's block `first`. All are pairs of real and imaginary part, float32,
    in a last axis more.
    """
    for block in range(out.shape[0]):
        out[block] = 0
        for channel in range(spectra.shape[0]):
            theirs, ours, total = spectra[channel, first + block], template[channel], out[block]
            for k in range(total.shape[0]):
                total[k, 0] += theirs[k, 0] * ours[k, 0] + theirs[k, 1] * ours[k, 1]
                total[k, 1] += theirs[k, 1] * ours[k, 0] - theirs[k, 0] * ours[k, 1]


@compiled
def normalised(scores, energy, own_energy, known, lost, hole, compared, faintest):
    """Turn correlations into scores, at most 1: -1 where too little is compared or the hole is lost.

    Args:
        scores: correlation of the template with the segments, of which each begins a sample later; overwritten.
        energy: of the recording before each sample from where the first segment begins, lost samples being zero.
        own_energy: of the template before each of its samples, (size + 1,).
        known: runs of the template.
        lost: runs of the recording, counted from where the first segment begins.
        hole: in the template, start and stop.
        compared: of the template's energy, what must be compared.
        faintest: energy of a segment relative to the template's, at least.
    """
    count, size = len(scores), len(own_energy) - 1
    total, first = own_energy[size], 0
    theirs, ours = np.empty(_BLOCK), np.empty(_BLOCK)
    for begin in range(0, count, _BLOCK):
        part = scores[begin : begin + _BLOCK]
        theirs[:], ours[:] = 0.0, total
        for run in range(known.shape[0]):
            above, below = energy[begin + known[run, 1] :], energy[begin + known[run, 0] :]
            for i in range(len(part)):
                theirs[i] += above[i] - below[i]
        while first < len(lost) and lost[first, 1] <= begin:
            first += 1
        for run in range(first, len(lost)):
            start, stop = lost[run, 0] - begin, lost[run, 1] - begin
            if start >= len(part) + size:
                break
            for i in range(max(0, start - size + 1), min(len(part), stop)):
                ours[i] -= own_energy[min(size, stop - i)] - own_energy[max(0, start - i)]
        for i in range(len(part)):
            usable = ours[i] > compared * total and theirs[i] > faintest * total
            part[i] = part[i] / np.sqrt(np.float32(ours[i] * theirs[i])) if usable else np.float32(-1)
    for run in range(lost.shape[0]):
        scores[max(0, lost[run, 0] - hole[1] + 1) : max(0, lost[run, 1] - hole[0])] = -1.0


@compiled
def peaks(scores, spacing, count):
    """Find the highest local maxima above zero, the highest first, at least `spacing` apart: of 16 times as many."""
    most = 16 * count
    places, heights = np.empty(8 * most, np.int64), np.empty(8 * most, np.float32)
    found, floor = 0, np.float32(0)
    for i in range(1, len(scores) - 1):
        height = scores[i]
        if height > floor and height >= scores[i - 1] and height > scores[i + 1]:
            places[found], heights[found] = i, height
            found += 1
            if found == len(places):  # keep the best of them: what is lower than these is none
                order = np.argsort(-heights)[:most]
                places[:most], heights[:most] = places[order], heights[order]
                found, floor = most, heights[most - 1]
    order = np.argsort(-heights[:found])[:most]
    kept, number = np.empty(count, np.int64), 0
    for place in places[order]:
        if number < count and np.all(np.abs(kept[:number] - place) >= spacing):
            kept[number] = place
            number += 1
    return kept[:number]


@compiled
def refined(audio, start, lags, template, own_energy, known, lost):
    """Correlate a template with the segments of some runs of lags, over the samples that both know, normalised.

    Args:
        audio: the recording, (channel, time), lost samples zero.
        start: where in it the template begins.
        lags: the least and the greatest of each run, (run, 2).
        template: (channel, size), zero where it is not known, float64.
        own_energy: of the template before each of its samples, (size + 1,).
        known: its runs.
        lost: runs of the recording.

    Returns:
        the number of lags in each run after its least with the best score, and the scores around it (run, 3): -1 where
        there is nothing to compare, or no lag.
    """
    size = template.shape[1]
    best, around = np.zeros(len(lags), np.int64), np.full((len(lags), 3), -1.0)
    for run in range(len(lags)):
        low, count = lags[run, 0], lags[run, 1] - lags[run, 0] + 1
        begin = start + low
        energy = np.zeros(size + count)
        for i in range(size + count - 1):
            total = 0.0
            for channel in range(audio.shape[0]):
                value = float(audio[channel, begin + i])
                total += value * value
            energy[i + 1] = energy[i] + total
        first, last = np.searchsorted(lost[:, 1], begin, "right"), np.searchsorted(lost[:, 0], begin + size + count - 1)
        scores = np.full(count + 2, -1.0)
        for lag in range(count):
            product, here, there = 0.0, own_energy[size], 0.0
            for channel in range(audio.shape[0]):
                ours, theirs = template[channel], audio[channel, begin + lag :]
                for i in range(size):
                    product += ours[i] * theirs[i]
            for part in range(len(known)):
                there += energy[known[part, 1] + lag] - energy[known[part, 0] + lag]
            for part in range(first, last):
                left, right = max(0, lost[part, 0] - begin - lag), min(size, lost[part, 1] - begin - lag)
                if left < right:
                    here -= own_energy[right] - own_energy[left]
            if here > 0 and there > 0:
                scores[lag + 1] = product / np.sqrt(here * there)
        best[run] = np.argmax(scores[1:-1])
        around[run] = scores[best[run] : best[run] + 3]
    return best, around
