from __future__ import annotations

import numpy as np

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.promotion import Registration
from pipeline.evaluation.rivals import PREFIXES, Scored
from pipeline.registry import model_card

DATASET = {
    "name": "snippets",
    "requested": "imdb",
    "digest": "sha256:abc",
    "labels": ["negative", "positive"],
    "sizes": {"train": 7604, "validation": 1906, "test": 3280},
    "positive_share": {"train": 0.573, "validation": 0.573, "test": 0.591},
    "citation": "Kessler 2017",
    "licence": "Apache-2.0",
    "truncating": "post",
    "max_length": 100,
    "vocab_size": 10_000,
}
TRAINED = {
    "params": {"model.cell": "gru", "model.depth": 3, "train.epochs": 6},
    "trial": 2,
    "best_epoch": 4,
    "validation_accuracy": 0.75134,
    "run_id": "run1",
}
NAMES = ("accuracy", "f1", "roc_auc", "log_loss", "brier", "ece")
RIVALS = [Scored(name, prefix, np.zeros(1), np.zeros(1)) for name, prefix in PREFIXES.items()]
CLASSIFIERS = (Scored("stacked RNN", "", np.zeros(1), np.zeros(1)), *RIVALS)
METRICS = {
    f"{each.prefix}test_{name}": (0.1 + 0.01 * place) * number
    for place, each in enumerate(CLASSIFIERS)
    for number, name in enumerate(NAMES, start=1)
}
METRICS |= {"test_only_model_right": 301, "test_only_baseline_right": 1260, "test_mcnemar_p_value": 0.00123}
METRICS |= {"threshold": 0.4567, "test_accuracy_at_threshold": 0.7001, "test_f1_at_threshold": 0.7102}
INTERVALS = {f"{each.prefix}test_accuracy": (0.01 * place, 0.9) for place, each in enumerate(CLASSIFIERS)}
ASSESSMENT = Assessment(np.zeros(1), CLASSIFIERS, RIVALS[0], METRICS, INTERVALS, {}, {})
REGISTRATION = Registration("stacked-rnn-snippets", 7, "challenger", "does not beat champion version 5")


def test_the_card_says_what_the_reports_say() -> None:
    card = model_card.write(DATASET, TRAINED, ASSESSMENT, REGISTRATION)
    for line in (
        "Registered as `stacked-rnn-snippets` version 7, challenger: does not beat champion version 5.",
        "- network: cell gru, depth 3",
        "- trial 2 of its study, epoch 4, validation accuracy 0.7513",
        "- snippets (asked for: imdb), digest `sha256:abc`",
        "- 7,604 train, 1,906 validation, 3,280 test reviews; 57.3% train, 57.3% validation, "
        "59.1% test positive",
        "| classifier | accuracy | 95 % interval | F1 | ROC AUC | log loss | Brier score | "
        "expected calibration error |",
        "| stacked RNN | 0.1000 | 0.0000 to 0.9000 | 0.2000 | 0.3000 | 0.4000 | 0.5000 | 0.6000 |",
        "| naive Bayes n-grams | 0.1100 | 0.0100 to 0.9000 | 0.2200 | 0.3300 | 0.4400 | 0.5500 | 0.6600 |",
        "| majority class | 0.1400 | 0.0400 to 0.9000 | 0.2800 | 0.4200 | 0.5600 | 0.7000 | 0.8400 |",
        "- 301 reviews only this model labels right, 1,260 only naive Bayes n-grams, the better baseline on "
        "validation: McNemar exact p = 0.00123",
        "- from 0.4567 on, the threshold with the best validation accuracy: test accuracy 0.7001, F1 0.7102",
        "- Reads the first 100 tokens of a review and knows 9,996 words; others are one unknown word.",
    ):
        assert line in card
    assert "`python -m pipeline rebuild models:/stacked-rnn-snippets/7`" in card
    assert len(card) < 5000  # the limit of a version's description


def test_an_unregistered_model_has_a_card_too() -> None:
    card = model_card.write(DATASET | {"requested": "snippets"}, TRAINED, ASSESSMENT, None)
    assert "Not registered." in card
    assert "no record to rebuild it from" in card
    assert "asked for" not in card
