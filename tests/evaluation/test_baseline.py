import numpy as np

from pipeline.evaluation.baseline import baseline_probabilities, fit_baseline


def test_the_baseline_ignores_padding_and_reads_pairs_only_if_asked() -> None:
    """Order alone tells the label here: 4 5 is positive, 5 4 is negative, so single words can't."""
    token_ids = np.array([[0, 0, 1, 4, 5], [0, 0, 1, 5, 4]] * 20)
    labels = np.array([1, 0] * 20)
    single = baseline_probabilities(fit_baseline(token_ids, labels, 1, seed=0), token_ids)
    np.testing.assert_allclose(single, 0.5, atol=1e-6)
    pairs = fit_baseline(token_ids, labels, 2, seed=0)
    assert np.array_equal(baseline_probabilities(pairs, token_ids) > 0.5, labels == 1)
    shifted = np.roll(token_ids, -2, axis=1)  # padding behind instead of before
    np.testing.assert_allclose(
        baseline_probabilities(pairs, shifted), baseline_probabilities(pairs, token_ids)
    )
