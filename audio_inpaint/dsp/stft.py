"""The one short-time Fourier transform convention: periodic Hann, centred frames, zeros beyond both ends."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class STFT(nn.Module):
    """Short-time Fourier transform with an exact inverse.

    Frame `l` is centred on sample `l * hop_length`; there are `1 + time // hop_length` frames. Outside the signal there
    are zeros, so no sample counts twice. The papers' settings are 512/128 (context encoder) and 2048/512 (deep prior),
    both at 16 kHz; `STFT.at` carries a setting to another rate.

    Args:
        n_fft: length of the transform, samples.
        hop_length: samples between frames.
        win_length: length of the Hann window, samples; n_fft by default, zero-padded to it on both sides if shorter.
    """

    def __init__(self, n_fft: int, hop_length: int, win_length: int | None = None):
        super().__init__()
        win_length = n_fft if win_length is None else win_length
        if not 0 < hop_length <= win_length // 2 <= n_fft // 2:
            raise ValueError(
                f"an STFT needs 0 < hop <= window / 2 <= n_fft / 2, not {hop_length}, {win_length}, {n_fft}"
            )
        self.n_fft, self.hop_length, self.win_length = n_fft, hop_length, win_length
        self.register_buffer("window", torch.hann_window(win_length, dtype=torch.float64), persistent=False)

    @classmethod
    def at(cls, sample_rate: int, n_fft: int, hop_length: int, win_length: int | None = None) -> "STFT":
        """The setting that lasts as long at `sample_rate` as the given one does at 16 kHz (lengths kept even)."""

        hop = max(2, 2 * round(hop_length * sample_rate / 16000 / 2))

        def scaled(samples: int) -> int:  # by the hop's factor, so that the overlap stays what it is
            return 2 * round(samples * hop / hop_length / 2)

        return cls(scaled(n_fft), hop, None if win_length is None else scaled(win_length))

    @property
    def window_energy(self) -> Tensor:
        """Sum of the squared window: a frame's mean power per bin over the signal's power."""
        return self.window.square().sum().float()

    def padded_window(self, dtype: torch.dtype) -> Tensor:
        """Return the window with zeros on both sides, (n_fft,)."""
        margin = self.n_fft - self.win_length
        return pad(self.window.to(dtype), (margin // 2, margin - margin // 2))

    def frames(self, length: int) -> int:
        """Number of frames of a signal of `length` samples."""
        return 1 + length // self.hop_length

    def forward(self, x: Tensor) -> Tensor:
        """Transform (..., time) real to (..., n_fft // 2 + 1, frame) complex."""
        spectrum = torch.stft(
            x.reshape(-1, x.shape[-1]),
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.window.to(x.dtype),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.unflatten(0, x.shape[:-1]) if x.dim() > 1 else spectrum[0]

    def lost_share(self, lost: Tensor) -> Tensor:
        """How much of each frame's energy is lost, (..., frame), of lost samples, (..., time) boolean."""
        energy = self.padded_window(torch.float64).square().float()
        padded = pad(lost.float(), (self.n_fft // 2, self.n_fft // 2))
        return padded.unfold(-1, self.n_fft, self.hop_length) @ (energy / energy.sum())

    def inverse(self, spectrum: Tensor, length: int) -> Tensor:
        """Least-squares inverse of (..., n_fft // 2 + 1, frame) to (..., time) with `length` samples.

        It equals `torch.istft`, which looks at the window's sum at each call and makes the processor wait for a GPU.
        """
        window = self.padded_window(spectrum.real.dtype)
        frames = torch.fft.irfft(spectrum.mT, self.n_fft) * window
        energy = overlap_add(window.square().expand(spectrum.shape[-1], -1), self.hop_length)
        start = self.n_fft // 2
        return overlap_add(frames, self.hop_length)[..., start : start + length] / energy[start : start + length]

    def touched(self, gap: Tensor) -> Tensor:
        """Frames that overlap a lost sample, under the window's non-zero part.

        Args:
            gap: (..., time) boolean, true = lost.

        Returns:
            (..., frame) boolean, true = incomplete.
        """
        half = self.win_length // 2
        lost = pad(gap.to(torch.int64).cumsum(-1), (1, 0))
        centres = torch.arange(self.frames(gap.shape[-1]), device=gap.device) * self.hop_length
        # a periodic Hann window is zero at its first sample
        first = (centres - half + 1).clamp(0, gap.shape[-1])
        last = (centres - half + self.win_length).clamp(0, gap.shape[-1])
        return lost[..., last] > lost[..., first]

    def centred(self, gap: Tensor) -> Tensor:
        """Frames whose centre is a lost sample: the columns that the `columns` protocol takes away.

        Args:
            gap: (..., time) boolean, true = lost.

        Returns:
            (..., frame) boolean, true = lost.
        """
        centres = torch.arange(self.frames(gap.shape[-1]), device=gap.device) * self.hop_length
        return gap[..., centres.clamp(max=gap.shape[-1] - 1)]

    def covered(self, frames: Tensor, length: int) -> Tensor:
        """Samples under the window of at least one of the chosen frames: the inverse question of `touched`.

        Args:
            frames: (..., frame) boolean.
            length: samples of the signal.

        Returns:
            (..., time) boolean.
        """
        half = self.win_length // 2
        centres = torch.arange(frames.shape[-1], device=frames.device) * self.hop_length
        change = torch.zeros(*frames.shape[:-1], length + 1, dtype=torch.int64, device=frames.device)
        chosen = frames.to(torch.int64)
        change.index_add_(-1, (centres - half + 1).clamp(0, length), chosen)
        change.index_add_(-1, (centres - half + self.win_length).clamp(0, length), -chosen)
        return change.cumsum(-1)[..., :length] > 0


def overlap_add(frames: Tensor, hop_length: int) -> Tensor:
    """Add up frames (..., frame, n_fft), each `hop_length` samples after the one before, to (..., time)."""
    count, missing = frames.shape[-2], -frames.shape[-1] % hop_length
    blocks = (pad(frames, (0, missing)) if missing else frames).unflatten(-1, (-1, hop_length))
    overlap = blocks.shape[-2]
    out = frames.new_zeros(*frames.shape[:-2], count + overlap - 1, hop_length)
    for i in reversed(range(overlap)):
        out[..., i : i + count, :] += blocks[..., i, :]
    return out.flatten(-2)
