"""What is said of deep recurrent networks, each as a difference that the study can measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.depth.comparisons import (
    Contrast,
    accuracy_gap,
    deep_stacks,
    deeper_than_one,
    gated_over_simple,
    initial_decades,
    probe_rise,
    trained_decades,
    training_loss,
    validation_accuracy,
    with_skip,
    with_variant,
)
from pipeline.depth.grid import CLIPPING, DROPOUT

_DEPTH = "from one layer to the mean of the deeper stacks"
_DEEP = "in stacks of two layers and more"


@dataclass(frozen=True)
class Claim:
    """One thing that is said of deep recurrent networks, as a signed difference.

    Attributes:
        key: its name in summary.json.
        statement: what is claimed.
        quantity: what is measured, with its unit.
        comparison: between which fits, in words.
        contrast: the same, as it is computed.
        direction: +1 if the claim says that the quantity rises, -1 if it falls.
        figure: number of the figure that shows it.
        source: key of what the literature found, in ``literature.SOURCES``.
    """

    key: str
    statement: str
    quantity: str
    comparison: str
    contrast: Contrast
    direction: Literal[1, -1]
    figure: int
    source: str


CLAIMS = (
    Claim(
        "accuracy",
        "Stacking layers improves the prediction.",
        "validation accuracy",
        _DEPTH,
        Contrast(validation_accuracy, deeper_than_one()),
        1,
        1,
        "graves",
    ),
    Claim(
        "capacity",
        "Stacking layers raises the capacity: a deeper network fits the training reviews better.",
        "training loss of the last epoch (cross-entropy)",
        _DEPTH,
        Contrast(training_loss, deeper_than_one()),
        -1,
        4,
        "pascanu_deep",
    ),
    Claim(
        "regularized",
        "With regularization deeper networks generalize better.",
        "validation accuracy with dropout",
        _DEPTH,
        Contrast(validation_accuracy, deeper_than_one(DROPOUT)),
        1,
        4,
        "irsoy",
    ),
    Claim(
        "hierarchy",
        "The layers form a hierarchy: higher ones know more of what the review means.",
        "accuracy of a linear probe",
        f"from the first recurrent layer to the top one, {_DEEP}",
        Contrast(probe_rise, deep_stacks),
        1,
        5,
        "peters",
    ),
    Claim(
        "gradients_initial",
        "Gradients vanish or explode more in deep networks than in shallow ones, before training.",
        "distance of the far gradient from the near one (powers of ten)",
        _DEPTH,
        Contrast(initial_decades, deeper_than_one()),
        1,
        3,
        "pascanu_difficulty",
    ),
    Claim(
        "gradients_trained",
        "Gradients vanish or explode more in deep networks than in shallow ones, after training.",
        "distance of the far gradient from the near one (powers of ten)",
        _DEPTH,
        Contrast(trained_decades, deeper_than_one()),
        1,
        3,
        "pascanu_difficulty",
    ),
    Claim(
        "overfitting",
        "Deeper networks overfit more.",
        "gap between training and validation accuracy",
        _DEPTH,
        Contrast(accuracy_gap, deeper_than_one()),
        1,
        4,
        "zaremba",
    ),
    Claim(
        "dropout",
        "Dropout reduces overfitting.",
        "gap between training and validation accuracy",
        f"from no dropout to dropout, {_DEEP}",
        Contrast(accuracy_gap, with_variant(DROPOUT)),
        -1,
        4,
        "zaremba",
    ),
    Claim(
        "gates_gradients",
        "Gates keep gradients from vanishing or exploding.",
        "distance of the far gradient from the near one after training (powers of ten)",
        "from the simple RNN to the mean of the gated cells, at every depth",
        Contrast(trained_decades, gated_over_simple),
        -1,
        3,
        "chung",
    ),
    Claim(
        "gates_accuracy",
        "Gated cells predict better than the simple RNN.",
        "validation accuracy",
        "from the simple RNN to the mean of the gated cells, at every depth",
        Contrast(validation_accuracy, gated_over_simple),
        1,
        1,
        "chung",
    ),
    Claim(
        "clipping_gradients",
        "Clipping keeps gradients from vanishing or exploding.",
        "distance of the far gradient from the near one after training (powers of ten)",
        f"from no clipping to clipping, {_DEEP}",
        Contrast(trained_decades, with_variant(CLIPPING)),
        -1,
        2,
        "pascanu_difficulty",
    ),
    Claim(
        "clipping_accuracy",
        "Clipping helps deep stacks to be trained.",
        "validation accuracy",
        f"from no clipping to clipping, {_DEEP}",
        Contrast(validation_accuracy, with_variant(CLIPPING)),
        1,
        2,
        "pascanu_difficulty",
    ),
    Claim(
        "skips_gradients",
        "Residual and highway connections let the gradient flow.",
        "distance of the far gradient from the near one before training (powers of ten)",
        f"from no skip to the mean of the skips, {_DEEP}",
        Contrast(initial_decades, with_skip("residual", "highway")),
        -1,
        3,
        "srivastava",
    ),
    Claim(
        "residual_accuracy",
        "Residual connections help deep stacks.",
        "validation accuracy",
        f"from no skip to residual, {_DEEP}",
        Contrast(validation_accuracy, with_skip("residual")),
        1,
        1,
        "shu",
    ),
    Claim(
        "highway_accuracy",
        "Highway connections help deep stacks.",
        "validation accuracy",
        f"from no skip to highway, {_DEEP}",
        Contrast(validation_accuracy, with_skip("highway")),
        1,
        1,
        "srivastava",
    ),
)
