"""What `inpaint --dry-run` says of a file: its gaps, the quality to expect of each, and the time that they take."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from audio_inpaint.commands.choice import Chosen
from audio_inpaint.commands.console import clock
from audio_inpaint.commands.damage import print_table
from audio_inpaint.commands.inpaint_plan import Job

if TYPE_CHECKING:
    from audio_inpaint.also import Also
    from audio_inpaint.detection import Detection
    from audio_inpaint.forecast import Expected, Forecast
    from audio_inpaint.methods.contract import Method


def tell_plan(
    job: Job,
    what: Chosen,
    method: "Method",
    name: str,
    references: Sequence,
    also: "Also",
    device: str | None,
    forecast: "Forecast",
) -> dict:
    """Print what would be filled, and what is to be expected of it; returns the same for programs.

    Args:
        job: of the file.
        what: of it would be filled.
        method: what would restore.
        name: of the method.
        references: other recordings.
        also: further recordings, which are searched for those gaps that are tried.
        device: where, if it can compute on a GPU.
        forecast: what was tried of the files before; this one is added.
    """
    from audio_inpaint.gaps import meeting
    from audio_inpaint.insertions import what_is_to_do

    rate = what.recording.sample_rate
    given = what.recording, what.gaps, what.damage, method, references, device, what.rejected, also
    kinds, tried = forecast.of(*given)
    met = meeting(one.gap for one in tried)
    ours = {one.gap: one.expected_snr for one in tried}
    own = [[ours[gap] for gap in met(one.gap)] for one in what.damage]
    print_table(what.damage, rate, [_expected(one, kinds, snrs) for one, snrs in zip(what.damage, own, strict=True)])
    total = sum(kind.gaps for kind in kinds)
    filled = [gap for gap in what.gaps if gap not in what.rejected]
    todo = what_is_to_do(filled, what.recording.insertions, rate)
    seconds = None if any(kind.seconds is None for kind in kinds) else sum(kind.seconds for kind in kinds)
    takes = "" if seconds is None else f", in about {clock(seconds)}"
    print(f"{job.file}: would {todo} with {name}{takes} -> {job.output}")
    for kind in kinds:
        print(f"  {_line(kind, rate)}")
    print(f"  {_said(len({one.gap for one in tried}), total, kinds, forecast, name)}", flush=True)
    searched = also.without(job.file).told(tried)
    for line in searched:
        print(f"  {line}", flush=True)
    gaps = []
    for one in what.damage:
        channel = None if one.gap.channel is None else one.gap.channel + 1
        gaps.append({"start": one.gap.start, "stop": one.gap.stop, "channel": channel, "kind": one.kind})
    return {
        "input": {"path": str(job.file)},
        "output": {"path": str(job.output)},
        "method": name,
        "sample_rate": rate,
        "gaps": gaps,
        "expected": [asdict(kind) for kind in kinds],
        "also": searched,
    }


def _line(kind: "Expected", rate: int) -> str:
    parts = [f"{kind.gaps} {kind.kind}", f"{1000 * kind.samples / rate:.0f} ms"]
    parts += [] if kind.snr is None else [f"about {kind.snr:z.0f} dB expected"]
    parts += [] if kind.doubtful is None else [f"{100 * kind.doubtful:.0f} % to check"]
    parts += [] if kind.seconds is None else [f"about {clock(kind.seconds)}"]
    return ", ".join(parts)


def _expected(one: "Detection", kinds: "Sequence[Expected]", own: Sequence[float | None]) -> str:
    """Return the dB to expect of a gap: its own where it was tried, in brackets that of its kind where not."""
    if own:
        return "check" if None in own else f"{min(own):z.0f} dB"
    snr = next((kind.snr for kind in kinds if kind.kind == one.kind), None)
    return "" if snr is None else f"({snr:z.0f} dB)"


def _said(tried: int, total: int, kinds: "Sequence[Expected]", forecast: "Forecast", name: str) -> str:
    if not forecast.calls:
        return "nothing was tried, so there is no time to expect"
    if not forecast.fills:
        return f"time by a trial; {name} does not say what to expect of its fills"
    if tried == total:
        return "each of them was tried"
    other = ", and those of the files before" if not tried else ""
    return f"{tried} of {total} were tried, evenly over each kind{other}; (in brackets) what their kind reached"
