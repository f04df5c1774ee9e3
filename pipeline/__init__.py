"""A DVC pipeline that tunes, trains, evaluates and registers stacked recurrent networks.

Its Python interface (``pipeline.api``) is at hand here, and loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import build_stacked_rnn, evaluate, explain, fit, load_champion, load_reviews

__version__ = "0.2.0"

_INTERFACE = ("build_stacked_rnn", "evaluate", "explain", "fit", "load_champion", "load_reviews")
__all__ = ["__version__", "build_stacked_rnn", "evaluate", "explain", "fit", "load_champion", "load_reviews"]


def __getattr__(name: str) -> Any:
    if name not in _INTERFACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_INTERFACE})
