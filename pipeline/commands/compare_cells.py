"""`compare-cells`: SimpleRNN, LSTM and GRU side by side."""

from __future__ import annotations

import click

from pipeline.depth import cells
from pipeline.params import load_params
from pipeline.stages import require_outputs


@click.command(name="compare-cells")
@click.option("--depth", type=click.IntRange(2, 8), default=3, show_default=True, help="Layers of each.")
@click.option("--reviews", type=click.IntRange(min=1), default=4000, show_default=True, help="Of each split.")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True)
def compare_cells(depth: int, reviews: int, epochs: int) -> None:
    """Train a simple RNN, an LSTM and a GRU, plain, clipped and with skips: -> reports/cells."""
    params = load_params()
    require_outputs("compare-cells", ("pad",))
    cells.run(params, depth, reviews, epochs)
