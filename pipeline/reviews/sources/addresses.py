"""Addresses of files, and what it means that one can't be reached."""

from urllib.parse import urlsplit, urlunsplit


class UnreachableError(ValueError):
    """What was asked for can't be had from this machine now; the address may well be right."""


def public_url(url: str) -> str:
    """``url`` without user, password and query, which may be secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
