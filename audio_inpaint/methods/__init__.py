"""The one registry of restoration methods; nothing heavy is imported before a method is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audio_inpaint import checkpoints
from audio_inpaint.errors import InputError

if TYPE_CHECKING:
    from audio_inpaint.methods.contract import Method

_CLASSICAL = {
    "janssen": "autoregressive interpolation from both sides at once (default; about 0.1 s a gap)",
    "burg": "autoregressive extrapolation of each side, cross-faded (about 1 dB worse; cheap for thousands at once)",
}


def names() -> dict[str, str]:
    """Name every method and describe it in one line, the default first."""
    from audio_inpaint.methods.deep_prior import presets

    return _CLASSICAL | checkpoints.names() | presets()


def method(name: str) -> Method:
    """Build a method by its name, or from the file of a checkpoint.

    Raises:
        InputError: no method has that name.
    """
    if name == "janssen":
        from audio_inpaint.methods.janssen import Janssen

        return Janssen()
    if name == "burg":
        from audio_inpaint.methods.burg import Burg

        return Burg()
    if (path := checkpoints.find(name)) is not None:
        from audio_inpaint.methods.context_encoder import ContextEncoder

        return ContextEncoder(path)
    known = names()
    if name not in known:
        raise InputError(f"no method is called {name!r}; choose one of: {', '.join(known)}")
    from audio_inpaint.methods.deep_prior import DeepPrior

    return DeepPrior(name)
