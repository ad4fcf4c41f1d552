"""From audio to audio around a network that maps the spectrograms of two contexts to that of the gap between them."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from audio_inpaint.dsp.phase import reconstruct_phase
from audio_inpaint.dsp.stft import STFT
from audio_inpaint.nn.segment import Segment

_SMALLEST = 1e-4  # level below which a context is not made louder


class SpectralInpainter(nn.Module):
    """Restores the gap in the middle of segments; the signal path of the context-encoder paper (Fig. 2).

    The gap is set to zero before anything is computed. In the one STFT convention of this package (centred frames) the
    paper's 16 frames of a context, extended by 384 zeros into the gap, are those that are complete or hold samples of
    that context and zeros of the gap, and its 11 frames of the gap are those that a lost sample touches.

    Args:
        net: makes the network from the number of bins, of a context's frames, of the gap's frames and of parts.
        sample_rate: Hz.
        context: samples on each side, a multiple of the hop.
        gap: samples lost, likewise.
        n_fft: samples of the STFT's window.
        hop_length: samples between its frames.
        output: the network gives magnitudes, whose phase is reconstructed, or complex coefficients.
        normalised: the network sees contexts of one level, and what it gives is scaled back; the paper's sees them
            as they are.
        iterations: of fast Griffin-Lim.

    Raises:
        ValueError: sizes do not fit together.
    """

    def __init__(
        self,
        net: Callable[[int, int, int, int], nn.Module],
        sample_rate: int = 16000,
        context: int = 2048,
        gap: int = 1024,
        n_fft: int = 512,
        hop_length: int = 128,
        output: Literal["magnitude", "complex"] = "magnitude",
        normalised: bool = False,
        iterations: int = 100,
    ):
        super().__init__()
        if context % hop_length or gap % hop_length or n_fft % (2 * hop_length) or gap + n_fft > 2 * context:
            raise ValueError(
                f"the gap ({gap}) and the context ({context}) must be multiples of the hop ({hop_length}), the window "
                f"({n_fft}) a multiple of twice the hop, and the context at least half of gap and window"
            )
        if output not in ("magnitude", "complex"):
            raise ValueError(f"the output is magnitude or complex, not {output!r}")
        self.segment, self.stft = Segment(sample_rate, context, gap), STFT(n_fft, hop_length)
        self.output, self.normalised, self.iterations = output, normalised, iterations
        half, frames = n_fft // (2 * hop_length), context // hop_length
        self.before = slice(half, half + frames)
        first = (context + gap) // hop_length - half + 1
        self.after = slice(first, first + frames)
        # Slices, where a mask would make the processor wait for a GPU to count what it selects.
        self.lost = _slice(self.stft.touched(self.segment.lost))
        # of the lost frames: those without a known sample
        self.inside = _slice(~self.stft.touched(~self.segment.lost)[self.lost])
        self.net = net(n_fft // 2 + 1, frames, self.lost.stop - self.lost.start, 1 if output == "magnitude" else 2)
        self.net.to(memory_format=torch.channels_last)

    def known(self, segments: Tensor) -> tuple[Tensor, Tensor]:
        """The spectrum of segments (..., time) with zeros in the gap, and the level that the network sees as one.

        Returns:
            (..., freq, frame) complex, and (..., 1, 1).
        """
        damaged = segments.clone()
        damaged[..., self.segment.place] = 0
        level = torch.ones_like(damaged[..., :1])
        if self.normalised:
            level = damaged.square().sum(-1, keepdim=True).div(2 * self.segment.context).sqrt().clamp(min=_SMALLEST)
        return self.stft(damaged), level.unsqueeze(-1)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Let the network fill the gap of spectra (batch, freq, frame), whose lost frames it does not read.

        Returns:
            (batch, parts, freq, gap frame).
        """
        contexts = [spectrum[..., self.before], spectrum[..., self.after]]
        inputs = torch.stack([part for z in contexts for part in (z.real, z.imag)], 1)
        return self.net(inputs.contiguous(memory_format=torch.channels_last)).float()

    def target(self, segments: Tensor) -> Tensor:
        """What the network should give for undamaged segments (batch, time): (batch, parts, freq, gap frame)."""
        spectrum = self.stft(segments)[..., self.lost]
        return spectrum.abs().unsqueeze(1) if self.output == "magnitude" else torch.view_as_real(spectrum).movedim(3, 1)

    def synthesise(self, spectrum: Tensor, coefficients: Tensor) -> Tensor:
        """Make audio of known frames and of the network's coefficients, with phases reconstructed from magnitudes.

        Args:
            spectrum: (batch, freq, frame) complex; its lost frames are replaced.
            coefficients: (batch, parts, freq, gap frame), at the same level.

        Returns:
            (batch, time).
        """
        length = self.segment.length
        if self.output == "complex":
            filled = spectrum.clone()
            filled[..., self.lost] = torch.view_as_complex(coefficients.movedim(1, 3).contiguous())
        else:
            lost = torch.zeros(spectrum.shape[-1], dtype=torch.bool)
            lost[self.lost] = True
            filled = reconstruct_phase(self.stft, coefficients[:, 0], spectrum, lost, length, self.iterations)
        return self.stft.inverse(filled, length)

    def restore(self, segments: Tensor) -> Tensor:
        """Fill the gaps of segments (batch, time); known samples come back as they are."""
        spectrum, level = self.known(segments)
        restored = self.synthesise(spectrum, self(spectrum / level) * level.unsqueeze(1))
        place = self.segment.place
        return torch.cat([segments[..., : place.start], restored[..., place], segments[..., place.stop :]], -1)

    def improve(self, filled: Tensor, lost: Tensor | None = None, share: float = 1.0) -> Tensor:
        """Give gaps that another method has filled the network's magnitudes, or a mean of both, and leave the phases.

        Args:
            filled: segments (batch, time).
            lost: what of the gap was really filled, (batch, time) or (time,) boolean; None for all of it. Frames that
                hold no such sample stay as they are.
            share: of the network's magnitudes in the mean.

        Returns:
            (batch, time); known samples come back as they are.

        Raises:
            ValueError: the network gives complex coefficients, which have phases of their own.
        """
        if self.output == "complex":
            raise ValueError("a network that gives complex coefficients takes no phases from elsewhere: use restore")
        lost = (self.segment.lost if lost is None else lost).to(filled.device)
        known, level = self.known(filled)
        magnitude = (self(known / level) * level.unsqueeze(1))[:, 0].clamp(min=0)
        spectrum = self.stft(filled)
        guessed, other = spectrum.clone(), spectrum[..., self.lost]
        guessed[..., self.lost] = torch.polar(other.abs().lerp(magnitude, share), other.angle())
        touched = self.stft.touched(lost).unsqueeze(-2)
        improved = self.stft.inverse(torch.where(touched, guessed, spectrum), self.segment.length)
        return torch.where(lost, improved, filled)


def _slice(frames: Tensor) -> slice:
    """The frames of one run that are true in a mask (frame,)."""
    places = frames.nonzero().flatten().tolist()
    return slice(places[0], places[-1] + 1) if places else slice(0, 0)
