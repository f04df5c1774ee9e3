"""Found by every Python that has this folder on PYTHONPATH: a file system that knows no hard links."""

import errno
import os
from typing import Any, NoReturn


def link(source: Any, target: Any, **_: Any) -> NoReturn:
    """As Linux refuses it on exFAT and on some network shares."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), source, None, target)


vars(os).update(link=link)
