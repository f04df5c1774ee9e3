"""The Python interface: reviews in, a fitted stack of recurrent layers out, and the registered champion.

    import pipeline

    reviews = pipeline.load_reviews("snippets", limit=2000)
    fitted = pipeline.fit({"cell": "gru", "depth": 2, "units": 32}, reviews)
    pipeline.evaluate(fitted, reviews)["accuracy"]
    fitted.predict(["A warm, funny film."])

What it calls is what the commands call. Values have the names of ``model`` and ``train`` in params.yaml;
one that isn't given is that of ``pipeline/params/plain.yaml``, a plain and small network, whatever folder the
interface is used in. Nothing is written, but for a downloaded data set's own cache.
"""

from pipeline.api.classifiers import Classifier, FittedClassifier, Prediction, explain, load_champion
from pipeline.api.networks import Estimate, build_stacked_rnn, evaluate, fit
from pipeline.api.reviews import PaddedReviews, load_reviews

__all__ = [
    "Classifier",
    "Estimate",
    "FittedClassifier",
    "PaddedReviews",
    "Prediction",
    "build_stacked_rnn",
    "evaluate",
    "explain",
    "fit",
    "load_champion",
    "load_reviews",
]
