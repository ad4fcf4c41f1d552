"""The sound of a benchmark's cases: the original, what was left of it, and what every method made of that."""

from collections.abc import Sequence
from dataclasses import replace

from audio_inpaint.benchmark.cases import lost
from audio_inpaint.benchmark.restoration import damage
from audio_inpaint.benchmark.results import Results, Row
from audio_inpaint.gaps import Gap
from audio_inpaint.report.item import Item

AROUND = 3.0  # s on each side of the gaps: enough to hear what was going on
LONGEST = 20.0  # s of one case: of gaps strewn over a long recording the first ones are shown


def whole(results: Results, rows: Sequence[Row]) -> Item:
    """All the sound of one case, of which `rows` are the rows.

    Under `columns` the damaged signal is the one that follows from the observed columns.
    """
    case = rows[0].case
    truth, rate = case.recording.audio()
    gap = lost(case, truth.shape[-1])
    damaged, _ = damage(truth, gap, rate, results.protocol)
    restored = {row.method: results.restored(row) for row in rows}
    return Item(case.name, rate, damaged, restored, list(case.mask.gaps), truth, offset=case.recording.start)


def excerpt(item: Item, around: float = AROUND, longest: float = LONGEST) -> Item:
    """The gaps of an item with `around` seconds on each side, at most `longest` seconds in all."""
    rate, length = item.sample_rate, item.damaged.shape[-1]
    margin = round(around * rate)
    start = max(0, min(gap.start for gap in item.gaps) - margin)
    stop = min(length, max(gap.stop for gap in item.gaps) + margin, start + round(longest * rate))
    return replace(
        item,
        damaged=item.damaged[:, start:stop],
        restored={name: audio[:, start:stop] for name, audio in item.restored.items()},
        truth=item.truth[:, start:stop],
        gaps=[Gap(gap.start - start, min(gap.stop, stop) - start) for gap in item.gaps if gap.start < stop],
        offset=item.offset + start / rate,
    )
