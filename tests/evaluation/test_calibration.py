from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.calibration import bins_of, expected_calibration_error, reliability

LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([0.12, 0.18, 0.75, 0.71, 1.0])


def test_ten_bins_of_equal_width_with_one_in_the_last() -> None:
    given = np.array([0.0, 0.05, 0.1, 0.55, 0.99, 1.0], np.float32)
    assert bins_of(given).tolist() == [0, 0, 1, 5, 9, 9]


def test_the_error_worked_by_hand() -> None:
    """Bin 1: half positive, mean 0.15, two reviews. Bin 7: half, 0.73, two. Bin 9: all, 1.0, one."""
    expected = 2 / 5 * (0.5 - 0.15) + 2 / 5 * (0.73 - 0.5) + 1 / 5 * 0
    assert expected_calibration_error(LABELS, PROBABILITIES) == pytest.approx(expected)


def test_the_diagram_leaves_empty_bins_out() -> None:
    rows = reliability(LABELS, PROBABILITIES)
    assert [row["reviews"] for row in rows] == [2, 2, 1]
    assert [row["probability"] for row in rows] == pytest.approx([0.15, 0.73, 1.0])
    assert [row["positive_share"] for row in rows] == [0.5, 0.5, 1.0]
    assert [(row["from"], row["to"]) for row in rows] == [(0.12, 0.18), (0.71, 0.75), (1.0, 1.0)]
