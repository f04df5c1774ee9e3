"""Which networks the study fits, and what makes their results comparable."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.params import DepthParams, Params, Value

PLAIN, DROPOUT, CLIPPING = VARIANTS = ("plain", "dropout", "clipping")


class Fit(NamedTuple):
    """One network to fit; ``seed`` counts from 0 and is added to ``params.seed``."""

    cell: str
    depth: int
    skip: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """``lstm-4-residual-plain-seed0``: the name of its record and of its run."""
        return f"{self.cell}-{self.depth}-{self.skip}-{self.variant}-seed{self.seed}"

    @property
    def cost(self) -> int:
        """How its time compares with others', roughly: embedding and compilation count as one layer."""
        return (self.depth + 1) * (1 if self.cell == "simple_rnn" else 2)

    def configure(self, params: Params) -> Params:
        """``params`` of this network: what the study sets, the rest as in the sections model and train.

        Raises:
            ParamsError: if the sections model and train can't be combined with it.
        """
        return params.replace({**settings(params.depth, self)}, source=f"depth study, {self.name}")


class FitToTheEnd(Fit):
    """Keeps its last epoch, so that scores and gradients are of the curves' right end."""

    def configure(self, params: Params) -> Params:
        """As of a fit of the study, whose best epoch is kept."""
        return super().configure(params).replace({"train.patience": None})


def grid(study: DepthParams) -> list[Fit]:
    """All fits of the study, the costliest first so that the workers end together.

    Skips and variants are not combined: dropout and clipping are looked at without a skip.
    """
    kinds = [(skip, PLAIN) for skip in study.skips] + [("none", DROPOUT), ("none", CLIPPING)]
    fits = [
        Fit(cell, depth, skip, variant, seed)
        for skip, variant in kinds
        for cell in study.cells
        for depth in study.depths
        for seed in range(study.seeds)
    ]
    return sorted(fits, key=lambda fit: -fit.cost)


# The stack of the textbooks, whose last state is all that the output sees: what else helps a network along
# would hide what its depth does.
_TEXTBOOK: dict[str, Value] = {
    "model.bidirectional": False,
    "model.output_dropout": None,
    "model.embedding_dropout": 0.0,
    "model.word_dropout": 0.0,
    "model.layer_pooling": "none",
    "model.pooling": "last",
    "model.masking": False,
    "train.average_decay": 0.0,
    "train.label_smoothing": 0.0,
}


def settings(study: DepthParams, fit: Fit) -> dict[str, Value]:
    """The values that the study sets, by their keys in params.yaml."""
    return {
        "model.cell": fit.cell,
        "model.depth": fit.depth,
        "model.skip": fit.skip,
        "model.skip_projection": True,
        "model.units": study.units,
        "model.dropout": study.dropout if fit.variant == DROPOUT else 0.0,
        **_TEXTBOOK,
        "train.clipnorm": study.clipnorm if fit.variant == CLIPPING else None,
        "train.epochs": study.epochs,
        "train.batch_size": study.batch_size,
        "train.patience": study.epochs,  # never spent: curves of one length, and the best epoch is kept
        "tune.trials": 1,  # the search space, which these values need not fit, plays no part
    }
