"""Errors that a user can fix, and those of whoever wrote a method."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line that says what is wrong and what to do.

    Every command line turns it into that line on standard error and exit code 2, without a traceback.
    """


class ContractError(RuntimeError):
    """A method did what the contract forbids: a bug of the method, which keeps its traceback."""
