"""The registered model as MLflow loads it, from this code and without pickle (models from code).

``registry.packaging`` logs this file and the modules that it imports, under a package name that is the
version's own; MLflow executes it and takes the object given to ``set_model``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from pipeline.serving.answering import Answerer, read_texts
from pipeline.serving.classifier import CLASSIFIER, TextClassifier


class ReviewClassifier(PythonModel):
    """Texts in, a row a text out; see :meth:`Answerer.answer`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the artifacts, and what MLflow writes beside a loaded model: MODEL/artifacts/classifier."""
        folder = Path(context.artifacts[CLASSIFIER])
        registered, logged = (
            yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.exists() else {}
            for path in (folder.parents[1] / name for name in ("registered_model_meta", "MLmodel"))
        )
        name, number = registered.get("model_name"), registered.get("model_version")
        version = f"models:/{name}/{number}" if name and number else ""
        self._answerer = Answerer(TextClassifier.load(folder), version, logged.get("run_id") or "")

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,  # or what else read_texts takes; MLflow warns of every other annotation
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Labels the texts.

        Args:
            context: not needed after ``load_context``.
            model_input: a table with a column ``text``, or texts alone: see :func:`read_texts`.
            params: of :meth:`Answerer.answer`.

        Returns:
            A row a text, with the index of ``model_input``.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, which a server answers as 400, for a text that isn't a
                string or a threshold out of range.
        """
        del context
        try:
            columns = self._answerer.answer(*read_texts(model_input), params or {})
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        index = model_input.index if isinstance(model_input, pd.DataFrame | pd.Series) else None
        return pd.DataFrame(columns, index)


mlflow.models.set_model(ReviewClassifier())
