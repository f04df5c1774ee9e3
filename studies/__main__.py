"""What is done with the pipeline: ``python -m studies COMMAND``, each fitting many networks."""

from __future__ import annotations

import click

from pipeline.commands import OneMessage
from pipeline.networks.devices import prepare_keras
from pipeline.params import load_params
from pipeline.stages import require_outputs


@click.group(cls=OneMessage, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--traceback", is_flag=True, help="Show the Python traceback of an error.")
def cli(traceback: bool) -> None:
    """Studies of stacked recurrent networks on the reviews at hand; nothing is registered."""
    del traceback  # read from the context, where the group handles errors


@cli.command()
def depth() -> None:
    """Train stacks of every depth, cell and skip; judge what is said of depth: -> reports/depth."""
    from studies.depth import study  # noqa: PLC0415 - matplotlib and SciPy

    params = load_params()
    require_outputs("depth", "pad")
    study.run(params)


@cli.command("compare-cells")
@click.option("--depth", type=click.IntRange(2, 8), default=3, show_default=True, help="Layers of each.")
@click.option("--reviews", type=click.IntRange(min=1), default=4000, show_default=True, help="Of each split.")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True)
def compare_cells(depth: int, reviews: int, epochs: int) -> None:
    """Train a simple RNN, an LSTM and a GRU, plain, clipped and with skips: -> reports/cells."""
    from studies import cells  # noqa: PLC0415

    params = load_params()
    require_outputs("compare-cells", "pad")
    cells.run(params, depth, reviews, epochs)


@cli.command("cross-validate")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
def cross_validate(folds: int, repeats: int) -> None:
    """Judge the configured network on FOLDS parts of all reviews in turn, REPEATS times over.

    For reviews so few that one test split says little. Nothing is searched or registered.
    """
    params = load_params()
    require_outputs("cross-validate", "download")
    prepare_keras()
    from studies.cross_validation import page, study  # noqa: PLC0415 - Keras reads its environment on import

    page.show(study.cross_validate(params, folds, repeats))


@cli.command("learning-curve")
@click.option("--repeats", type=click.IntRange(min=2), default=3, show_default=True)
def learning_curve(repeats: int) -> None:
    """Fit the configured network to 1/16 ... 1/1 of the labels: would more of them help?

    Each share is drawn REPEATS times over. Nothing is searched or registered.
    """
    params = load_params()
    require_outputs("learning-curve", "download")
    prepare_keras()
    from studies.cross_validation import learning_curve as curve  # noqa: PLC0415 - Keras, as above

    curve.run(params, repeats)


if __name__ == "__main__":
    cli(prog_name="python -m studies")
