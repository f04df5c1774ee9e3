"""One real fit of the study, measured as the engine does it."""

import numpy as np
import pytest

from pipeline.params import Params
from pipeline.training.task import Epoch, data_of
from studies.depth.fits import PLAIN, Fit, measure


def test_a_fit_is_measured_from_all_sides(params: Params) -> None:
    """Word 30 makes a review positive, and is read at one place of eight."""
    random = np.random.default_rng(0)
    splits = {}
    for split, size in (("train", 96), ("validation", 48), ("test", 48)):
        labels = random.integers(0, 2, size)
        token_ids = random.integers(3, 30, (size, 8)).astype(np.int32)
        token_ids[labels == 1, 6] = 30
        splits[split] = {"token_ids": token_ids, "labels": labels}
    study = {"units": 4, "epochs": 3, "batch_size": 8, "gradient_reviews": 8, "probe_reviews": 64}
    values = {f"depth.{key}": value for key, value in study.items()}
    values |= {"pad.vocab_size": 40, "model.embedding_dim": 6, "train.learning_rate": 0.03}
    small = params.replace(values)
    heard: list[int] = []

    def hear(epoch: Epoch) -> None:
        if epoch.has_ended:
            heard.append(epoch.number)

    record = measure(small, Fit("simple_rnn", 2, "none", PLAIN, 1), data_of(splits), hear)
    assert heard == [1, 2, 3]
    # (6 inputs + 4 states + 1) * 4, (4 + 4 + 1) * 4, and the output's 5: without the embeddings.
    assert record.parameters == 44 + 36 + 5
    losses = [epoch["validation_loss"] for epoch in record.curve]
    assert losses == sorted(losses, reverse=True), "it learns"
    kept = record.curve[record.best_epoch - 1]
    assert record.scores["validation_accuracy"] == pytest.approx(kept["validation_accuracy"])
    assert record.scores.keys() == {"train_accuracy", "validation_accuracy", "test_accuracy"}
    for norms in (record.initial_gradients, record.trained_gradients):
        assert np.shape(norms) == (2, 8)
        assert np.all(np.array(norms) > 0)
    assert record.initial_gradients != record.trained_gradients
    assert len(record.probes) == 3
    assert record.probes[0] > 0.9, "the mean embedding tells word 30 from the others"
