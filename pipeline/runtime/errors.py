"""What the user can put right, told apart from our own mistakes."""

from __future__ import annotations


class UserError(ValueError):
    """Something outside the code is wrong: a value, a file, a server, the order of the commands.

    Its message says what is wrong, which value it was and what to do; the command line prints it without a
    traceback. Any other ``ValueError`` is a fault of the code and keeps its traceback.
    """
