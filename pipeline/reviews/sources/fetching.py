"""Fetches files with pooch, once; a file is used only if its hash is the one given.

Fetched files are kept where Keras keeps its own (``KERAS_HOME``, else ``~/.keras``; folder ``datasets``), but
under names that carry their hash, so that a file which Keras or a user put there is never overwritten.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pooch
import requests

from pipeline.runtime.errors import UserError

ATTEMPTS = 3
BACKOFF = 0.5  # seconds before the second attempt, doubled before each later one
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 30.0  # seconds
CHUNK = 1 << 16

# Statuses of a host that is overloaded or failing: worth another attempt.
_BUSY = frozenset({429, 500, 502, 503, 504})
# Statuses of something in between that lets nobody through (a proxy, a region lock): not the address's fault.
_BARRED = frozenset({403, 407, 451})
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class UnreachableError(UserError):
    """What was asked for can't be had from this machine now; the address may well be right."""


def public_url(url: str) -> str:
    """``url`` without user, password and query, which may be secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def fill_in(url: str) -> str:
    """``url`` with environment variables' values for the ``$NAME`` in its query: only for a request.

    A token stands in the environment in this way, and nowhere in params.yaml and what is made from it. Its
    value may be as it is or as it stands in an address, with %2B for +.

    Raises:
        UserError: if a variable is not set.
    """
    parts = urlsplit(url)
    for name in _VARIABLE.findall(parts.query):
        if name not in os.environ:
            raise UserError(
                f"{public_url(url)} needs the environment variable {name}, which is not set: "
                f"export {name}=..., or take ${name} out of the address"
            )
    query = _VARIABLE.sub(lambda name: quote(os.environ[name[1]], safe="%"), parts.query)
    return urlunsplit(parts._replace(query=query))


def cache_dir() -> Path:
    """The folder that Keras keeps data sets in, found as Keras does."""
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"], "datasets")
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras" / "datasets"  # noqa: S108


def fetch(url: str, expected: str) -> bytes:
    """The file at ``url``: from the cache if a copy there has the hash, else fetched and kept there.

    A user and password for the host are taken from ``~/.netrc``, a token from the environment
    (:func:`fill_in`). ``expected`` is ``sha256:`` or ``md5:`` and the hexadecimal digest.

    Raises:
        UnreachableError: if the host can't be reached, fails, or breaks off, at each attempt.
        UserError: if it answers that there is no such file, or the file's hash is another.
    """
    algorithm, _, digest = expected.partition(":")
    kerass_own = cache_dir() / Path(urlsplit(url).path).name
    if kerass_own.is_file() and pooch.file_hash(str(kerass_own), alg=algorithm) == digest:
        return kerass_own.read_bytes()

    def download(_: str, path: str, pooch_: Any) -> None:
        timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
        downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=CHUNK, timeout=timeout)
        downloader(fill_in(url), path, pooch_)

    for attempt in range(ATTEMPTS):
        time.sleep(BACKOFF * 2 ** (attempt - 1) if attempt else 0)
        try:
            return keep(public_url(url), expected, download)
        except requests.RequestException as error:
            reason, again = _fault(error, url)
            if not again:
                break
    raise UnreachableError(f"{public_url(url)} can't be reached: {reason}")


def keep(source: str, expected: str, downloader: Callable[[str, str, Any], None]) -> bytes:
    """The file that ``downloader`` writes, from the cache if it is there.

    Args:
        source: what it is called in messages; its last part names the file in the cache.
        expected: the file's hash.
        downloader: pooch's, called with what is wanted, the path to write it to, and a pooch.

    Raises:
        UserError: if the hash of what came is another, or the cache can't be written.
    """
    pooch.get_logger().setLevel("WARNING")  # it says at each attempt that it begins
    name = Path(source)
    cached = f"{name.stem}-{expected.partition(':')[2][:12]}{name.suffix}"
    try:
        path = pooch.retrieve(source, expected, cached, cache_dir(), downloader=downloader)
        return Path(path).read_bytes()
    except (UnreachableError, requests.RequestException):
        raise
    except ValueError as error:
        raise UserError(
            f"{source} is not the file that was asked for: {error} Nothing was read from it: "
            "correct the address, or set the hash if the file is right"
        ) from None
    except OSError as error:
        raise UserError(
            f"{name.name} can't be kept in {cache_dir()} ({error.strerror or error}): "
            "make room, or set KERAS_HOME to a folder that can be written"
        ) from None


def _fault(error: Exception, url: str) -> tuple[str, bool]:
    """Why the host can't be reached, and whether another attempt may help.

    Raises:
        UserError: if the address, or that of a proxy, is at fault.
    """
    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    through = f" through the proxy {public_url(proxy)}" if proxy else ""
    match error:
        case requests.HTTPError(response=response) if response is not None:
            fault = f": it answers {response.status_code} {response.reason}{through}"
            if response.status_code in _BUSY | _BARRED:
                return fault[2:], response.status_code in _BUSY
        case requests.Timeout():
            return f"it doesn't answer in time{through}", True
        case requests.exceptions.SSLError():
            return f"its certificate is not trusted here{through}", True
        case requests.ConnectionError():
            return f"there is no connection{through}", True
        case requests.exceptions.ChunkedEncodingError():
            return f"the connection breaks off{through}", True
        case requests.exceptions.InvalidSchema() if proxy and proxy.startswith("socks"):
            return f"its proxy {public_url(proxy)} needs PySocks: pip install 'requests[socks]'", False
        case requests.exceptions.InvalidURL() if proxy and "proxy" in str(error).lower():
            raise UserError(
                f"the proxy {public_url(proxy)} can't be used: correct HTTPS_PROXY or HTTP_PROXY"
            ) from None
        case _:  # an address without a host, a ring of redirections, ...
            fault = f" ({type(error).__name__})"
    raise UserError(f"{public_url(url)} can't be fetched{fault}; correct the address") from None
