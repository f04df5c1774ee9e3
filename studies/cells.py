"""The three cells side by side in a few minutes: curves, gradients, and what skips and clipping do to them.

A lesson, not a study: one fit of each network, on some of the reviews, so nothing is judged;
``depth.study`` is for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.baselines import MAJORITY
from pipeline.params import DepthParams, Params
from pipeline.reporting.page import Picture, Table, TableCell, render
from pipeline.reviews.splitting import SPLITS
from pipeline.runtime.files import read_arrays, read_json, write_text
from pipeline.runtime.paths import CELLS_DIR, CELLS_REPORT, PADDED_DATASET, padded_split
from pipeline.runtime.plotting import make_panels, save, shared_legend
from pipeline.training.task import data_of
from studies.depth.claims import guess_scores, trained_decades
from studies.depth.fits import CLIPPING, PLAIN, FitToTheEnd, Record, run_study
from studies.depth.pictures import CELL_STYLE, draw_panels

CELLS: Sequence[str] = DepthParams().cells
SECTIONS = {
    "learning": "Learning",
    "gradients": "Gradients",
    "helps": "Clipping and skips",
    "table": "Every network",
}


class Kind(NamedTuple):
    """What is done to a network, and how it is drawn."""

    skip: str
    variant: str
    label: str
    color: str


KINDS = (
    Kind("none", PLAIN, "plain", "#555555"),
    Kind("none", CLIPPING, "clipped", "#D55E00"),
    Kind("residual", PLAIN, "residual", "#0072B2"),
)
Records = Mapping[tuple[str, Kind], Record]


def run(params: Params, depth: int, num_reviews: int, epochs: int) -> None:
    """Fits every cell in every kind to at most ``num_reviews`` of each padded split; writes reports/cells.

    The section depth of ``params`` gives units, batch size and the norm of clipping.

    Raises:
        InterruptedError, UserError: see ``run_study``.
    """
    dataset = read_json(PADDED_DATASET)
    params = params.of_labels(dataset["labels"])
    params = params.replace({"depth.epochs": epochs, "train.epochs": epochs})
    splits = {}
    for name in SPLITS:
        arrays = read_arrays(padded_split(name))
        drawn = np.random.default_rng(params.seed).permutation(len(arrays["labels"]))[:num_reviews]
        splits[name] = {key: arrays[key][drawn] for key in ("token_ids", "labels")}
    fits = {
        (cell, kind): FitToTheEnd(cell, depth, kind.skip, kind.variant, 0) for cell in CELLS for kind in KINDS
    }
    data, wanted = data_of(splits), [*fits.values()]
    with run_study("compare-cells", params, dataset, wanted, data, reviews=num_reviews) as (parent, found):
        sizes = {name: len(arrays["labels"]) for name, arrays in splits.items()}
        records = {key: found[fit] for key, fit in fits.items()}
        write_text(CELLS_REPORT, render_page(dataset, records, sizes, depth))
        parent.log_file(CELLS_DIR, CELLS_DIR.name)
    print(f"the page is {CELLS_REPORT}")


def render_page(dataset: Mapping[str, Any], records: Records, sizes: Mapping[str, int], depth: int) -> str:
    """The page as HTML, after its figures were drawn into reports/cells."""
    pictures = {}
    for stem, (reading, draw) in FIGURES.items():
        path = CELLS_DIR / f"{stem}.png"
        save(draw(records), path)
        pictures[stem] = Picture(path, SECTIONS[stem], reading)
    return render(
        "cells.html",
        Path(__file__).parent,
        title=f"Three cells side by side, {dataset['name']}",
        sections=SECTIONS,
        depth=depth,
        sizes=sizes,
        dataset=dataset,
        pictures=pictures,
        table=_table(records, guess_scores(dataset)),
    )


def learning_figure(records: Records) -> Figure:
    figure, ((loss, accuracy),) = make_panels(1, 2, share_y=False)
    for cell in CELLS:
        style = CELL_STYLE[cell]
        curve = records[cell, KINDS[0]].curve
        epochs = range(1, len(curve) + 1)
        loss.plot(epochs, [epoch["loss"] for epoch in curve], linestyle="--", color=style["color"])
        loss.plot(epochs, [epoch["validation_loss"] for epoch in curve], **style)
        accuracy.plot(epochs, [epoch["validation_accuracy"] for epoch in curve], **style)
    for axes, title in ((loss, "loss (dashed: training)"), (accuracy, "validation accuracy")):
        axes.set_ylabel(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    shared_legend(figure)
    return figure


def gradients_figure(records: Records) -> Figure:
    def draw(axes: Axes, moment: str, cell: str) -> None:
        for layer, norms in enumerate(getattr(records[cell, KINDS[0]], moment), start=1):
            _line_by_step(axes, norms, f"C{layer - 1}", f"layer {layer}")

    return draw_panels(_MOMENTS, _CELLS, draw)


def helps_figure(records: Records) -> Figure:
    def draw(axes: Axes, moment: str, cell: str) -> None:
        for kind in KINDS:
            _line_by_step(axes, getattr(records[cell, kind], moment)[0], kind.color, kind.label)

    return draw_panels(_MOMENTS, _CELLS, draw)


_CELLS = {CELL_STYLE[cell]["label"]: cell for cell in CELLS}
_MOMENTS = {
    "before training\nnorm of dLoss/dh": "initial_gradients",
    "after training\nnorm of dLoss/dh": "trained_gradients",
}


def _line_by_step(axes: Axes, norms: Sequence[float], color: str, label: str) -> None:
    axes.plot(np.arange(1, len(norms) + 1), norms, color=color, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("time step")


FIGURES = {  # by file: how to read it, and what draws it
    "learning": ("The plain networks, without clipping or skips.", learning_figure),
    "gradients": (
        "How strongly each state moves the loss, which stands at the right end: a line that falls towards "
        "the left is a gradient that vanishes, one that rises explodes. A line for each layer, 1 the lowest.",
        gradients_figure,
    ),
    "helps": ("The same in the lowest layer, for each kind of network.", helps_figure),
}


def _table(records: Records, guess: Mapping[str, float]) -> Table:
    rows: list[list[TableCell]] = []
    for (cell, kind), record in records.items():
        accuracy, loss = record.scores["validation_accuracy"], record.curve[-1]["loss"]
        reach, seconds = f"{trained_decades(record):.1f}", round(record.seconds)
        name = CELL_STYLE[cell]["label"]
        rows.append([name, kind.label, record.parameters, accuracy, loss, reach, seconds])
    rows.append([MAJORITY, "", "", guess["validation_accuracy"], "", "", ""])
    columns = ["cell", "kind", "weights", "validation accuracy ↑", "training loss ↓", "reach", "seconds"]
    caption = (
        "After the last epoch; weights are those above the embeddings. Reach: by how many powers of ten the "
        "gradient at the lowest layer's first steps differs, after training, from that at the top layer's "
        "last step; 0 is a gradient that arrives as it left. One fit of each: small differences are chance."
    )
    return Table(columns, rows, caption)
