"""From text to label: the encoder, the threshold, unknown words, and the contribution of a word."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.reviews.padding import pad_texts
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving.classifier import UNDECIDED, TextClassifier, write_classifier
from pipeline.serving.onnx_export import to_onnx
from pipeline.serving.onnx_network import Network, OnnxNetwork
from texts import vocabulary_of
from two_labels import both

# Ids: great 4, film 5, bad 6; "rare" would be 7, beyond vocab_size.
VOCABULARY = Vocabulary(("great", "film", "bad", "rare"))
LAYOUT: dict[str, Any] = {"vocab_size": 7, "max_length": 4, "padding": "pre", "truncating": "pre"}
DATASET = LAYOUT | {"labels": ["negative", "positive"], "name": "tiny", "digest": "sha256:0", "source": {}}
WEIGHTS = np.array([0.0, 0.1, -0.2, 0.0, 2.0, 0.3, -3.0])  # of an id, in log-odds


def summing(weights: np.ndarray) -> Network:
    """The log-odds are the sum of the ids' weights, so that every answer is known."""
    return lambda token_ids: both(1 / (1 + np.exp(-weights[token_ids].sum(1))))


def log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


@pytest.fixture
def classifier() -> TextClassifier:
    return TextClassifier(summing(WEIGHTS), VOCABULARY, LAYOUT, ("negative", "positive"), 0.5)


def test_labels_probabilities_and_unknown_shares(classifier: TextClassifier) -> None:
    scores = classifier.score(["Great film!", "bad, rare film", "unheard-of words"])
    assert scores.labels == ["positive", "negative", UNDECIDED]
    # Every row begins with START_ID, and the last one's three words are unknown.
    expected = [0.1 + 2.0 + 0.3, 0.1 - 3.0 - 0.2 + 0.3, 0.1 - 0.2 * 3]
    np.testing.assert_allclose([log_odds(p) for p in scores.probabilities], expected, rtol=1e-5)
    np.testing.assert_allclose(scores.unknown_shares, [0, 1 / 3, 1])


def test_only_the_words_that_are_read_count(classifier: TextClassifier) -> None:
    scores = classifier.score(["bad " * 1000 + "great great great great", "unknown great great great great"])
    np.testing.assert_allclose([log_odds(p) for p in scores.probabilities], [8.0, 8.0], rtol=1e-3)
    assert scores.unknown_shares.tolist() == [0, 0]


