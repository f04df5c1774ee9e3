"""`study-depth`: what stacking layers does on the reviews of data/padded."""

from __future__ import annotations

import click

from pipeline.depth import study
from pipeline.params import load_params


@click.command(name="study-depth")
def study_depth() -> None:
    """Train stacks of every depth, cell and skip; judge what is said of depth: -> reports/depth."""
    study.run(load_params())
