"""Draw docs/recall.png, what recall does: python docs/recall_picture.py

A recording in demo/clips with five random gaps of 64 ms from a seed: above, from where in the recording each gap was
filled; below, the waveform of one gap as it was, by Janssen's interpolation, and recalled.
"""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Arc

from audio_inpaint.files.recording import read
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.registry import method
from audio_inpaint.report.spectrogram_picture import MARK
from audio_inpaint.scores.snr import snr

HERE = Path(__file__).parent
SEED, COUNT, LENGTH = 0, 5, 0.064  # gaps, and seconds of each
AROUND = 0.02  # seconds beside the gap that are drawn below


def draw(path: Path) -> None:
    """Write the picture."""
    truth, rate = read(HERE.parent / "demo" / "clips" / "music_44k.flac")
    truth = truth.mean(0, keepdim=True)
    seconds, size = truth.shape[-1] / rate, round(LENGTH * rate)
    places = np.random.default_rng(SEED).uniform(0.05, 0.95, COUNT) * truth.shape[-1]
    gaps = [Gap(int(place), int(place) + size) for place in sorted(places)]
    gap = gap_mask(gaps, truth.shape[-1], len(truth))
    damaged = truth.masked_fill(gap, 0)
    recalled, told = method("recall").explain(damaged, gap, rate, gaps)
    plain = method("janssen")(damaged, gap, rate)

    drawing = Figure((9, 4.6), dpi=160, layout="constrained")
    FigureCanvasAgg(drawing)
    above, below = drawing.subplots(2, 1, height_ratios=[3, 2])
    times = np.arange(0, truth.shape[-1], 64) / rate
    above.plot(times, truth[0, ::64] / truth.abs().max() * 0.8 - 1, color="0.75", lw=0.4)
    for explanation in told:
        here = explanation.gap.start / rate
        for source in explanation.sources:
            there, gain = source.start / rate, max(map(abs, source.gains))
            arc = Arc(((here + there) / 2, 0), abs(there - here), 2 * (abs(there - here) / seconds) ** 0.5, theta2=180)
            arc.set(color="tab:orange", alpha=min(1, 0.1 + 2 * gain), lw=0.5 + 4 * min(gain, 1))
            above.add_patch(arc)
        above.axvline(here, color=MARK, lw=1.5)
    above.set(xlim=(0, seconds), ylim=(-2, 1.05), yticks=[], xlabel="time (s)")
    above.set_title(
        "five gaps, and the places that each was filled from (thicker: greater gain)", loc="left", fontsize=9
    )

    clearest = max(range(COUNT), key=lambda n: _ahead(recalled, plain, truth, gaps[n]))
    shown = gaps[clearest]
    first, last = shown.start - round(AROUND * rate), shown.stop + round(AROUND * rate)
    milliseconds = (np.arange(first, last) - shown.start) / rate * 1000
    for audio, name, colour, width in (
        (truth, "original", "0.7", 3.0),
        (plain, "janssen", "tab:blue", 0.9),
        (recalled, "recall", "tab:orange", 1.1),
    ):
        below.plot(milliseconds, audio[0, first:last], color=colour, lw=width, label=_named(name, audio, truth, shown))
    below.axvspan(0, LENGTH * 1000, color=MARK, alpha=0.08)
    below.set(xlim=(milliseconds[0], milliseconds[-1]), yticks=[], xlabel="time from the start of the gap (ms)")
    below.legend(loc="upper right", fontsize=8, frameon=False, ncols=3)
    below.set_title(f"the gap at {shown.start / rate:.1f} s", loc="left", fontsize=9)
    for axis in (above, below):
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(labelsize=8)
    drawing.savefig(path)


def _of(audio, truth, gap: Gap) -> float:
    return float(snr(audio[0, gap.start : gap.stop], truth[0, gap.start : gap.stop]))


def _ahead(recalled, plain, truth, gap: Gap) -> float:
    return _of(recalled, truth, gap) - _of(plain, truth, gap)


def _named(name: str, audio, truth, gap: Gap) -> str:
    return name if audio is truth else f"{name}, {_of(audio, truth, gap):.1f} dB"


if __name__ == "__main__":
    draw(HERE / "recall.png")
