"""What callers of the registered model give it, as one column of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

TEXT = "text"
_UNNAMED = (0, "0", None)  # what pandas and Spark call the column of a list


def texts_of(model_input: Any) -> pd.Series:
    """The texts, with the caller's index.

    >>> texts_of([{"text": "Fine."}, {"text": "Dull."}]).tolist()
    ['Fine.', 'Dull.']

    Args:
        model_input: a table (DataFrame, list of dicts, dict of columns) with a column `text` and any
            others; or texts alone: a string, or a list, array or Series of strings.

    Returns:
        dtype object; what isn't a string is left as it is.

    Raises:
        ValueError: for a table without a column `text`, or with two; for anything else.
    """
    if isinstance(model_input, str):
        model_input = [model_input]
    if isinstance(model_input, Mapping):
        model_input = pd.DataFrame({name: _column(values) for name, values in model_input.items()})
    if isinstance(model_input, list | tuple) and any(isinstance(item, Mapping) for item in model_input):
        model_input = pd.DataFrame.from_records(
            [item if isinstance(item, Mapping) else {TEXT: item} for item in model_input]
        )
    if isinstance(model_input, pd.DataFrame):
        return _text_column(model_input)
    if isinstance(model_input, pd.Series):
        return model_input.astype(object)
    if isinstance(model_input, list | tuple) or (isinstance(model_input, np.ndarray) and model_input.ndim):
        flat = np.empty(len(model_input), object)
        flat[:] = list(model_input)
        return pd.Series(flat)
    raise ValueError(
        f"the input must be a table with a column {TEXT!r} or a list of texts, but is a "
        f"{type(model_input).__name__}"
    )


def _column(values: Any) -> list[Any]:
    """The values of one column of a dict; a text alone is a column of one."""
    return [values] if isinstance(values, str) or np.ndim(values) == 0 else list(values)


def _text_column(table: pd.DataFrame) -> pd.Series:
    names = list(table.columns)
    if names.count(TEXT) > 1:
        raise ValueError(f"the column {TEXT!r} stands twice: rename one of them")
    if TEXT in names:
        return table[TEXT].astype(object)
    if len(names) == 1 and names[0] in _UNNAMED:
        return table[names[0]].astype(object)
    raise ValueError(f"there is no column {TEXT!r}, only {', '.join(map(repr, names)) or 'none'}")
