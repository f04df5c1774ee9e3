import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from pipeline.evaluation.ngrams import find_ngrams
from pipeline.reviews.ragged import Ragged, flatten


def ragged(*reviews: list[int]) -> Ragged:
    return Ragged(*flatten(reviews))


def test_padding_is_left_out_on_either_side_and_between_nothing() -> None:
    before = Ragged.from_padded(np.array([[0, 0, 1, 5], [0, 0, 0, 0], [1, 2, 3, 4]]))
    behind = Ragged.from_padded(np.array([[1, 5, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]]))
    for reviews in (before, behind):
        assert reviews.tokens.tolist() == [1, 5, 1, 2, 3, 4]
        assert reviews.offsets.tolist() == [0, 2, 2, 6]


def test_a_run_counts_if_two_reviews_hold_it_and_never_goes_on_into_the_next_review() -> None:
    # 7 stands twice in one review only; 5 4 stands across the border of the first two only.
    ngrams, counts = find_ngrams(ragged([4, 5], [4, 5, 4, 5], [7, 7]), longest=2)
    assert [keys.tolist() for keys in ngrams.keys] == [[4, 5], [0 * 8 + 5]]
    assert counts.toarray().tolist() == [[1, 1, 1], [2, 2, 2], [0, 0, 0]]


@pytest.mark.parametrize("longest", [1, 2, 3, 5])
def test_counts_are_those_of_scikit_learns_vectorizer(longest: int) -> None:
    random = np.random.default_rng(longest)
    lists = [random.integers(1, 9, random.integers(0, 30)).tolist() for _ in range(60)]
    texts = [" ".join(map(str, tokens)) for tokens in lists]
    vectorizer = CountVectorizer(
        analyzer="word", tokenizer=str.split, token_pattern=None, ngram_range=(1, longest), min_df=2
    )
    expected = vectorizer.fit_transform(texts[:40])
    ngrams, counts = find_ngrams(ragged(*lists[:40]), longest)
    assert len(ngrams) == counts.shape[1] == expected.shape[1]

    def columns(matrix: np.ndarray) -> list[list[int]]:
        return sorted(matrix.T.astype(int).tolist())

    assert columns(counts.toarray()) == columns(expected.toarray())
    others = ngrams.counts(ragged(*lists[40:]))
    assert columns(others.toarray()) == columns(vectorizer.transform(texts[40:]).toarray())
    # What is counted at once and later is the same, and in parts too.
    parts = [ngrams.counts(part).toarray() for part in ragged(*lists[:40]).parts(20)]
    np.testing.assert_array_equal(np.concatenate(parts), counts.toarray())
    np.testing.assert_array_equal(ngrams.counts(ragged(*lists[:40])).toarray(), counts.toarray())


def test_tokens_that_were_never_seen_match_nothing_whatever_their_ids() -> None:
    ngrams, _ = find_ngrams(ragged([1, 3, 3], [1, 3, 3]), 2)
    assert [keys.tolist() for keys in ngrams.keys] == [[1, 3], [0 * 4 + 3, 1 * 4 + 3]]
    # Were ids from the base of 4 on let in, 1 7 would be 0 * 4 + 7, the number of 3 3.
    counts = ngrams.counts(ragged([9, 1], [1, 7, 3], []))
    assert counts.toarray().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_ids_of_a_large_vocabulary_stay_apart_in_runs_of_five() -> None:
    ids = [2_000_000_000, 2_000_000_001, 1_999_999_999, 5, 2_000_000_000]
    ngrams, counts = find_ngrams(ragged(ids, ids), 5)
    assert [len(keys) for keys in ngrams.keys] == [4, 4, 3, 2, 1]
    assert counts.toarray()[0].sum() == 5 + 4 + 3 + 2 + 1


def test_reviews_that_share_no_token_are_refused() -> None:
    with pytest.raises(ValueError, match="no token stands in 2 or more of 2 reviews"):
        find_ngrams(ragged([4], [5, 5]), 2)
