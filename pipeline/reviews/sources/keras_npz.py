"""Reads Keras' ragged data sets (imdb.npz) without letting their pickles call anything.

Their arrays of lists can't be stored but as pickles. ``numpy.load(allow_pickle=True)`` would run whatever a
pickle names; this unpickler knows three names, those that rebuild an array.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any, NoReturn

import numpy as np
from numpy._core.multiarray import _reconstruct

# numpy 1 and 2 name the module differently. Nothing is imported by name.
_ARRAY_PARTS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays of lists and numbers; any other name in the pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """The array part of that name.

        Raises:
            pickle.UnpicklingError: for every name that isn't one.
        """
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no part of an array")
        return _ARRAY_PARTS[module, name]

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuses references to objects outside the pickle."""
        raise pickle.UnpicklingError("it refers to something outside itself")


def read_keras_npz(content: bytes, ragged: tuple[str, ...], flat: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays of an .npz whose hash has been checked.

    Args:
        content: the file.
        ragged: names of arrays of lists: object (num_sequences,).
        flat: names of arrays of numbers: (num_sequences,).

    Raises:
        ValueError: if it is no .npz, lacks an array, or holds anything but arrays of lists and numbers.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {name: _read_lists(archive.read(f"{name}.npy")) for name in ragged}
            for name in flat:
                with archive.open(f"{name}.npy") as member:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    except KeyError as error:
        raise ValueError(f"the .npz lacks an array: {error.args[0]}") from None
    # What a broken pickle may raise, after the pickle module's documentation.
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        IndexError,
        TypeError,
    ) as error:
        raise ValueError(f"the .npz can't be read: {error}") from None
    for name, values in arrays.items():
        if values.ndim != 1:
            raise ValueError(f"the .npz's array {name} must be flat, but its shape is {values.shape}")
    return arrays


def _read_lists(npy: bytes) -> np.ndarray:
    """The object array of lists in a .npy file."""
    file = io.BytesIO(npy)
    version = np.lib.format.read_magic(file)
    if version not in _HEADER_READERS:
        raise ValueError(f"the .npy version must be 1.0 or 2.0, but is {version}")
    _, _, dtype = _HEADER_READERS[version](file)
    if dtype.kind != "O":
        raise ValueError(f"the reviews must be an array of lists, but they are of type {dtype}")
    values = ArrayUnpickler(file).load()
    if not isinstance(values, np.ndarray) or set(map(type, values.flat)) - {list}:
        raise ValueError("the reviews must be an array of lists, but something else is in the pickle")
    return values
