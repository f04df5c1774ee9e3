"""The unpickler that calls nothing."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.reviews.sources.imdb import read_keras_npz

HEADER = {"descr": "|O", "fortran_order": False, "shape": (2,)}


def lists(*values: object) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def npz(**members: bytes | np.ndarray) -> bytes:
    """An .npz; bytes stand for an object array's pickle, as they are."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            file = io.BytesIO()
            if isinstance(member, bytes):
                np.lib.format.write_array_header_1_0(file, HEADER)
                file.write(member)
            else:
                np.lib.format.write_array(file, member)
            archive.writestr(f"{name}.npy", file.getvalue())
    return content.getvalue()


@pytest.mark.parametrize("numpy_version", [1, 2])
def test_lists_are_read_as_numpy_1_and_2_write_them(numpy_version: int) -> None:
    content = pickle.dumps(lists([1, 70000], []), protocol=numpy_version + 2)  # each one's default in np.save
    if numpy_version == 1:
        assert b"cnumpy._core.multiarray\n" in content
        content = content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    arrays = read_keras_npz(npz(x=content, y=np.array([0, 1])), ragged=("x",), flat=("y",))
    assert arrays["x"].tolist() == [[1, 70000], []]
    assert arrays["y"].tolist() == [0, 1]


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_calls_something_is_refused(tmp_path: Path) -> None:
    made = tmp_path / "made"
    content = pickle.dumps(lists([1], Malicious(made)))
    with pytest.raises(ValueError, match=r"asks for (posix|nt)\.system, which is no part of an array"):
        read_keras_npz(npz(x=content), ragged=("x",), flat=())
    assert not made.exists()
    pickle.loads(content)  # noqa: S301  (shows that the pickle is what it is said to be)
    assert made.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip at all", "can't be read"),
        (npz(y=np.zeros(2)), "lacks an array"),
        (npz(x=np.zeros(2)), "must be an array of lists, but they are of type float64"),
        (npz(x=pickle.dumps([[1], [2]])), "something else is in the pickle"),
        (npz(x=pickle.dumps(lists((1,), (2,)))), "something else is in the pickle"),
        (npz(x=pickle.dumps(lists([1], [2]))[:-20]), "can't be read"),
        (npz(x=pickle.dumps(lists([1], [2]).reshape(1, 2))), r"must be flat, but its shape is \(1, 2\)"),
        (npz(x=b"Pid\n."), "can't be read: it refers to something outside itself"),
        (npz(x=b"cbuiltins\neval\n."), "asks for builtins.eval"),
        (npz(x=b"cnumpy\nload\n."), "asks for numpy.load"),
        (npz(x=b"cnumpy._core.multiarray\nfromfile\n."), "asks for numpy._core.multiarray.fromfile"),
    ],
)
def test_what_is_no_array_of_lists_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_keras_npz(content, ragged=("x",), flat=())


def test_a_flat_array_may_not_be_a_pickle() -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_keras_npz(npz(y=pickle.dumps(lists(1, 2))), ragged=(), flat=("y",))
