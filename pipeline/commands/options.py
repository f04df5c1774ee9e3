"""Options that several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from pipeline.registry.names import parse_uri
from pipeline.runtime.errors import UserError


def of_version(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --model and --dataset; ``command`` gets ``name``, as :func:`pipeline.load_champion` takes it."""

    @click.option("--model", help="models:/NAME/VERSION or models:/NAME@ALIAS.")
    @click.option("--dataset", help="The data set whose champion is taken; else the one in data/padded.")
    @functools.wraps(command)
    def named(*, model: str | None, dataset: str | None, **others: Any) -> Any:
        if model and dataset:
            raise UserError(f"give --model or --dataset, not both, but got {model} and {dataset}")
        if model:
            parse_uri(model)
        return command(name=model or dataset, **others)

    return named
