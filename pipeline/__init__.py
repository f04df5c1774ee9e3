"""A DVC pipeline that tunes, trains, evaluates and registers stacked recurrent networks.

Its Python interface, each name loaded when it is first used:

    import pipeline

    reviews = pipeline.load_reviews("snippets", limit=2000)
    fitted = pipeline.fit({"cell": "gru", "depth": 2, "units": 32}, reviews)
    pipeline.evaluate(fitted, reviews)["accuracy"]
    fitted.predict(["A warm, funny film."])
    pipeline.load_champion().predict(["A warm, funny film."])

The commands are built on it. Values have the names of ``model`` and ``train`` in params.yaml; one that isn't
given is that of ``pipeline.params.Params()``, a plain and small network, whatever folder the interface is
used in. Nothing is written, but for a downloaded data set's own cache.
"""

# ruff: noqa: F403, F405 - what a type checker sees of the interface

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.interface import *

__version__ = "0.2.0"
__all__ = [
    "Classifier",
    "Drawing",
    "Estimate",
    "FittedClassifier",
    "PaddedReviews",
    "Prediction",
    "RegisteredClassifier",
    "Version",
    "__version__",
    "build_stacked_rnn",
    "draw_stack",
    "evaluate",
    "explain",
    "fit",
    "gradient_norms",
    "list_versions",
    "load_champion",
    "load_reviews",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.interface"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
