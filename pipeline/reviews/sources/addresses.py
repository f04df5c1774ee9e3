"""Addresses of files, and what it means that one can't be reached."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, urlsplit, urlunsplit

from pipeline.runtime.errors import UserError

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class UnreachableError(UserError):
    """What was asked for can't be had from this machine now; the address may well be right."""


def public_url(url: str) -> str:
    """``url`` without user, password and query, which may be secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def filled_in(url: str) -> str:
    """``url`` with environment variables' values for the ``$NAME`` in its query: only for a request.

    A token stands in the environment in this way, and nowhere in params.yaml and what is made from it. Its
    value may be as it is or as it stands in an address, with %2B for +.

    Raises:
        UserError: if a variable is not set.
    """
    parts = urlsplit(url)
    missing = [name for name in _VARIABLE.findall(parts.query) if name not in os.environ]
    if missing:
        raise UserError(
            f"{public_url(url)} needs the environment variable {missing[0]}, which is not set: "
            f"export {missing[0]}=..., or take ${missing[0]} out of the address"
        )
    query = _VARIABLE.sub(lambda name: quote(os.environ[name[1]], safe="%"), parts.query)
    return urlunsplit(parts._replace(query=query))
