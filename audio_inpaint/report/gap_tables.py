"""The gaps of an item as tables: how close each method came, and how a method filled them."""

import math
from collections.abc import Sequence
from html import escape

from torch import Tensor

from audio_inpaint.gaps import Gap
from audio_inpaint.methods.explanation import Explanation
from audio_inpaint.report.fill_levels import fill_level
from audio_inpaint.report.item import Item
from audio_inpaint.report.page import number, table
from audio_inpaint.scores.snr import pooled_snr

_LEVEL = "level (dB)"  # of the fill, against its sides


def gap_table(item: Item) -> str:
    """The gaps of an item as HTML, with the SNR of each method where the truth is known; empty without gaps."""
    if not item.gaps:
        return ""
    known = item.truth is not None
    by_channel = any(gap.channel is not None for gap in item.gaps)
    rows = []
    for place, gap in enumerate(item.gaps):
        scores = [number(_gap_snr(item, audio, gap)) for audio in item.restored.values()] if known else []
        levels = [_level(item, method, gap) for method in item.restored] if len(item.restored) == 1 else []
        rows.append(_row(place, "", _cells([*_where(item, gap, by_channel), *scores, *levels])))
    heads = [*_heads(by_channel), *(item.restored if known else []), *[_LEVEL] * (len(item.restored) == 1)]
    return table("Gaps, with the SNR of each method (dB)" if known else "Gaps", "gap-list", heads, rows)


def share_table(item: Item, method: str, told: Sequence[tuple[int, Explanation]]) -> str:
    """What a method told about gaps as HTML: the SNR to expect, the share of each candidate and its rehearsals.

    Args:
        item: the recording; where its truth is known, the SNR that was achieved stands beside the expected one.
        method: its name.
        told: places in the item's gaps with their explanations.
    """
    by_channel = any(one.gap.channel is not None for _, one in told)
    candidates = list(dict.fromkeys(name for _, one in told for name in one.weights))
    predicted, known = any(one.expected_snr is not None for _, one in told), item.truth is not None
    heads = [*_heads(by_channel), *["expected (dB)"] * predicted, *["achieved (dB)"] * known, _LEVEL, *candidates]
    rows = []
    for place, one in told:
        cells = _where(item, one.gap, by_channel)
        cells += [number(one.expected_snr, 1)] * predicted
        cells += [number(_gap_snr(item, item.restored[method], one.gap))] if known else []
        cells.append(_level(item, method, one.gap))
        shares = "".join(_share(one, name) for name in candidates)
        rows.append(_row(place, ' <span class="check">check</span>' if one.doubtful else "", _cells(cells) + shares))
    return table(f"How {escape(method)} filled the gaps", "gap-list shares", heads, rows)


def _level(item: Item, method: str, gap: Gap) -> str:
    level = fill_level(item.restored[method].detach().cpu(), gap, item.gaps, item.sample_rate)
    return "" if level is None else f"{level:+z.1f}".replace("-", "\N{MINUS SIGN}")


def _heads(by_channel: bool) -> list[str]:
    return ["gap", "start (s)", "length (ms)", *(["channel"] if by_channel else [])]


def _where(item: Item, gap: Gap, by_channel: bool) -> list[str]:
    start, length = item.offset + gap.start / item.sample_rate, 1000 * (gap.stop - gap.start) / item.sample_rate
    channel = ["all" if gap.channel is None else str(gap.channel + 1)] if by_channel else []
    return [f"{start:.3f}", f"{length:.1f}", *channel]


def _cells(texts: Sequence[str]) -> str:
    return "".join(f"<td>{text}</td>" for text in texts)


def _row(place: int, mark: str, cells: str) -> str:
    """A row whose button chooses a gap in the player."""
    return f'<tr><th scope="row"><button type="button" value="{place}">{place + 1}</button>{mark}</th>{cells}</tr>'


def _share(explanation: Explanation, candidate: str) -> str:
    """A cell with a candidate's share, which the style sheet draws too, and the SNR of its rehearsals."""
    share, rehearsed = explanation.weights.get(candidate, 0.0), ""
    if (error := explanation.errors.get(candidate)) is not None:
        rehearsed = f" <small>{number(-10 * math.log10(error) if error > 0 else math.inf, 1)} dB</small>"
    return f'<td style="--share: {100 * share:.1f}%">{100 * share:.0f} %{rehearsed}</td>'


def _gap_snr(item: Item, audio: Tensor, gap: Gap) -> float:
    """The SNR in dB on those samples of a gap that the item holds."""
    channels = slice(None) if gap.channel is None else gap.channel
    lost = (channels, slice(max(0, gap.start), gap.stop))
    return float(pooled_snr(audio[lost].detach().cpu(), item.truth[lost].detach().cpu()))
