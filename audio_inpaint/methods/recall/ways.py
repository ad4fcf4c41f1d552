"""The ways in which a gap can be filled, which are rehearsed against each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from audio_inpaint.methods.recall.guides import CHANNELS

# Up to this rate there is time for all contexts; above it, for the first so many.
_UNHURRIED, _FIRST = 16000, 4
# Iterations of Janssen's interpolation where something was recalled: the second is worth nothing there.
_AFTER_RECALL = 1
# Coefficients of the response to what guides play besides what is recalled.
BESIDE_RECALL = 33
# The same of the longest response to another recording: it may have been equalised, and bass takes long.
_OF_BASS = 2049

# Contexts on each side of a gap that are looked at across others: Janssen's interpolation does so with chains of gaps.
_CROSSED = 4


@dataclass(frozen=True)
class Way:
    """One way to fill a gap.

    Args:
        template: seconds of the surroundings, on each side, that are searched for elsewhere; 0 recalls nothing.
        order: of the model of what is left over.
        width: samples of context on each side that the model is fitted to.
        iterations: of fit and interpolation; 0 continues both sides into the gap instead, or the one that there is.
        continues: whether these start from the fill of the first way, not from zeros.
        guide: the kind of evidence that predicts the gap; none is asked if it is empty.
        length: of its response, in samples.
        fitted: seconds of the surroundings, on each side, that the gains of what was found are fitted to.
    """

    template: float
    order: int
    width: int
    iterations: int
    continues: bool = False
    guide: str = ""
    length: int = 1
    fitted: float = 0.0

    @property
    def evidence(self) -> str:
        """What the fill is made of, in a word or two."""
        return " + ".join(filter(None, ("recall" * bool(self.template), self.guide))) or "janssen"


def plain_ways(contexts: Sequence[float], order: int, width: int, iterations: int, sample_rate: int) -> list[Way]:
    """Return Janssen's interpolation with several contexts, his own first: the longer, the higher the order.

    Args:
        contexts: in his own, those that are worth most first.
        order: of his model.
        width: samples of his context.
        iterations: his.
        sample_rate: Hz.
    """
    ways = []
    for share in contexts if sample_rate <= _UNHURRIED else contexts[:_FIRST]:
        own = max(2, round(width * share))
        # A longer context costs most and has little to add to the first fill, so it begins there.
        longer = share > 1
        size = max(1, min(round(order * max(1.0, share)), own // 2))
        ways.append(Way(0.0, size, own, 1 if longer else iterations, longer))
    return ways


def recalling_ways(templates: Sequence[float], order: int, width: int) -> list[Way]:
    """Return recall with gains fitted to each template; orders take turns, so that no two err alike.

    The longest is searched for: what it finds serves the others as well as searches of their own do. See also
    `searching_for`.
    """
    plain = Way(max(templates, default=0.0), order, width, _AFTER_RECALL)
    return [replace(plain, order=order * (1 + i % 2), fitted=fitted) for i, fitted in enumerate(templates)]


def searching_for(template: float, ways: Iterable[Way]) -> list[Way]:
    """Return ways of which all that recall search for one template."""
    return [replace(way, template=template) if way.template else way for way in ways]


def guided_ways(
    names: Iterable[str], lengths: Sequence[int], templates: Sequence[float], order: int, width: int
) -> list[Way]:
    """Return responses to each kind of guides, and to what other channels play besides what is recalled.

    What other recordings play need not be known where this one repeats itself.
    """
    plain, names = Way(0.0, order, width, _AFTER_RECALL), list(names)
    ways = [
        replace(plain, guide=name, length=length)
        for name in names
        for length in (lengths if name == CHANNELS else (*lengths, _OF_BASS))
    ]
    besides = replace(plain, guide=CHANNELS, length=BESIDE_RECALL, template=max(templates))
    return ways + [replace(besides, fitted=fitted) for fitted in templates if CHANNELS in names]


def crossing_ways(order: int, width: int, iterations: int) -> list[Way]:
    """Return the way to add where other gaps are in the context: as much of it must be known as without them."""
    return [Way(0.0, order, _CROSSED * width, iterations)]


def continuing_ways(guided: Sequence[Way], order: int, width: int) -> list[Way]:
    """Return the ways for a gap that is too long, or has too little beside it, to be interpolated."""
    return [Way(0.0, order, width, 0)] + [replace(way, iterations=0) for way in guided if not way.template]


def long_ways(templates: Sequence[float], order: int, width: int) -> list[Way]:
    """Return recall for a gap that is too long to be interpolated: what it leaves over is continued from both sides.

    A beat and a bar are heard again in other places, so each template is searched for.
    """
    ways = recalling_ways(templates, order, width)
    return [replace(way, template=way.fitted, iterations=0) for way in ways]
