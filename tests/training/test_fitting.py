"""One small fit looked at from all sides, and the parts of training by value."""

import math
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.evaluation.probabilities import decide, right
from pipeline.networks.fused import choose_implementation
from pipeline.networks.stacked_rnn import WordDropout, build_stacked_rnn
from pipeline.params import TrainParams
from pipeline.training import compiled as prediction
from pipeline.training.batches import STEPS_A_CALL, shuffled_batches
from pipeline.training.compiled import Average, label_objective
from pipeline.training.fitting import Split, build_optimizer, fit
from pipeline.training.task import Epoch, Trained
from plain import plain_params
from random_networks import ngram_vectors
from two_labels import both

PARAMS = plain_params().replace(
    {"pad.vocab_size": 20, "model.depth": 1, "model.units": 4, "model.embedding_dim": 6, "tune.trials": 1}
    | {"train.epochs": 4, "train.batch_size": 16, "train.learning_rate": 0.02, "train.patience": None}
)


def predict(model: keras.Model, token_ids: np.ndarray, batch_size: int = 256) -> np.ndarray:
    implementation = choose_implementation(PARAMS.model, PARAMS.train)
    return prediction.compile_prediction(model, implementation)(token_ids, batch_size)


def reviews(count: int, seed: int) -> Split:
    """Positive where ids above 10 are in the majority among the last five."""
    token_ids = np.random.default_rng(seed).integers(1, 20, (count, 8)).astype(np.int32)
    return Split(token_ids, ((token_ids[:, -5:] > 10).sum(axis=1) > 2).astype(np.int64))


TRAIN, VALIDATION = reviews(70, 0), reviews(300, 1)
ARGS = (TRAIN, VALIDATION, 9)


@pytest.fixture(scope="module")
def reported() -> list[Epoch]:
    return []


@pytest.fixture(scope="module")
def fitted(reported: list[Epoch]) -> Trained:
    return fit(PARAMS, *ARGS, listen=reported.append)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    chosen = np.where(labels == 1, probabilities, 1 - probabilities).astype(np.float64)
    return float(-np.log(chosen).mean())


def test_fit_learns_and_reports_every_epoch(fitted: Trained, reported: list[Epoch]) -> None:
    ended = [epoch for epoch in reported if epoch.has_ended]
    assert [epoch.number for epoch in ended] == [1, 2, 3, 4]
    assert tuple(epoch.metrics for epoch in ended) == fitted.history
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]
    assert fitted.history[-1]["accuracy"] > 0.7
    assert all(metrics["gradient_norm"] > 0 for metrics in fitted.history)
    assert fitted.implementation == "fused"
    assert fitted.seconds > 0


def test_model_has_the_weights_of_the_epoch_of_least_validation_loss(fitted: Trained) -> None:
    losses = [metrics["validation_loss"] for metrics in fitted.history]
    assert fitted.best_epoch == 1 + losses.index(min(losses))
    assert fitted.best is fitted.history[fitted.best_epoch - 1]
    probabilities = predict(fitted.network, VALIDATION.token_ids)[:, 1]
    assert math.isclose(log_loss(probabilities, VALIDATION.labels), min(losses), rel_tol=1e-5)
    accuracy = ((probabilities > 0.5) == VALIDATION.labels).mean()
    assert accuracy == fitted.best["validation_accuracy"]


def test_prediction_does_not_depend_on_the_batch_size(fitted: Trained) -> None:
    plain = np.asarray(keras.ops.convert_to_numpy(fitted.network(VALIDATION.token_ids)))[:, 0]
    ours = predict(fitted.network, VALIDATION.token_ids, batch_size=7)
    assert ours.shape == (300, 2)
    np.testing.assert_allclose(ours[:, 1], plain, atol=1e-6)
    assert predict(fitted.network, VALIDATION.token_ids[:0]).shape == (0, 2)


def test_what_its_listener_raises_ends_the_fit_and_one_seed_gives_one_result(fitted: Trained) -> None:
    class Pruned(Exception):  # noqa: N818 - as Optuna's
        pass

    seen: list[dict[str, float]] = []

    def prune(epoch: Epoch) -> None:
        if epoch.has_ended:
            seen.append(epoch.metrics)
        if epoch.has_ended and epoch.number == 2:
            raise Pruned

    with pytest.raises(Pruned):
        fit(PARAMS, *ARGS, listen=prune)
    assert tuple(seen) == fitted.history[:2], "digit for digit"
    other = fit(PARAMS.replace({"train.epochs": 1}), TRAIN, VALIDATION, 10)
    assert other.history[0]["loss"] != fitted.history[0]["loss"]