def test_the_threshold_is_inclusive_and_can_be_replaced(classifier: TextClassifier) -> None:
    (probability,) = classifier.score(["great film"]).probabilities
    assert classifier.score(["great film"], float(probability)).labels == ["positive"]
    assert classifier.score(["great film"], float(probability) + 1e-6).labels == ["negative"]


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_out_of_range_is_refused(classifier: TextClassifier, threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0 and below 1"):
        classifier.score(["great"], threshold)


@pytest.mark.parametrize(
    ("text", "named"),
    [(None, "is missing"), (float("nan"), "is missing"), (5, "is a number"), (["a"], "is a list")],
)
def test_a_text_that_is_no_string_is_refused(classifier: TextClassifier, text: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"text 1 must be a string, but {named}"):
        classifier.score(["great", text])


def test_no_text_at_all_gives_no_score(classifier: TextClassifier) -> None:
    scores = classifier.score([])
    assert (scores.labels, len(scores.probabilities), len(scores.unknown_shares)) == ([], 0, 0)


def test_a_contribution_is_what_the_log_odds_lose_without_the_word(classifier: TextClassifier) -> None:
    for label, sign in ((None, 1), ("positive", 1), ("negative", -1)):
        words, found = zip(*classifier.explain("rare great, BAD", label), strict=True)
        assert words == ("rare", "great", "bad")
        expected = [0.0, 2.0 + 0.2, -3.0 + 0.2]  # made unknown, a word's weight becomes -0.2
        np.testing.assert_allclose(found, np.multiply(sign, expected), atol=1e-4)


@pytest.mark.parametrize(
    ("truncating", "read"), [("pre", ["great", "film", "bad", "film"]), ("post", ["bad", "great", "film"])]
)
def test_an_explanation_covers_the_words_that_are_read(
    truncating: str, read: list[str], classifier: TextClassifier
) -> None:
    classifier = replace(classifier, layout=LAYOUT | {"truncating": truncating})
    assert [word for word, _ in classifier.explain("bad great film bad film")] == read
    assert classifier.explain("...") == []


@pytest.mark.parametrize("tokens", ["characters", "subwords"])
def test_characters_and_subwords_are_explained_as_words_are(tokens: str) -> None:
    """Every token weighs 1 against the log-odds of 0.1 for the start; made unknown it weighs -0.2."""
    vocabulary = vocabulary_of(["很好看", "太无聊"] * 9, tokens, 50)
    layout = LAYOUT | {"vocab_size": 30, "max_length": 9}
    weights = np.concatenate([WEIGHTS[:4], np.ones(26)])
    classifier = TextClassifier(summing(weights), vocabulary, layout, ("bad", "good"), 0.5)
    explained = classifier.explain("很好看鯨")
    assert "".join(word for word, _ in explained).strip() == "很好看鯨"
    values = [value for _, value in explained]
    np.testing.assert_allclose(values[:-1], 1.2, atol=1e-6)
    assert values[-1] == 0
    assert classifier.score(["很好看鯨"]).unknown_shares[0] == pytest.approx(1 / len(explained))


WORDS = tuple(f"w{number}" for number in range(40))
TELLING = 4  # words of each label, the first ones of WORDS
NAMES = ("bad", "mixed", "good")


def reviews_of(label: int, count: int, random: np.random.Generator) -> list[list[str]]:
    """Reviews of eleven words: two tell the label, one tells another, and the others nothing."""
    texts = []
    for _ in range(count):
        told = np.array([label, label, (label + random.integers(1, 3)) % 3])
        numbers = [*(random.integers(0, TELLING, 3) + TELLING * told), *random.integers(12, len(WORDS), 8)]
        texts.append([WORDS[number] for number in random.permutation(numbers)])
    return texts


def learnt(folder: Path) -> TextClassifier:
    """A classifier with a network that was trained on such reviews."""
    random, vocabulary = np.random.default_rng(0), Vocabulary(WORDS)
    layout = LAYOUT | {"vocab_size": 44, "max_length": 12}
    texts = [" ".join(words) for label in range(3) for words in reviews_of(label, 200, random)]
    keras.utils.set_random_seed(0)
    token_ids = keras.Input((12,), dtype="int32")
    states = keras.layers.GRU(8)(keras.layers.Embedding(44, 8)(token_ids))
    model = keras.Model(token_ids, keras.layers.Dense(3, "softmax")(states))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    rows, labels = pad_texts(texts, vocabulary, **layout), np.repeat(np.arange(3), 200)
    model.fit(rows, labels, batch_size=16, epochs=8, verbose=0)
    (folder / "model.onnx").write_bytes(to_onnx(model).SerializeToString())
    return TextClassifier(OnnxNetwork(folder / "model.onnx"), vocabulary, layout, NAMES, 0.5)


def test_the_words_named_for_a_label_are_those_that_its_answer_hangs_on(tmp_path: Path) -> None:
    """Deletion: without the two words named first the label loses far more than without two others."""
    classifier, random = learnt(tmp_path), np.random.default_rng(1)

    def loss(text: list[str], places: np.ndarray, label: int) -> float:
        """What the log-odds of the label lose when the words at ``places`` are deleted."""
        shorter = [word for place, word in enumerate(text) if place not in places]
        before, after = classifier.score([" ".join(text), " ".join(shorter)]).by_label[:, label]
        return log_odds(before) - log_odds(after)

    for label, name in enumerate(NAMES):
        named, others, telling = [], [], 0
        for text in reviews_of(label, 20, random):
            order = np.argsort([word.contribution for word in classifier.explain(" ".join(text), name)])
            telling += sum(WORDS.index(text[place]) // TELLING == label for place in order[-2:])
            named.append(loss(text, order[-2:], label))
            others.append(loss(text, random.choice(order[:-2], 2, replace=False), label))
        assert np.mean(named) > 4 * abs(np.mean(others)), name
        assert telling >= 0.9 * 2 * 20, name


def test_a_written_classifier_scores_as_its_network(tmp_path: Path) -> None:
    token_ids = keras.Input((4,), dtype="int32")
    states = keras.layers.GRU(2)(keras.layers.Embedding(7, 3)(token_ids))
    model = keras.Model(token_ids, keras.layers.Dense(1, "sigmoid")(states))
    model.save(tmp_path / "model.keras")
    onnx = to_onnx(model).SerializeToString()
    write_classifier(tmp_path / "c", onnx, tmp_path / "model.keras", VOCABULARY, DATASET, threshold=0.4)
    loaded = TextClassifier.load(tmp_path / "c")
    expected = keras.ops.convert_to_numpy(model(np.array([[0, 1, 4, 2], [1, 6, 5, 5]])))[:, 0]
    scores = loaded.score(["great rare", "bad film film"])
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-6)
    assert loaded.threshold == 0.4
    assert Vocabulary.load(tmp_path / "c/vocabulary.json").words == ("great", "film", "bad")
    assert (tmp_path / "c/stacked_rnn.keras").read_bytes() == (tmp_path / "model.keras").read_bytes()
