"""`study-depth`: what stacking layers does on the reviews of data/padded."""

from __future__ import annotations

import click

from pipeline.depth import study
from pipeline.params import load_params


@click.command(name="study-depth")
@click.option("--fits", hidden=True, help="Names of fits to run for the study, with commas between.")
@click.option("--coordinator", type=int, hidden=True, help="Pid of the study that started this.")
def study_depth(fits: str | None, coordinator: int | None) -> None:
    """Train stacks of every depth, cell and skip; judge what is said of depth: -> reports/depth."""
    params = load_params()
    if fits is None or coordinator is None:
        study.run(params)
    else:
        study.work(params, fits.split(","), coordinator)
