"""Probabilities of two labels from those of the second one, which tests are written with."""

import numpy as np
import numpy.typing as npt


def both(second: npt.ArrayLike) -> np.ndarray:
    """(num_reviews,) to (num_reviews, 2)."""
    values = np.asarray(second, float)
    return np.column_stack([1 - values, values])