def test_fit_stops_when_patience_is_spent_and_goes_back_to_the_best_epoch() -> None:
    opposite = Split(TRAIN.token_ids, 1 - TRAIN.labels)  # the better the fit, the worse the validation
    params = PARAMS.replace({"train.patience": 2, "train.epochs": 30, "model.dropout": 0.0})
    fitted = fit(params, TRAIN, opposite, 9)
    losses = [metrics["validation_loss"] for metrics in fitted.history]
    assert len(losses) == fitted.best_epoch + 2 < 30
    assert math.isclose(
        log_loss(predict(fitted.network, TRAIN.token_ids)[:, 1], opposite.labels), min(losses), rel_tol=1e-5
    )


def test_pretraining_gives_another_start_from_the_same_seed(fitted: Trained) -> None:
    params = PARAMS.replace({"pretrain.epochs": 1, "train.epochs": 1})
    pretrained = fit(params, *ARGS, windows=TRAIN.token_ids)
    assert pretrained.history[0]["loss"] != fitted.history[0]["loss"]


def train_params(**values: Any) -> TrainParams:
    return PARAMS.replace({f"train.{key}": value for key, value in values.items()}).train


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("constant", [0.1, 0.1, 0.1]), ("linear", [0.1, 0.05, 0.0]), ("cosine", [0.1, 0.05, 0.0])],
)
def test_schedule_runs_from_the_learning_rate_to_zero(schedule: str, rates: list[float]) -> None:
    optimizer = build_optimizer(train_params(schedule=schedule, learning_rate=0.1), steps=10)
    for step, rate in zip((0, 5, 10), rates, strict=True):
        optimizer.iterations.assign(step)
        assert math.isclose(float(optimizer.learning_rate), rate, abs_tol=1e-7)


def moved(**values: Any) -> np.ndarray:
    """Where (3, 4) goes in one step with the gradient (3, 4) and a learning rate of 0.1."""
    train, start = train_params(learning_rate=0.1, **values), np.array([3.0, 4.0], np.float32)
    variable, optimizer = keras.Variable(start), build_optimizer(train, steps=1)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(start)], [variable])
    assert optimizer.global_clipnorm == train.clipnorm
    return np.asarray(keras.ops.convert_to_numpy(variable))


# Clipped to a norm of 1e-6, the gradient is (6e-7, 8e-7).
CLIPPED = np.array([6e-7, 8e-7])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"optimizer": "adam"}, [2.9, 3.9]),  # its first step is the learning rate
        # First it takes off rate * decay of the weight.
        ({"optimizer": "adamw", "weight_decay": 0.5}, [3 * 0.95 - 0.1, 4 * 0.95 - 0.1]),
        ({"optimizer": "rmsprop"}, np.array([3, 4]) - 0.1 / math.sqrt(1 - 0.9)),
        # Adam divides by the gradient plus 1e-7 * sqrt(1000): only so small does clipping show.
        (
            {"optimizer": "adam", "clipnorm": 1e-6},
            np.array([3, 4]) - 0.1 * CLIPPED / (CLIPPED + 1e-7 * math.sqrt(1000)),
        ),
    ],
)
def test_each_optimizer_takes_its_own_first_step(values: dict[str, Any], expected: Any) -> None:
    np.testing.assert_allclose(moved(**values), expected, atol=1e-4 if "rms" in str(values) else 1e-5)


@pytest.mark.parametrize("count", [1, 16, 17, 16 * STEPS_A_CALL, 16 * STEPS_A_CALL + 5])
def test_batches_hold_every_review_once(count: int) -> None:
    order = np.random.default_rng(0).permutation(count)
    calls = list(shuffled_batches(None, count, 8, 16, np.random.default_rng(0)))
    rows = np.concatenate([call.rows[: call.steps].ravel() for call in calls])
    weights = np.concatenate([call.weights[: call.steps].ravel() for call in calls])
    np.testing.assert_array_equal(rows[weights == 1], order)
    assert sum(call.steps for call in calls) == math.ceil(count / 16)
    assert all(call.weights[: call.steps].any(axis=1).all() for call in calls)
    assert {call.rows.shape for call in calls} == {(STEPS_A_CALL, 16)}


