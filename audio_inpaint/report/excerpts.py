"""What a report shows of a repaired file: all of a short one, the surroundings of the gaps of a long one."""

from collections.abc import Iterator

import torch
from torch import Tensor

from audio_inpaint.files.recording import Reader
from audio_inpaint.gaps import Gap, lost_runs, within
from audio_inpaint.repairing import FileRepair
from audio_inpaint.report.item import Item
from audio_inpaint.spans import Shape, spans


def report_items(
    reader: Reader, repair: FileRepair, method: str, truth: Reader | None = None, called: str | None = None
) -> Iterator[Item]:
    """Yield what a report shows of a repaired file.

    Args:
        reader: the damaged recording.
        repair: what was done to it.
        method: its name.
        truth: the undamaged recording, of the same shape.
        called: the recording's name on the page; None for that of its file.
    """
    rate = reader.sample_rate
    for start, damaged, restored, gaps in excerpts(reader, repair):
        stop = start + damaged.shape[-1]
        name = called or reader.path.name
        if stop - start < reader.length:
            name += f" ({start / rate:.1f}-{stop / rate:.1f} s)"
        explanations = [one.moved(-start) for one in repair.explanations]
        yield Item(
            name,
            rate,
            damaged,
            {method: restored},
            gaps,
            truth.read(start, stop) if truth else None,
            seconds={method: repair.seconds},
            offset=start / rate,
            explanations={method: explanations} if explanations else {},
            duration=reader.length / rate,
        )


def excerpts(
    reader: Reader, repair: FileRepair, seconds: float = 30.0, margin: float = 1.0
) -> Iterator[tuple[int, Tensor, Tensor, list[Gap]]]:
    """Cut out what is worth looking at in a repaired file: all of a short one, the first gaps of a long one.

    Args:
        reader: the damaged recording.
        repair: what was done to it.
        seconds: most audio that is given in all.
        margin: seconds kept on each side of a gap in a long file.

    Yields:
        First sample, damaged audio (channel, time), repaired audio, and the gaps counted from that sample.
    """
    budget = int(seconds * reader.sample_rate)
    places = [(0, reader.length)]
    if reader.length > budget:
        merged = lost_runs([Gap(gap.start, gap.stop) for gap in repair.gaps], 1)
        plan = spans(merged, Shape(1, reader.length, reader.sample_rate), margin, seconds - 2 * margin)
        places = [(span.start, span.stop) for span in plan]
    for start, stop in places:
        stop = min(stop, start + budget)
        budget -= stop - start
        if not (inside := within(repair.gaps, start, stop)):
            return
        damaged = torch.nan_to_num(reader.read(start, stop), posinf=0.0, neginf=0.0)
        restored = damaged.clone()
        for fill in repair.fills:
            fill.into(restored, start)
        yield start, damaged, restored, inside
