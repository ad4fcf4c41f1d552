"""What cached results are made of: fills of their method and of all that leads to it, scores of their own sources.

A changed score is computed again from the fills that are there; a change of the method, or of anything on the way from
a recording to it, makes new fills, and so new scores.
"""

from functools import cache
from pathlib import Path

from audio_inpaint import filling, repairing
from audio_inpaint.benchmark import restoration
from audio_inpaint.errors import InputError
from audio_inpaint.methods import registry, sources
from audio_inpaint.methods.option_text import split
from audio_inpaint.nn import checkpoints

# How a recording is read and damaged and what of it a method gets. The last three alone, without what they import: the
# ways to find gaps and to write files lead to no fill of a benchmark.
_READ = ("audio_inpaint.benchmark.cases", "audio_inpaint.dsp.columns", "audio_inpaint.spans")
_DAMAGED = tuple(Path(module.__file__) for module in (restoration, repairing, filling))
_SCORED = "audio_inpaint.benchmark.scoring"


def of_fills(method: str) -> str:
    """Return a hash of what a method's fills depend on, besides the case.

    A damaged checkpoint has one too, since its cases fail one by one in a worker.

    Raises:
        InputError: there is no such method, or its file is missing.
    """
    try:
        own = registry.fingerprint(method)
    except InputError:
        path = checkpoints.find(split(method)[0])
        if path is None or not path.is_file():
            raise
        own = f"damaged {method}"
    return f"{own} {sources.digest(files_of_fills())}"


def of_scores() -> str:
    """Return a hash of the sources of all scores."""
    return sources.digest(files_of_scores())


@cache
def files_of_fills() -> tuple[Path, ...]:
    """Return the sources that lead from a recording to a method and back."""
    return tuple(sorted({*sources.closure(_READ), *(path.resolve() for path in _DAMAGED)}))


@cache
def files_of_scores() -> tuple[Path, ...]:
    """Return the sources of all scores."""
    return tuple(sources.closure([_SCORED]))
