"""Classifiers of the Python interface: texts in, labels out, whether fitted here or registered.

It imports neither MLflow nor Keras until a registered one is asked for.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.serving.classifier import CLASSIFIER, TextClassifier

if TYPE_CHECKING:
    import keras

    from pipeline.serving.classifier import Contribution, TextClassifier
    from pipeline.training.fitting import Fitted


class Prediction(NamedTuple):
    """What a classifier says of one text.

    Attributes:
        label: a label's name, such as ``positive``; ``undecided`` for a text without one known word.
        probability: of the second label; of more than two labels, of the likeliest.
        unknown_share: of the words read, the share that the classifier doesn't know.
        by_label: the probability of every label, by its name.
    """

    label: str
    probability: float
    unknown_share: float
    by_label: dict[str, float]


@dataclass(frozen=True, eq=False)
class Classifier:
    """From text to a label; what :func:`load_champion` returns.

    Attributes:
        name: the registered model and its version, or the data set of a network fitted here.
        texts: the same with arrays: ``score``, and how it reads and decides: ``layout``, ``threshold``.
    """

    name: str
    texts: TextClassifier = field(repr=False)

    def predict(self, texts: Sequence[str], threshold: float | None = None) -> list[Prediction]:
        """Labels texts, one :class:`Prediction` each.

        Args:
            texts: any strings; of a long one, the classifier reads as much as of those it was fitted to.
            threshold: of two labels: a probability from here on is the second; None: the classifier's own.

        Raises:
            ValueError: for one string in place of a list of them, an element that is no string, or a
                threshold outside (0, 1) or for more than two labels.
        """
        if isinstance(texts, str):
            raise UserError(f"texts must be a list of texts, but got one text: predict([{texts[:20]!r}])")
        scores = self.texts.score(texts, threshold)
        return [
            Prediction(
                label,
                float(probability),
                float(unknown),
                dict(zip(self.texts.labels, map(float, every), strict=True)),
            )
            for label, probability, unknown, every in zip(*scores, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class FittedClassifier(Classifier):
    """A classifier that :func:`fit` made.

    Attributes:
        fitted: ``model`` (the Keras network), ``history``, ``best_epoch``, ``seconds``.
        params: what it was fitted with.
    """

    fitted: Fitted = field(repr=False)
    params: Params = field(repr=False)

    @property
    def model(self) -> keras.Model:
        """The Keras network: ``summary()``, ``save(path)``."""
        return self.fitted.model

    @property
    def history(self) -> tuple[Mapping[str, float], ...]:
        """A mapping an epoch: loss, accuracy, validation_loss, validation_accuracy, gradient_norm, ..."""
        return self.fitted.history


def explain(model: Classifier, text: str, label: str | None = None) -> list[Contribution]:
    """What each word that is read contributes: (word, contribution), in the text's order.

    A contribution is the text's log-odds of ``label`` less those with that one word made unknown (Li, Monroe
    & Jurafsky, 2016): above 0 the word speaks for the label.

    Args:
        model: of :func:`load_champion` or :func:`fit`.
        text: any string.
        label: a label's name; None: the second of two labels, of more the likeliest.

    Raises:
        ValueError: if ``text`` is no string, or there is no such label.
    """
    return model.texts.explain(text, label)


# The registered classifier that answers, as the commands and a notebook load it.


@dataclass(frozen=True, eq=False)
class RegisteredClassifier(Classifier):
    """A version out of the registry.

    Attributes:
        address: ``models:/NAME/VERSION``.
        folder: its network, vocabulary, facts and profile; to be read only, and as long as this object lives.
    """

    address: str
    folder: Path = field(repr=False)


def load_champion(name: str | None = None) -> RegisteredClassifier:
    """The best model so far, out of the registry that params.yaml names: call it in the project's folder.

    Args:
        name: of the data set, such as ``imdb``, or ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``; None:
            the data set that the last run was on.

    Raises:
        ValueError: if there is none, or its files are gone.
    """
    from pipeline.interface.versions import find_version  # noqa: PLC0415 - imports MLflow
    from pipeline.registry.versions import download  # noqa: PLC0415

    version = find_version(name)
    temporary = Path(tempfile.mkdtemp(prefix="classifier-"))
    try:
        folder = download(version, f"artifacts/{CLASSIFIER}", temporary)
        champion = RegisteredClassifier(
            f"{version.name} version {version.version}",
            TextClassifier.load(folder),
            f"models:/{version.name}/{version.version}",
            folder,
        )
    except BaseException:
        shutil.rmtree(temporary)
        raise
    weakref.finalize(champion, shutil.rmtree, temporary)
    return champion
