"""A small imdb.npz of known content, and an HTTP server on loopback that answers as it is told."""

import hashlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np


def sha256(content: bytes) -> str:
    """The hash in the form of params.yaml."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Server:
    """What a running server answers, and what it was asked.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        answers: the status and body of each request for a path, in turn; the last one stays.
        kind: the content type of the answers.
        cut_at: bodies break off after so many bytes of those announced.
        pause: seconds before an answer.
        requested: the paths asked for.
        authorizations: the header of that name of each request, None where there was none.
    """

    address: str
    answers: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    kind: str = "application/octet-stream"
    cut_at: int | None = None
    pause: float = 0.0
    requested: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


@contextmanager
def running_server(secured: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serves on a free port of loopback until the block ends; ``secured``: by HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requested.append(self.path)
            server.authorizations.append(self.headers["Authorization"])
            time.sleep(server.pause)
            answers = server.answers.get(self.path, [(404, b"")])
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.send_header("Content-Type", server.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: server.cut_at])

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Keeps the tests' output clean."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if secured:
        httpd.socket = secured.wrap_socket(httpd.socket, server_side=True)
    server = Server(f"{'https' if secured else 'http'}://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def closed_address() -> str:
    """A loopback address where nothing listens."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    httpd.server_close()
    return f"http://127.0.0.1:{httpd.server_port}"


@dataclass(frozen=True)
class ImdbFiles:
    """An imdb.npz and imdb_word_index.json of Keras' form, and the ranks and labels that stand in them."""

    npz: bytes
    word_index: bytes
    ranks: dict[str, list[list[int]]]
    labels: dict[str, list[int]]

    def serve(self, server: Server) -> dict[str, str | None]:
        """Puts the files on the server; returns the parameters that point there, without a fallback."""
        server.answers |= {"/imdb.npz": [(200, self.npz)], "/words.json": [(200, self.word_index)]}
        return self.params(server.address)

    def params(self, address: str) -> dict[str, str | None]:
        """The parameters that take the files from ``address``, without a fallback."""
        return {
            "data.url": f"{address}/imdb.npz",
            "data.hash": sha256(self.npz),
            "data.word_index_url": f"{address}/words.json",
            "data.word_index_hash": sha256(self.word_index),
            "data.fallback": None,
            "data.unlabelled": "none",
        }


def make_imdb(folder: Path) -> ImdbFiles:
    """60 training and 30 test reviews of 1 to 30 words out of 40; test review 3 is training review 5."""
    generator = np.random.default_rng(7)
    ranks, labels, arrays = {}, {}, {}
    for split, count in (("train", 60), ("test", 30)):
        sizes = generator.integers(1, 31, count)
        ranks[split] = [generator.integers(1, 41, size).tolist() for size in sizes]
        labels[split] = (np.arange(count) % 2).tolist()
    ranks["test"][3] = ranks["train"][5] = [40, 1, 2, 3, 5, 8, 13, 21, 34]
    for split in ("train", "test"):
        lists = np.empty(len(ranks[split]), dtype=object)
        lists[:] = ranks[split]
        arrays |= {f"x_{split}": lists, f"y_{split}": np.array(labels[split], np.int64)}
    np.savez(folder / "imdb.npz", **arrays)
    words = {f"word{rank}": rank for rank in range(40, 0, -1)}  # not in the order of rank
    return ImdbFiles((folder / "imdb.npz").read_bytes(), json.dumps(words).encode(), ranks, labels)
