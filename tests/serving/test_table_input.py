"""Every way of giving texts to the registered model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.serving.pyfunc_model import texts_of

BOTH = ["Fine.", "NA"]


@pytest.mark.parametrize(
    "given",
    [
        BOTH,
        tuple(BOTH),
        np.array(BOTH),
        pd.Series(BOTH),
        pd.Series(BOTH, name="review"),
        [{"text": text, "id": 1} for text in BOTH],
        {"text": BOTH, "id": [1, 2]},
        {"text": np.array(BOTH)},
        pd.DataFrame({"id": ["a", "b"], "text": BOTH}),
        pd.DataFrame(BOTH),
    ],
    ids=lambda given: type(given).__name__,
)
def test_tables_and_texts_alone_are_read_alike(given: Any) -> None:
    assert texts_of(given).tolist() == BOTH


@pytest.mark.parametrize("given", ["Fine.", ["Fine."], {"text": "Fine."}, [{"text": "Fine."}]])
def test_one_text(given: Any) -> None:
    assert texts_of(given).tolist() == ["Fine."]


def test_the_callers_index_stays() -> None:
    assert texts_of(pd.DataFrame({"text": BOTH}, index=[7, 3])).index.tolist() == [7, 3]
    assert texts_of(pd.Series(BOTH, ["b", "a"])).index.tolist() == ["b", "a"]


def test_nothing_is_read_as_nothing() -> None:
    assert texts_of([]).tolist() == []
    assert texts_of(pd.DataFrame({"text": []})).tolist() == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (pd.DataFrame({"review": BOTH}), "there is no column 'text', only 'review'"),
        (pd.DataFrame({0: BOTH, 1: BOTH}), "there is no column 'text', only 0, 1"),
        ([{"review": "Fine."}], "there is no column 'text', only 'review'"),
        (pd.DataFrame([BOTH], columns=["text", "text"]), "'text' stands twice"),
        (5, "or a list of texts, but is a int"),
        (None, "or a list of texts, but is a NoneType"),
        (np.array(5), "or a list of texts, but is a ndarray"),
    ],
)
def test_anything_else_is_refused(given: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        texts_of(given)
