"""A params.yaml of the plain, small network that ``Params()`` is, with a study of six trials."""

from typing import Any

import yaml

from pipeline.params import Params, parse_params

SEARCH_SPACE = {
    "model": {
        "depth": {"low": 2, "high": 4},
        "units": {"low": 8, "high": 64, "log": True},
        "dropout": {"low": 0.0, "high": 0.5},
    }
}


def plain_tree(**sections: dict[str, Any]) -> dict[str, Any]:
    """The file's values, with those of ``sections`` over them."""
    tree = Params().model_dump(mode="json")
    tree["tune"] |= {"trials": 6, "search_space": SEARCH_SPACE}
    for section, values in sections.items():
        tree[section] |= values
    return tree


def plain_text(**sections: dict[str, Any]) -> str:
    """The file."""
    return yaml.safe_dump(plain_tree(**sections), sort_keys=False, allow_unicode=True)


def plain_params() -> Params:
    """What is read of it."""
    return parse_params(plain_tree(), "params.yaml")
