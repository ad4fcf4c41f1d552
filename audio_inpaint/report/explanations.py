"""How methods filled the gaps of an item, as a report shows it: timelines of the sources, and tables of the shares."""

from html import escape

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.explanation import DOUBTFUL, Explanation
from audio_inpaint.report.gap_tables import share_table
from audio_inpaint.report.item import Item


def told(item: Item, method: str) -> list[tuple[int, Explanation]]:
    """What a method told about the gaps of an item, each with its gap's place among them."""
    found = [(_place(item, one.gap), one) for one in item.explanations.get(method, [])]
    return [(place, one) for place, one in found if place is not None]


def _place(item: Item, gap: Gap) -> int | None:
    """The first gap of the item that shares lost samples with another gap."""
    for place, own in enumerate(item.gaps):
        together = None in (own.channel, gap.channel) or own.channel == gap.channel
        if together and own.start < gap.stop and gap.start < own.stop:
            return place
    return None


def to_check(item: Item) -> int:
    """How many gaps of an item some method expects to have filled badly."""
    return len({place for method in item.explanations for place, one in told(item, method) if one.doubtful})


def timelines(item: Item) -> str:
    """A place for the timeline of each method that names sources, as HTML."""
    methods = [method for method in item.explanations if _has_sources(told(item, method))]
    return "".join(_TIMELINE.format(method=escape(method)) for method in methods)


_TIMELINE = """<figure class="timeline">
<figcaption><h3>Where {method} heard what it filled in</h3><span>the thicker an arc, the more of it</span></figcaption>
<div class="arcs"></div>
<div class="axis"></div>
</figure>
"""


def share_tables(item: Item) -> str:
    """A table for each method that told how it filled the gaps, as HTML."""
    return "".join(_shares(item, method, own) for method in item.explanations if (own := told(item, method)))


def _shares(item: Item, method: str, own: list[tuple[int, Explanation]]) -> str:
    note = "Level: of the fill, against its sides. Of each candidate: its share"
    if any(one.errors for _, one in own):
        note += ", and its SNR on rehearsals beside the gap"
    if any(one.doubtful for _, one in own):
        note += f'. <span class="check">check</span> less than {DOUBTFUL:g} dB expected, nothing, or an octave missing'
    return f'<div>{share_table(item, method, own)}<p class="quiet">{note}</p></div>'


def _has_sources(own: list[tuple[int, Explanation]]) -> bool:
    return any(one.sources for _, one in own)


def timeline_data(item: Item) -> dict:
    """What the timelines of an item read, positions in samples of its waveforms; empty if no method names sources."""
    found = []
    for method in item.explanations:
        if _has_sources(own := told(item, method)):
            gaps = [_gap_data(place, one) for place, one in own]
            found.append({"source": 1 + list(item.restored).index(method), "gaps": gaps})
    if not found:
        return {}
    here = item.offset + item.damaged.shape[1] / item.sample_rate
    return {"timelines": found, "total": max(here, item.duration or 0.0)}


def _gap_data(place: int, one: Explanation) -> dict:
    return {
        "place": place,
        "start": one.gap.start,
        "stop": one.gap.stop,
        "channel": one.gap.channel,
        "label": one.label,
        "doubtful": one.doubtful,
        "sources": [
            [source.start, round(source.score, 4), [round(gain, 4) for gain in source.gains], source.place]
            + [True] * (source.seconds is not None)
            for source in sorted(one.sources, key=lambda source: source.start)
        ],
    }
