"""Draw docs/repaired.png, the README's picture: python docs/picture.py

One second of a recording in demo/clips with three random gaps from a seed, damaged, restored by the default method and
as it was.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from audio_inpaint.audio import Reader
from audio_inpaint.gaps import gap_mask, random_gaps
from audio_inpaint.methods import method
from audio_inpaint.spectrogram_picture import figure

HERE = Path(__file__).parent
START, STOP = 0.7, 1.7  # seconds: notes that glide and a drum
SEED = 0


def main() -> None:
    """Write the picture beside this script."""
    with Reader(HERE.parent / "demo" / "clips" / "music_44k.flac") as reader:
        rate = reader.sample_rate
        truth = reader.read(round(START * rate), round(STOP * rate))
    gaps = random_gaps(truth.shape[-1], rate, total_ms=150, seed=SEED, shortest_ms=40, longest_ms=60)
    gap = gap_mask(gaps, truth.shape[-1])
    damaged = truth.masked_fill(gap, 0)
    panels = {"damaged": damaged, "restored by janssen": method("janssen")(damaged, gap, rate), "original": truth}
    drawing = figure({name: audio[0] for name, audio in panels.items()}, gaps, rate, start=START, max_frequency=8000)
    drawing.canvas.draw()
    pixels = Image.fromarray(np.asarray(drawing.canvas.buffer_rgba())).convert("RGB")
    # a palette is a third of the size, and the colour scale has no more than 256 colours
    pixels.quantize(256, dither=Image.Dither.NONE).save(HERE / "repaired.png", optimize=True)


if __name__ == "__main__":
    main()
