"""Spectrograms with the gaps marked: for the README, the training log and the report's colours."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from audio_inpaint.extras import needed
from audio_inpaint.gaps import Gap
from audio_inpaint.report.colours import RANGE_DB

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = "magma"
MARK = "#12b5a2"  # teal, a hue that magma never takes; readable on white and on black


def window_length(sample_rate: int) -> int:
    """The power of two nearest to 35 ms, in samples: shorter than a gap, and still resolving notes."""
    return 2 ** max(4, round(np.log2(0.035 * sample_rate)))


def spectrogram_image(
    audio: Tensor | np.ndarray, sample_rate: int, n_fft: int | None = None, hop_length: int | None = None
) -> np.ndarray:
    """The spectrogram in dB, 0 dB being a sine at full scale.

    Args:
        audio: `(time,)`; samples that are not numbers count as silence.
        sample_rate: Hz.
        n_fft: Hann window and transform length in samples; 35 ms, rounded to a power of two, by default.
        hop_length: samples from frame to frame, an eighth of the window by default.

    Returns:
        `(freq, frame)`, at least -200 dB; frame `k` is centred on sample `k * hop_length`.
    """
    n_fft = n_fft or window_length(sample_rate)
    samples = torch.as_tensor(audio).detach().to("cpu", torch.float64).nan_to_num(0.0, 0.0, 0.0)
    # mirrored ends: silence there would draw clicks at both edges of an excerpt
    mirrored = torch.as_tensor(np.pad(samples.numpy(), n_fft // 2, "reflect"))
    window = torch.hann_window(n_fft, dtype=torch.float64)
    spectrum = torch.stft(mirrored, n_fft, hop_length or n_fft // 8, window=window, center=False, return_complex=True)
    return (20 * torch.log10(spectrum.abs() / (window.sum() / 2) + 1e-10)).numpy()


def figure(
    panels: Mapping[str, Tensor | np.ndarray],
    gaps: Sequence[Gap],
    sample_rate: int,
    path: str | PathLike | None = None,
    *,
    start: float = 0.0,
    max_frequency: float | None = None,
    columns: int | None = None,
    panel_size: tuple[float, float] = (3.4, 2.5),
) -> "Figure":
    """Draws one spectrogram for each signal, all on one colour scale, with brackets over the gaps.

    Args:
        panels: title -> audio `(time,)`, in drawing order, such as damaged, restored, original.
        gaps: lost intervals in samples of the audio.
        sample_rate: Hz.
        path: where to save the picture as well; the suffix chooses the format.
        start: position of the first sample in its file, s, for the time axis.
        max_frequency: upper end of the frequency axis, Hz; half the sample rate by default.
        columns: panels side by side; all of them by default.
        panel_size: width and height of a panel, inches.

    Raises:
        InputError: matplotlib is not installed.
    """
    with needed():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

    columns = columns or len(panels)
    rows = -(-len(panels) // columns)
    drawing = Figure((panel_size[0] * columns + 0.9, panel_size[1] * rows), dpi=160, layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)

    pictures = {title: spectrogram_image(audio, sample_rate) for title, audio in panels.items()}
    loudest = max(picture.max() for picture in pictures.values())
    hop = window_length(sample_rate) // 8 / sample_rate
    for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=False):
        end = start + len(panels[title]) / sample_rate
        image = axis.imshow(
            picture,
            cmap=COLOURS,
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            origin="lower",
            aspect="auto",
            interpolation="bilinear",
            # a pixel is centred on its frame, so the picture reaches half a hop beyond both ends
            extent=(start - hop / 2, start + (picture.shape[1] - 0.5) * hop, 0, sample_rate / 2000),
        )
        axis.set(xlim=(start, end), ylim=(0, (max_frequency or sample_rate / 2) / 1000))
        axis.set_title(title, loc="left", fontsize=10, pad=9)
        axis.tick_params(labelsize=8, length=3, color="0.6")
        axis.xaxis.set_major_locator(MaxNLocator(6))
        axis.spines[:].set_visible(False)
        for gap in gaps:
            _bracket(axis, start + gap.start / sample_rate, start + gap.stop / sample_rate)
    for axis in axes[:, 0]:
        axis.set_ylabel("frequency (kHz)", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)", fontsize=8)

    bar = drawing.colorbar(image, ax=axes, pad=0.015, aspect=28 * rows)
    bar.ax.set_title("dB", fontsize=8)
    bar.ax.tick_params(labelsize=8, length=3, color="0.6")
    bar.outline.set_visible(False)
    if path is not None:
        drawing.savefig(path)
    return drawing


def _bracket(axis, start: float, stop: float) -> None:
    across = axis.get_xaxis_transform()  # x in seconds, y in heights of the panel
    outline = [start, start, stop, stop], [1.01, 1.035, 1.035, 1.01]
    axis.plot(*outline, transform=across, color=MARK, lw=1.6, clip_on=False, solid_joinstyle="miter")
    for edge in (start, stop):
        axis.plot([edge, edge], [0, 1], transform=across, color="white", alpha=0.4, lw=0.6, ls=(0, (2, 3)))
