"""What is said of deep recurrent networks, each as a difference that the study can measure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pipeline.depth import comparisons as by
from pipeline.depth.comparisons import ACCURACY, GAP, INITIAL_REACH, LOSS, PROBE_RISE, TRAINED_REACH

RISES: Literal[1] = 1
FALLS: Literal[-1] = -1


class Claim(NamedTuple):
    """One thing that is said of deep recurrent networks, as a signed difference.

    Attributes:
        key: its name in summary.json.
        statement: what is claimed.
        measure: of what.
        comparison: between which fits.
        direction: whether the claim says that the measure rises or falls.
        figure: number of the figure that shows it.
        source: key of what the literature found, in ``literature.SOURCES``.
    """

    key: str
    statement: str
    measure: by.Measure
    comparison: by.Comparison
    direction: Literal[1, -1]
    figure: int
    source: str


CLAIMS = (
    Claim("accuracy", "Stacking layers improves the prediction.", ACCURACY, by.DEEPER, RISES, 1, "graves"),
    Claim(
        "capacity",
        "Stacking layers raises the capacity: a deeper network fits the training reviews better.",
        LOSS,
        by.DEEPER,
        FALLS,
        4,
        "pascanu_deep",
    ),
    Claim(
        "regularized",
        "With regularization deeper networks generalize better.",
        ACCURACY,
        by.DEEPER_WITH_DROPOUT,
        RISES,
        4,
        "irsoy",
    ),
    Claim(
        "hierarchy",
        "The layers form a hierarchy: higher ones know more of what the review means.",
        PROBE_RISE,
        by.LAYERS,
        RISES,
        5,
        "peters",
    ),
    Claim(
        "gradients_initial",
        "Gradients vanish or explode more in deep networks than in shallow ones, before training.",
        INITIAL_REACH,
        by.DEEPER,
        RISES,
        3,
        "pascanu_difficulty",
    ),
    Claim(
        "gradients_trained",
        "Gradients vanish or explode more in deep networks than in shallow ones, after training.",
        TRAINED_REACH,
        by.DEEPER,
        RISES,
        3,
        "pascanu_difficulty",
    ),
    Claim("overfitting", "Deeper networks overfit more.", GAP, by.DEEPER, RISES, 4, "zaremba"),
    Claim("dropout", "Dropout reduces overfitting.", GAP, by.WITH_DROPOUT, FALLS, 4, "zaremba"),
    Claim(
        "gates_gradients",
        "Gates keep gradients from vanishing or exploding.",
        TRAINED_REACH,
        by.GATED_OVER_SIMPLE,
        FALLS,
        3,
        "chung",
    ),
    Claim(
        "gates_accuracy",
        "Gated cells predict better than the simple RNN.",
        ACCURACY,
        by.GATED_OVER_SIMPLE,
        RISES,
        1,
        "chung",
    ),
    Claim(
        "clipping_gradients",
        "Clipping keeps gradients from vanishing or exploding.",
        TRAINED_REACH,
        by.WITH_CLIPPING,
        FALLS,
        2,
        "pascanu_difficulty",
    ),
    Claim(
        "clipping_accuracy",
        "Clipping helps deep stacks to be trained.",
        ACCURACY,
        by.WITH_CLIPPING,
        RISES,
        2,
        "pascanu_difficulty",
    ),
    Claim(
        "skips_gradients",
        "Residual and highway connections let the gradient flow.",
        INITIAL_REACH,
        by.WITH_SKIP,
        FALLS,
        3,
        "srivastava",
    ),
    Claim(
        "residual_accuracy",
        "Residual connections help deep stacks.",
        ACCURACY,
        by.WITH_RESIDUAL,
        RISES,
        1,
        "shu",
    ),
    Claim(
        "highway_accuracy",
        "Highway connections help deep stacks.",
        ACCURACY,
        by.WITH_HIGHWAY,
        RISES,
        1,
        "srivastava",
    ),
)
