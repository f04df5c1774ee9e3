import pytest

from pipeline.params import Params, ParamsError
from studies.depth.fits import Fit, grid, identity
from studies_constructed import study

DATASET = {"name": "toy", "padded_digest": "sha256:ab"}


def test_the_grid_by_hand() -> None:
    fits = grid(study(cells=("gru",), depths=(1, 2), skips=("none", "residual"), seeds=2))
    names = {
        f"gru-{depth}-{kind}-seed{seed}"
        for depth in (1, 2)
        for kind in ("none-plain", "residual-plain", "none-dropout", "none-clipping")
        for seed in (0, 1)
    }
    assert {fit.name for fit in fits} == names
    assert len(fits) == 16
    assert [fit.depth for fit in fits] == [2] * 8 + [1] * 8, "the costliest first"


@pytest.mark.parametrize(
    ("variant", "dropout", "clipnorm"), [("plain", 0.0, None), ("dropout", 0.5, None), ("clipping", 0.0, 1.0)]
)
def test_a_variant_changes_one_thing(
    params: Params, variant: str, dropout: float, clipnorm: float | None
) -> None:
    configured = Fit("lstm", 4, "highway", variant, 1).configure(params)
    model, train = configured.model, configured.train
    assert (model.cell, model.depth, model.skip) == ("lstm", 4, "highway")
    assert (model.dropout, train.clipnorm) == (dropout, clipnorm)
    assert model.units == params.depth.units
    assert (train.epochs, train.batch_size) == (params.depth.epochs, params.depth.batch_size)
    assert train.patience == train.epochs  # never spent: curves of one length
    assert model.embedding_dim == params.model.embedding_dim


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"depth.seeds": 5, "depth.depths": (1, 2, 8), "depth.workers": 7}, True),  # more fits
        ({"model.dropout": 0.4, "train.epochs": 9, "model.depth": 3, "tune.trials": 2}, True),  # not used
        ({"depth.units": 5}, False),
        ({"depth.epochs": 9}, False),
        ({"train.learning_rate": 0.5}, False),
        ({"seed": 1}, False),
    ],
)
def test_a_study_is_named_by_what_makes_its_fits_comparable(
    params: Params, change: dict[str, object], same: bool
) -> None:
    assert (identity(params.replace(change), DATASET) == identity(params, DATASET)) == same
    assert identity(params, DATASET | {"padded_digest": "sha256:cd"}) != identity(params, DATASET)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth.depths": (2, 4)}, r"depth\.depths must hold 1 and a deeper one"),
        ({"depth.depths": (1,)}, r"depth\.depths must hold 1 and a deeper one"),
        ({"depth.skips": ("residual",)}, r"depth\.skips must hold none"),
        ({"depth.cells": ("gru", "gru")}, r"depth\.cells must name one value or more, each once"),
        ({"depth.cells": ()}, r"depth\.cells must name one value or more"),
        ({"depth.seeds": 1}, r"depth\.seeds must be greater than or equal to 2, but got 1"),
        ({"depth.cells": ("mlp",)}, r"depth\.cells\.0 must be 'simple_rnn', "),
    ],
)
def test_a_grid_that_compares_nothing_is_refused(
    params: Params, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message) as error:
        params.replace(change)
    assert len(str(error.value).splitlines()) == 1
