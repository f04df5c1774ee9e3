"""The registered model as MLflow loads it, from this code and without pickle (models from code).

``registry.register`` logs this file; MLflow executes it and takes the object given to ``set_model``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from pipeline.serving.classifier import TextClassifier


class ReviewClassifier(PythonModel):
    """Column ``text`` in; columns ``label``, ``probability`` and ``unknown_share`` out, a row a text."""

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the artifacts."""
        self._classifier = TextClassifier.load(Path(context.artifacts["classifier"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Labels the texts.

        Args:
            context: not needed after ``load_context``.
            model_input: a column ``text`` of strings.
            params: ``threshold``, and ``explain``, which adds ``contributions``, a list of
                {word, contribution} for each text.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, which a server answers as 400, for a text that isn't a
                string or a threshold out of range.
        """
        del context
        params = params or {}
        texts = model_input["text"].tolist()
        try:
            scores = self._classifier.score(texts, params.get("threshold"))
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        columns: dict[str, Any] = {
            "label": scores.labels,
            "probability": scores.probabilities.astype(np.float64),
            "unknown_share": scores.unknown_shares,
        }
        if params.get("explain"):
            columns["contributions"] = [
                [word._asdict() for word in self._classifier.explain(text)] for text in texts
            ]
        return pd.DataFrame(columns)


mlflow.models.set_model(ReviewClassifier())
