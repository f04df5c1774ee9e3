"""What the user can put right, told apart from our own mistakes."""

from __future__ import annotations

import errno

_ADVICE = {
    errno.ENOSPC: "free some space there and run it again; what the last good run made is still there",
    errno.EDQUOT: "free some space there and run it again; what the last good run made is still there",
    errno.EACCES: "give yourself the right to it",
    errno.EROFS: "it is on a file system that can't be written to",
}


class UserError(ValueError):
    """Something outside the code is wrong: a value, a file, a server, the order of the commands.

    Its message says what is wrong, which value it was and what to do; the command line prints it without a
    traceback. Any other ``ValueError`` is a fault of the code and keeps its traceback.
    """


def error_text(error: UserError | OSError | MemoryError) -> str:
    """The error for a person: of an ``OSError`` the file, what the system says of it, and what to do."""
    if isinstance(error, MemoryError):  # NumPy's says of how much
        return f"memory is short: {str(error) or 'none is left'}; run fewer workers, or on fewer reviews"
    if not isinstance(error, OSError) or error.errno is None or error.filename is None:
        return str(error)
    advice = _ADVICE.get(error.errno)
    file = error.filename2 or error.filename  # of a copy, where it was to go
    return f"{file}: {error.strerror}" + (f": {advice}" if advice else "")
