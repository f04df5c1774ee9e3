"""What registered models and their versions are called; needs no MLflow."""

from __future__ import annotations

from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import PADDED_DATASET

CHAMPION = "champion"
NAME_PREFIX = "stacked-rnn-"


def registered_name(dataset_name: str) -> str:
    """The registered model's name: one for each data set, so that champions can't be mistaken."""
    return f"{NAME_PREFIX}{dataset_name}"


def champion_address(model: str) -> str:
    """The address of a registered model's champion."""
    return f"models:/{model}@{CHAMPION}"


def known_address(name: str | None) -> str | None:
    """The address of the version that ``name`` stands for, as far as it is known without the registry.

    Args:
        name: an address, which is left as it is, or a data set's name: its champion's; None: that of the data
            set in data/padded, if there is one.
    """
    if name is None and PADDED_DATASET.exists():
        name = read_json(PADDED_DATASET)["name"]
    if name is None or set(name) & set(":/@"):  # none of which a registered model's name can have
        return name
    return champion_address(registered_name(name))


def parse_uri(uri: str) -> tuple[str, str, str]:
    """Name, alias and number of a version's address; of the last two, the one that it doesn't have is empty.

    >>> parse_uri("models:/reviews@champion"), parse_uri("models:/reviews/3")
    (('reviews', 'champion', ''), ('reviews', '', '3'))

    Raises:
        UserError: if it is neither `models:/NAME/VERSION` nor `models:/NAME@ALIAS`.
    """
    name, at, alias = uri.removeprefix("models:/").partition("@")
    name, _, number = (name, "", "") if at else name.partition("/")
    if not uri.startswith("models:/") or not name or not (alias or number.isdecimal()):
        raise UserError(f"a model must be models:/NAME/VERSION or models:/NAME@ALIAS, but got {uri}")
    return name, alias, number
