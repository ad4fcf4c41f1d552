"""Errors that a user can fix, and those of whoever wrote a method."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line that says what is wrong and what to do.

    Every command line turns it into that line on standard error and exit code 2, without a traceback.

    >>> from audio_inpaint import repair_file
    >>> repair_file("missing.wav", "repaired.wav")
    Traceback (most recent call last):
    audio_inpaint.errors.InputError: missing.wav cannot be read: No such file or directory
    """


class ContractError(RuntimeError):
    """A method did what the contract forbids: a bug of the method, which keeps its traceback."""
