"""Files by HTTP and from the cache, from a server on loopback."""

from __future__ import annotations

import base64
import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from loopback import Server, closed_address, sha256
from pipeline.reviews.sources import fetching
from pipeline.reviews.sources.fetching import UnreachableError, cache_dir, fetch, public_url

BODY = b"some reviews" * 100
HASH = sha256(BODY)
KEPT = f"reviews-{HASH[7:19]}.npz"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "BACKOFF", 0.0)


def cached(keras_home: Path) -> list[str]:
    return sorted(path.name for path in keras_home.rglob("*") if path.is_file())


def test_a_file_is_fetched_once_and_kept(server: Server, keras_home: Path) -> None:
    server.answers["/a/reviews.npz"] = [(200, BODY)]
    assert fetch(f"{server.address}/a/reviews.npz", HASH) == BODY
    assert (keras_home / "datasets" / KEPT).read_bytes() == BODY
    assert fetch(f"{server.address}/a/reviews.npz", HASH) == BODY
    assert server.requested == ["/a/reviews.npz"]


def test_an_md5_is_checked_too(server: Server, keras_home: Path) -> None:
    server.answers["/x.json"] = [(200, b"hello")]
    assert fetch(f"{server.address}/x.json", "md5:5d41402abc4b2a76b9719d911017c592") == b"hello"
    with pytest.raises(ValueError, match=r"expected md5:0+ but got 5d41402abc4b2a76b9719d911017c592"):
        fetch(f"{server.address}/x.json", f"md5:{'0' * 32}")


def test_keras_own_copy_is_used_if_its_hash_is_right_and_else_left_alone(
    server: Server, keras_home: Path
) -> None:
    own = keras_home / "datasets" / "reviews.npz"
    own.parent.mkdir(parents=True)
    own.write_bytes(BODY)
    assert fetch(f"{server.address}/reviews.npz", HASH) == BODY
    assert server.requested == []
    own.write_bytes(b"the user's own")
    server.answers["/reviews.npz"] = [(200, BODY)]
    assert fetch(f"{server.address}/reviews.npz", HASH) == BODY
    assert own.read_bytes() == b"the user's own"


def test_a_cached_file_that_was_changed_is_fetched_again(server: Server, keras_home: Path) -> None:
    server.answers["/reviews.npz"] = [(200, BODY)]
    (keras_home / "datasets").mkdir(parents=True)
    (keras_home / "datasets" / KEPT).write_bytes(b"changed")
    assert fetch(f"{server.address}/reviews.npz", HASH) == BODY
    assert (keras_home / "datasets" / KEPT).read_bytes() == BODY


def test_a_wrong_hash_is_an_error_and_nothing_is_kept(server: Server, keras_home: Path) -> None:
    server.answers["/reviews.npz"] = [(200, b"something else")]
    with pytest.raises(ValueError, match=f"expected {HASH} but got") as caught:
        fetch(f"{server.address}/reviews.npz", HASH)
    assert not isinstance(caught.value, UnreachableError)
    assert cached(keras_home) == []
    assert len(server.requested) == 1


def test_an_overloaded_host_is_asked_again(server: Server, keras_home: Path) -> None:
    server.answers["/reviews.npz"] = [(503, b""), (429, b""), (200, BODY)]
    assert fetch(f"{server.address}/reviews.npz", HASH) == BODY
    assert len(server.requested) == 3


@pytest.mark.parametrize(("status", "requests"), [(503, 3), (403, 1)])
def test_a_host_that_lets_nobody_through_is_unreachable(
    server: Server, keras_home: Path, status: int, requests: int
) -> None:
    server.answers["/reviews.npz"] = [(status, b"")]
    with pytest.raises(UnreachableError, match=f"it answers {status}"):
        fetch(f"{server.address}/reviews.npz", HASH)
    assert len(server.requested) == requests


def test_a_body_that_breaks_off_is_unreachable_and_nothing_is_kept(server: Server, keras_home: Path) -> None:
    server.answers["/reviews.npz"] = [(200, BODY)]
    server.cut_at = 500
    with pytest.raises(UnreachableError, match="the connection breaks off"):
        fetch(f"{server.address}/reviews.npz", HASH)
    assert len(server.requested) == 3
    assert cached(keras_home) == []


def test_a_closed_port_is_unreachable(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UnreachableError, match="there is no connection"):
        fetch(f"{closed_address()}/reviews.npz", HASH)


def test_a_silent_host_is_unreachable(
    server: Server, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "READ_TIMEOUT", 0.05)
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    server.pause = 0.5
    with pytest.raises(UnreachableError, match="it doesn't answer in time"):
        fetch(f"{server.address}/reviews.npz", HASH)


def test_a_wrong_address_is_no_missing_network(server: Server, keras_home: Path) -> None:
    """The fallback would hide the typing error."""
    with pytest.raises(ValueError, match="it answers 404 Not Found; correct the address") as caught:
        fetch(f"{server.address}/nothing.npz", HASH)
    assert not isinstance(caught.value, UnreachableError)


def test_an_address_without_a_host_is_one_message(keras_home: Path) -> None:
    with pytest.raises(ValueError, match=r"can't be fetched \(InvalidURL\); correct the address"):
        fetch("http://:80/reviews.npz", HASH)


def test_a_cache_that_cannot_be_written_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    server.answers["/reviews.npz"] = [(200, BODY)]
    with pytest.raises(ValueError, match="set KERAS_HOME to a folder that can be written"):
        fetch(f"{server.address}/reviews.npz", HASH)


def test_a_full_disk_is_named_with_its_folder(keras_home: Path) -> None:
    def full(_: str, path: str, __: object) -> None:
        with Path(path).open("wb"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        ValueError, match=rf"be kept in {keras_home}/datasets \(No space left on device\): make"
    ):
        fetching.keep("http://host/reviews.npz", HASH, full)
    assert cached(keras_home) == []


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch, keras_home: Path) -> Callable[[str], None]:
    """Sets a proxy for all addresses."""

    def through(proxy: str) -> None:
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy)

    return through


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_not_there_is_named(proxied: Callable[[str], None], scheme: str) -> None:
    place = closed_address().removeprefix("http://")
    proxied(f"{scheme}://me:secret@{place}")
    with pytest.raises(UnreachableError) as caught:
        fetch("http://reviews.example/reviews.npz", HASH)
    assert str(caught.value).endswith(f"there is no connection through the proxy {scheme}://{place}")


def test_a_socks_proxy_without_its_library_is_not_the_addresss_fault(
    proxied: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr(requests, "get", refuse)
    proxied("socks5h://127.0.0.1:1080")
    with pytest.raises(UnreachableError, match=r"socks5h://127\.0\.0\.1:1080 needs PySocks: pip install"):
        fetch("http://reviews.example/reviews.npz", HASH)


def test_a_misspelt_proxy_is_told_of(proxied: Callable[[str], None]) -> None:
    proxied("sock://127.0.0.1:1080")
    with pytest.raises(ValueError, match=r"the proxy sock://127\.0\.0\.1:1080 can't be used: correct"):
        fetch("http://reviews.example/reviews.npz", HASH)


def test_a_password_is_taken_from_netrc(
    server: Server, keras_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answers["/reviews.npz"] = [(200, BODY)]
    assert fetch(f"{server.address}/reviews.npz", HASH) == BODY
    assert server.authorizations == [f"Basic {base64.b64encode(b'me:secret').decode()}"]


def test_a_token_is_taken_from_the_environment(
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
