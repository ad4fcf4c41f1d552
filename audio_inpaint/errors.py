"""Errors that a user can fix."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line that says what is wrong and what to do.

    Every command line turns it into that line on standard error and exit code 2, without a traceback.
    """