@pytest.mark.parametrize("count", [1, 17, 16 * 50 + 5])
def test_batches_by_length_hold_every_review_once_and_all_its_words(count: int) -> None:
    lengths = np.random.default_rng(1).integers(1, 401, count)
    calls = list(shuffled_batches(lengths, count, 400, 16, np.random.default_rng(0)))
    seen = [call.rows[: call.steps][call.weights[: call.steps] == 1] for call in calls]
    assert sorted(np.concatenate(seen).tolist()) == list(range(count))
    for call, rows in zip(calls, seen, strict=True):
        assert lengths[rows].max() <= call.timesteps
        assert call.timesteps - lengths[rows].max() < 200  # the next narrower program would not hold it


def test_a_masked_network_is_fitted_fused_and_padding_changes_nothing() -> None:
    values = {"model.masking": True, "train.epochs": 1, "pad.padding": "post"}
    values |= {"model.depth": 2, "model.layer_pooling": "max", "model.pooling": "max_mean"}
    params = PARAMS.replace(values)
    train, validation = (
        part._replace(token_ids=np.pad(part.token_ids, ((0, 0), (0, 3)))) for part in ARGS[:2]
    )
    short, long = fit(params, *ARGS), fit(params, train, validation, 9)
    assert short.implementation == "fused"
    assert math.isclose(short.history[0]["loss"], long.history[0]["loss"], rel_tol=1e-4)
    ours, plain = predict(short.network, VALIDATION.token_ids), short.network(validation.token_ids)
    np.testing.assert_allclose(ours[:, 1], np.asarray(plain)[:, 0], atol=1e-5)


def test_vectors_that_stay_are_read_and_not_changed() -> None:
    ngrams = ngram_vectors(60, 20)
    found = fit(PARAMS.replace({"train.average_decay": 0.9, "train.patience": 4}), *ARGS, ngrams=ngrams)
    for field in ("words", "pairs", "places", "slots"):
        (held,) = found.network.get_layer(f"ngram_{field}").get_weights()
        np.testing.assert_array_equal(held, getattr(ngrams, field))
    said = right(VALIDATION.labels, predict(found.network, VALIDATION.token_ids)).mean()
    assert said == pytest.approx(found.best["validation_accuracy"])


def test_an_average_of_the_weights_soon_forgets_the_first_steps() -> None:
    """After step 1 it keeps 2/11 of itself: 1 + 9/11 (12 - 1); after step 1000 0.9: 10 + 0.1 (20 - 10)."""
    weight = keras.Variable(np.array([1.0], np.float32))
    average = Average.of([weight], decay=0.9)
    for step, value, expected in ((1, 12.0, 10.0), (1000, 20.0, 11.0)):
        weight.assign([value])
        average.follow([weight], keras.ops.convert_to_tensor(step))
        assert float(average.values[0][0]) == pytest.approx(expected)


def test_word_dropout_hides_words_in_training_only() -> None:
    layer = WordDropout(0.5, seed=3)
    token_ids = np.full((50, 40), 9, np.int32)
    token_ids[:, :2] = (1, 0)
    hidden = np.asarray(layer(token_ids, training=True))
    assert set(np.unique(hidden[:, 2:])) == {2, 9}
    assert 0.45 < (hidden[:, 2:] == 2).mean() < 0.55
    assert (hidden[:, :2] == (1, 0)).all()
    assert (np.asarray(layer(token_ids, training=False)) == token_ids).all()


def test_the_embedding_starts_from_the_vectors_that_there_are() -> None:
    vectors = np.zeros((20, 6), np.float32)
    vectors[7] = 3.0
    params = PARAMS.replace({"train.learning_rate": 1e-9, "train.epochs": 1})
    networks = fit(params, *ARGS, vectors=vectors).network, build_stacked_rnn(params.model, 20, 8, seed=9)
    start, without = (np.asarray(network.get_layer("embedding").embeddings) for network in networks)
    np.testing.assert_allclose(start[7], 3.0, atol=1e-5)
    np.testing.assert_allclose(start[8:], without[8:], atol=1e-5)


def test_soft_labels_of_unlabelled_reviews_are_learnt_first() -> None:
    values = {"distill.epochs": 2, "distill.label_epochs": 1, "distill.label_learning_rate": 1e-9}
    params = PARAMS.replace(values | {"train.epochs": 9, "train.patience": None})
    soft = Split(reviews(600, 5).token_ids, both(np.where(reviews(600, 5).labels == 1, 0.9, 0.1)))
    heard: list[Epoch] = []
    fitted = fit(params, *ARGS, listen=heard.append, unlabelled=soft)
    assert len(fitted.history) == 3
    assert {epoch.most for epoch in heard} == {3}, "two on soft labels, one on the labels"
    assert fitted.best_epoch == 3  # nothing stops early, so the last is kept
    assert fitted.history[1]["validation_accuracy"] > 0.7  # 70 labels for one epoch give a coin's


