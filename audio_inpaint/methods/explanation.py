"""What a method can tell about a gap that it filled: from where, by which mix, and how close it expects to be."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from audio_inpaint.gaps import Gap

# dB. At 3 dB the error holds half the energy of what was lost: below, more of a fill is wrong than right, and whoever
# needs the recording should hear it before relying on it.
DOUBTFUL = 3.0


@dataclass(frozen=True)
class Source:
    """A segment, as long as the gap, that was heard in the gap's place.

    Args:
        start: sample position of its first sample; the gap's, if it is of another channel or recording.
        score: normalised correlation of its surroundings with the gap's, 0 to 1.
        gains: of it in the fill, one for each channel.
        name: of the evidence, where it is another channel or recording; the gain is then its share, if it is heard at
            the same time.
        seconds: at which it is heard in another recording that is not in time with this one, else None.
    """

    start: int
    score: float
    gains: tuple[float, ...]
    name: str = ""
    seconds: float | None = None

    @property
    def place(self) -> str:
        """The name, with the time if that is another one."""
        return self.name if self.seconds is None else f"{self.name} at {self.seconds:.3f} s"


@dataclass(frozen=True)
class Explanation:
    """How one gap was filled; all positions count from the first sample of the audio that was restored.

    Args:
        gap: the lost samples.
        weights: share of each candidate fill by its name; they add up to 1.
        errors: of the candidates on rehearsals, which are gaps beside the real one whose truth is known: squared error
            over energy. Empty where nothing could be rehearsed.
        sources: where the fill was heard, if it was.
        expected_snr: dB on the lost samples; None where it cannot be said.
        missing: the lowest and the highest Hz of the octaves in which the fill is far quieter than both of its sides.
    """

    gap: Gap
    weights: Mapping[str, float]
    errors: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    expected_snr: float | None = None
    missing: tuple[float, float] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether somebody should listen to the fill before relying on it."""
        return self.expected_snr is None or self.expected_snr < DOUBTFUL or self.missing is not None

    @property
    def label(self) -> str:
        """A few words for a label track: `recall 82 %, about 14 dB`, or `check: about 1 dB expected`.

        Where another recording was searched: `recall 97 %, about 25 dB, from other.flac at 83.210 s`.
        """
        if self.expected_snr is None:
            return "check: not predicted"
        about = f"about {self.expected_snr:z.0f} dB"
        if self.expected_snr < DOUBTFUL:
            return f"check: {about} expected"
        if self.missing is not None:
            low, high = (f"{hertz / 1000:.2g}" for hertz in self.missing)
            return f"check: too quiet from {low} to {high} kHz, {about}"
        name, share = max(self.weights.items(), key=lambda item: item[1])
        origin = f", from {self.drawn_on.place}" if self.drawn_on else ""
        return f"{name} {100 * share:.0f} %, {about}{origin}"

    @property
    def drawn_on(self) -> Source | None:
        """The loudest of what was heard at another time in another recording; None if nothing was."""
        elsewhere = [one for one in self.sources if one.seconds is not None]
        return max(elsewhere, key=lambda one: sum(map(abs, one.gains)), default=None)

    def about(self, gap: Gap) -> "Explanation":
        """Return the same of one of several gaps that were filled together."""
        return replace(self.moved(gap.start - self.gap.start), gap=gap)

    def moved(self, by: int) -> "Explanation":
        """The same with all positions `by` samples later."""
        gap = replace(self.gap, start=self.gap.start + by, stop=self.gap.stop + by)
        sources = tuple(replace(source, start=source.start + by) for source in self.sources)
        return replace(self, gap=gap, sources=sources)

    def of_channel(self, place: int, channel: int) -> "Explanation":
        """What concerns the channel at `place` of those restored together, as the one of `channel` of a file alone."""
        sources = tuple(replace(source, gains=source.gains[place : place + 1]) for source in self.sources)
        return replace(self, gap=replace(self.gap, channel=channel), sources=sources)


def told(gaps: Sequence[Gap], explanations: Iterable[Explanation]) -> list[Explanation | None]:
    """Return how each gap was filled; None where nothing was said of it.

    A gap of all channels may have been explained channel by channel: the one that most needs to be heard counts.

    >>> channels = [Explanation(Gap(0, 9, channel), {"mine": 1.0}, expected_snr=5.0 - channel) for channel in (0, 1)]
    >>> [one and one.expected_snr for one in told([Gap(0, 9), Gap(0, 9, 0), Gap(20, 30)], channels)]
    [4.0, 5.0, None]
    """
    places: dict[tuple[int, int], list[Explanation]] = {}
    for one in explanations:
        places.setdefault((one.gap.start, one.gap.stop), []).append(one)
    found = []
    for gap in gaps:
        own = [
            one
            for one in places.get((gap.start, gap.stop), [])
            if None in (gap.channel, one.gap.channel) or gap.channel == one.gap.channel
        ]
        found.append(min(own, key=_needs_hearing, default=None))
    return found


def _needs_hearing(one: Explanation) -> tuple[bool, float]:
    return not one.doubtful, -math.inf if one.expected_snr is None else one.expected_snr
