"""What registered models and their versions are called; commands read it before they import MLflow."""

from __future__ import annotations

from pipeline.runtime.errors import UserError

CHAMPION, CHALLENGER = "champion", "challenger"
NAME_PREFIX = "stacked-rnn-"


def registered_name(dataset_name: str) -> str:
    """The registered model's name: one for each data set, so that champions can't be mistaken."""
    return f"{NAME_PREFIX}{dataset_name}"


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