def test_a_probability_of_one_half_is_the_second_label_in_training_as_everywhere_else() -> None:
    said, labels = np.array([[0.5], [0.5], [0.49]], np.float32), np.array([1, 0, 0], np.float32)
    _, hits = label_objective()(said, keras.ops.convert_to_tensor(labels))
    assert np.asarray(hits).tolist() == [1, 0, 1]
    assert decide(both(said[:, 0])).tolist() == [1, 1, 0]


def test_more_labels_are_learnt_by_their_cross_entropy() -> None:
    labels = np.array([[0, 1, 0], [0.2, 0.2, 0.6]], np.float32)
    said = np.array([[0.2, 0.5, 0.3], [0.5, 0.25, 0.25]], np.float32)
    losses, hits = label_objective(smoothing=0.3)(said, keras.ops.convert_to_tensor(labels))
    spread = labels * 0.7 + 0.1
    assert np.asarray(losses) == pytest.approx(-(spread * np.log(said)).sum(1))
    assert np.asarray(hits).tolist() == [1, 0]


def test_a_network_of_three_labels_learns_hard_and_soft_ones() -> None:
    """The label is told by the one id below 4 of each review; a teacher knows it too."""
    random = np.random.default_rng(0)

    def part(count: int) -> Split:
        labels = random.integers(0, 3, count)
        token_ids = random.integers(4, 20, (count, 6)).astype(np.int32)
        token_ids[np.arange(count), random.integers(0, 6, count)] = labels + 1
        return Split(token_ids, labels)

    train, validation, unlabelled = part(150), part(60), part(60)
    soft = Split(unlabelled.token_ids, (0.8 * np.eye(3)[unlabelled.labels] + 0.2 / 3).astype(np.float32))
    values = {"model.pooling": "max", "train.label_smoothing": 0.1}
    values |= {"distill.epochs": 4, "distill.label_epochs": 6, "distill.learning_rate": 0.03}
    fitted = fit(PARAMS.replace(values), train, validation, 3, unlabelled=soft)
    said = predict(fitted.network, validation.token_ids)
    assert said.shape == (60, 3)
    assert said.sum(1) == pytest.approx(np.ones(60), abs=1e-5)
    right = said.argmax(1) == validation.labels
    assert fitted.best["validation_accuracy"] == right.mean() > 0.8
    loss = -np.log(said[np.arange(60), validation.labels]).mean()
    assert fitted.best["validation_loss"] == pytest.approx(loss, rel=1e-4)


def test_a_review_counts_as_much_as_its_label() -> None:
    weights = np.array([0.5, 4.0])
    labels, said = np.array([0.0, 1.0, 0.25], np.float32), np.array([[0.2], [0.4], [0.7]], np.float32)
    losses, _ = label_objective(weights=weights)(said, keras.ops.convert_to_tensor(labels))
    plain = -(labels * np.log(said[:, 0]) + (1 - labels) * np.log(1 - said[:, 0]))
    assert np.asarray(losses) == pytest.approx(plain * [0.5, 4.0, 0.75 * 0.5 + 0.25 * 4.0], rel=1e-5)
    several = np.eye(3, dtype=np.float32)[[2, 0]]
    said = np.array([[0.2, 0.5, 0.3], [0.5, 0.25, 0.25]], np.float32)
    weighed = label_objective(weights=np.array([1.0, 2.0, 3.0]))
    losses, _ = weighed(said, keras.ops.convert_to_tensor(several))
    assert np.asarray(losses) == pytest.approx([-3 * np.log(0.3), -np.log(0.5)], rel=1e-5)


def test_balanced_weights_find_the_rare_label() -> None:
    """One review in seven is positive, and its words tell it but for a fifth of them."""
    random = np.random.default_rng(0)

    def part(count: int) -> Split:
        labels = (np.arange(count) % 7 == 0).astype(np.int64)
        token_ids = random.integers(4, 15, (count, 6)).astype(np.int32)
        token_ids[np.arange(count), 3] = np.where(random.random(count) < 0.2, 15, 16 + labels)
        return Split(token_ids, labels)

    train, validation = part(210), part(210)
    values = {"train.class_weights": "balanced", "model.pooling": "max"}
    best = fit(PARAMS.replace(values), train, validation, 3).best
    assert best["validation_balanced_accuracy"] > 0.8  # without weights it is 0.5: none is found
