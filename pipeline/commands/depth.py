"""`study-depth`: what stacking layers does on the reviews of data/padded."""

from __future__ import annotations

import sys

import click

from pipeline.depth import study
from pipeline.params import load_params


@click.command(name="study-depth")
@click.option(
    "--worker", is_flag=True, hidden=True, help="Run the fits that standard input names, for a study."
)
def study_depth(worker: bool) -> None:
    """Train stacks of every depth, cell and skip; judge what is said of depth: -> reports/depth."""
    params = load_params()
    if worker:
        study.work(params, (line.strip() for line in sys.stdin))
    else:
        study.run(params)
