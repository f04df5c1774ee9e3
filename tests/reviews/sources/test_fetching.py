"""Files by HTTP and from the cache, from a server on loopback."""

import base64
import errno
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests

from loopback import Server, closed_address, sha256
from pipeline.reviews.sources import fetching
from pipeline.reviews.sources.fetching import UnreachableError, cache_dir, fetch, public_url

BODY = b"some reviews" * 100
HASH = sha256(BODY)
KEPT = f"reviews-{HASH[7:19]}.npz"
pytestmark = pytest.mark.usefixtures("keras_home")


@pytest.fixture
def url(server: Server) -> str:
    """Where the server has the file."""
    server.answers["/reviews.npz"] = [(200, BODY)]
    return f"{server.address}/reviews.npz"


def cached(keras_home: Path) -> list[str]:
    return sorted(path.name for path in keras_home.rglob("*") if path.is_file())


def test_a_file_is_fetched_once_unless_its_copy_changes(server: Server, url: str, keras_home: Path) -> None:
    kept = keras_home / "datasets" / KEPT
    assert fetch(url, HASH) == fetch(url, HASH) == kept.read_bytes() == BODY
    assert server.requested == ["/reviews.npz"]
    kept.write_bytes(b"changed")
    assert fetch(url, HASH) == kept.read_bytes() == BODY


def test_keras_own_copy_is_used_if_right_else_left_alone(server: Server, url: str, keras_home: Path) -> None:
    own = keras_home / "datasets" / "reviews.npz"
    own.parent.mkdir(parents=True)
    own.write_bytes(BODY)
    assert fetch(url, HASH) == BODY
    assert server.requested == []
    own.write_bytes(b"the user's own")
    assert fetch(url, HASH) == BODY
    assert own.read_bytes() == b"the user's own"


def test_a_wrong_hash_is_an_error_and_nothing_is_kept(server: Server, url: str, keras_home: Path) -> None:
    server.answers["/reviews.npz"] = [(200, b"hello")]
    for known, got in ((HASH, "2cf24dba"), (f"md5:{'0' * 32}", "5d41402abc4b2a76b9719d911017c592")):
        with pytest.raises(ValueError, match=f"expected {known} but got {got}") as caught:
            fetch(url, known)
        assert not isinstance(caught.value, UnreachableError)
    assert cached(keras_home) == []
    assert len(server.requested) == 2
    assert fetch(url, "md5:5d41402abc4b2a76b9719d911017c592") == b"hello"


def test_an_overloaded_host_is_asked_again(server: Server, url: str) -> None:
    server.answers["/reviews.npz"] = [(503, b""), (429, b""), (200, BODY)]
    assert fetch(url, HASH) == BODY
    assert len(server.requested) == 3


@pytest.mark.parametrize(
    ("answer", "asked", "said"),
    [
        ({"answers": {"/reviews.npz": [(503, b"")]}}, 3, "it answers 503"),
        ({"answers": {"/reviews.npz": [(403, b"")]}}, 1, "it answers 403"),
        ({"cut_at": 500}, 3, "the connection breaks off"),
    ],
)
def test_a_host_that_does_not_answer_is_unreachable_and_nothing_is_kept(
    answer: dict[str, object], asked: int, said: str, server: Server, url: str, keras_home: Path
) -> None:
    vars(server).update(answer)
    with pytest.raises(UnreachableError, match=said):
        fetch(url, HASH)
    assert len(server.requested) == asked
    assert cached(keras_home) == []


def test_a_silent_host_is_unreachable(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ_TIMEOUT", 0.05)
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    server.pause = 0.5
    with pytest.raises(UnreachableError, match="it doesn't answer in time"):
        fetch(url, HASH)


def test_a_wrong_address_is_no_missing_network(server: Server) -> None:
    """The fallback would hide the typing error."""
    wrong = {
        f"{server.address}/none.npz": "it answers 404 Not Found",
        "http://:80/a": r"fetched \(InvalidURL\)",
    }
    for url, said in wrong.items():
        with pytest.raises(ValueError, match=f"{said}; correct the address") as caught:
            fetch(url, HASH)
        assert not isinstance(caught.value, UnreachableError)


def test_a_cache_that_cannot_be_written_is_named(url: str, keras_home: Path) -> None:
    def full(_: str, path: str, __: object) -> None:
        with Path(path).open("wb"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ValueError, match=rf"in {keras_home}/datasets \(No space left on device\): make"):
        fetching.keep("http://host/reviews.npz", HASH, full)
    assert cached(keras_home) == []
    (keras_home / "datasets").rmdir()
    (keras_home / "datasets").write_text("no folder")
    with pytest.raises(ValueError, match="set KERAS_HOME to a folder that can be written"):
        fetch(url, HASH)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets a proxy for all addresses."""

    def through(proxy: str) -> None:
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy)

    return through


@pytest.mark.parametrize(
    ("scheme", "error", "said"),
    [
        ("http", UnreachableError, "there is no connection through the proxy http://{}$"),
        ("socks5", UnreachableError, "there is no connection through the proxy socks5://{}$"),
        ("sock", ValueError, "the proxy sock://{} can't be used: correct"),
    ],
)
def test_a_proxy_that_is_not_there_or_misspelt_is_named_without_its_password(
    proxied: Callable[[str], None], scheme: str, error: type[Exception], said: str
) -> None:
    place = closed_address().removeprefix("http://")
    proxied(f"{scheme}://me:secret@{place}")
    with pytest.raises(error, match=said.format(place)):
        fetch("http://reviews.example/reviews.npz", HASH)


def test_a_socks_proxy_needs_a_library(
    proxied: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")
    monkeypatch.setattr(requests, "get", Mock(side_effect=missing))
    proxied("socks5h://127.0.0.1:1080")
    with pytest.raises(UnreachableError, match=r"socks5h://127\.0\.0\.1:1080 needs PySocks: pip install"):
        fetch("http://reviews.example/reviews.npz", HASH)


def test_a_password_is_taken_from_netrc(
    server: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert fetch(url, HASH) == BODY
    assert server.authorizations == [f"Basic {base64.b64encode(b'me:secret').decode()}"]


def test_the_environment_has_a_token(
    server: Server, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/reviews.npz?v=2&token=a%2Fb%2B%2B"] = [(200, BODY)]
    url = f"{server.address}/reviews.npz?v=2&token=$REVIEWS_TOKEN"
    monkeypatch.delenv("REVIEWS_TOKEN", raising=False)
    with pytest.raises(ValueError, match=r"reviews\.npz needs the environment variable REVIEWS_TOKEN"):
        fetch(url, HASH)
    monkeypatch.setenv("REVIEWS_TOKEN", "a/b+%2B")
    assert fetch(url, HASH) == BODY
    assert cached(keras_home) == [KEPT]


def test_secrets_in_an_address_are_not_shown() -> None:
    assert public_url("https://me:secret@host:8443/a/b.npz?token=secret") == "https://host:8443/a/b.npz"


def test_the_cache_is_keras_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", "/nowhere/to/be/found")
    assert cache_dir() == Path("/tmp/.keras/datasets")  # noqa: S108  (Keras' own choice)
