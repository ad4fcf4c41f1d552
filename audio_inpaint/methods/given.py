"""A method as somebody gives it in Python: a name, a class, or what can be called."""

from audio_inpaint.errors import InputError
from audio_inpaint.methods.contract import Method
from audio_inpaint.methods.registry import method as named


def as_method(given: str | Method) -> Method:
    """Build the method that is meant.

    Args:
        given: a name, with options if need be; or a class without arguments, or something to call.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(given, str):
        return named(given)
    if not callable(given):
        raise InputError(f"{given!r:.60} is no method: give a name, or something to call with audio, gap, sample_rate")
    built = given() if isinstance(given, type) else given
    if not callable(built):
        raise InputError(f"{given.__name__} is no method: it must be something to call with audio, gap, sample_rate")
    return built
