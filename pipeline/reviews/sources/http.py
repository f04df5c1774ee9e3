"""Gets a file by HTTP: some attempts, time-outs of seconds, a progress bar on standard error."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from pipeline.reviews.sources.addresses import UnreachableError, public_url

ATTEMPTS = 3
BACKOFF = 0.5  # seconds before the second attempt, doubled before each later one
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 30.0  # seconds
CHUNK = 1 << 16

# Statuses of a host that is overloaded or failing: worth another attempt.
_BUSY = frozenset({429, 500, 502, 503, 504})
# Statuses of something in between that lets nobody through (a proxy, a region lock): not the address's fault.
_BARRED = frozenset({403, 407, 451})
_COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
)


def get(url: str) -> bytes:
    """The body at ``url``.

    Raises:
        UnreachableError: if the host can't be reached, fails, or breaks off, at each attempt.
        ValueError: if it answers that there is no such file.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF * 2 ** (attempt - 1))
        try:
            return _get_once(url)
        except requests.HTTPError as error:
            status = error.response.status_code
            reason = f"it answers {status} {error.response.reason}"
            if status in _BARRED:
                break
            if status not in _BUSY:
                raise ValueError(f"{public_url(url)} can't be fetched: {reason}; mend the address") from None
        except requests.Timeout:
            reason = "it doesn't answer in time"
        except requests.exceptions.SSLError:
            reason = "its certificate is not trusted here"
        except requests.ConnectionError:
            reason = "there is no connection"
        except requests.exceptions.ChunkedEncodingError:
            reason = "the connection breaks off"
        except requests.RequestException as error:  # an address without a host, a ring of redirections, ...
            fault = type(error).__name__
            raise ValueError(f"{public_url(url)} can't be fetched ({fault}); mend the address") from None
    raise UnreachableError(f"{public_url(url)} can't be reached: {reason}")


def _get_once(url: str) -> bytes:
    """One attempt."""
    with requests.get(url, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as response:
        response.raise_for_status()
        size = response.headers.get("Content-Length")
        content = bytearray()
        with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
            bar = progress.add_task(Path(urlsplit(url).path).name, total=float(size) if size else None)
            for chunk in response.iter_content(CHUNK):
                content += chunk
                progress.update(bar, completed=len(content))
    return bytes(content)
