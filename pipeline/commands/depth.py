"""`depth`: what stacking layers does on the reviews of data/padded."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.depth import study
from pipeline.params import load_params
from pipeline.stages import refuse_edited, require_outputs


@click.command(name="depth")
def depth() -> None:
    """Train stacks of every depth, cell and skip; judge what is said of depth: -> reports/depth."""
    params = load_params()
    require_outputs("depth", ("pad",))
    study.run(params)
    refuse_edited("depth", params, Path("depth/dvc.yaml"))
