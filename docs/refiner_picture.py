"""Draw docs/refiner.png, what the refiner changes: python docs/refiner_picture.py

A gap of 80 ms in each of two recordings of demo/clips: spectrograms of the original, of Janssen's interpolation, of
the evidence alone (`auto:refine=false`) and of the default.
"""

from pathlib import Path

from audio_inpaint.files.recording import read
from audio_inpaint.gaps import Gap, gap_mask
from audio_inpaint.methods.registry import method
from audio_inpaint.report.spectrogram_picture import figure

HERE = Path(__file__).parent
RATE = 16000  # Hz, of both
PLACES = {"music": 2.0, "speech": 2.15}  # seconds where the gap begins
LENGTH, AROUND = 0.08, 0.16  # seconds of the gap, and drawn beside it
METHODS = {"janssen": "janssen", "evidence alone": "auto:refine=false", "auto": "auto"}


def draw(path: Path) -> None:
    """Write the picture."""
    panels = {}
    for kind, begin in PLACES.items():
        truth, _ = read(HERE.parent / "demo" / "clips" / f"{kind}_16k.flac")
        hole = Gap(round(begin * RATE), round((begin + LENGTH) * RATE))
        gap = gap_mask([hole], truth.shape[-1], len(truth))
        shown = {"original": truth}
        shown |= {name: method(spec)(truth.masked_fill(gap, 0), gap, RATE) for name, spec in METHODS.items()}
        around = slice(hole.start - round(AROUND * RATE), hole.stop + round(AROUND * RATE))
        panels |= {f"{kind}: {name}": audio[0, around] for name, audio in shown.items()}
    there = Gap(round(AROUND * RATE), round((AROUND + LENGTH) * RATE))
    figure(panels, [there], RATE, path, start=-AROUND, columns=len(METHODS) + 1, panel_size=(2.1, 1.6))


if __name__ == "__main__":
    draw(HERE / "refiner.png")
