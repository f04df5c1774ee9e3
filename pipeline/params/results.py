"""The sections of what follows a fit: its evaluation, and where runs go."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pipeline.params.kinds import Fraction, Rate, Section


class EvaluateParams(Section):
    """What the test split is compared with, whether the model is registered, and what makes it champion."""

    baseline_ngrams: Annotated[int, Field(ge=1, le=5)]
    register_model: bool
    promotion_margin: Rate
    promotion_level: Fraction


class MlflowParams(Section):
    """Where runs go."""

    tracking_uri: str | None
    experiment: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _tracking_uri_holds_no_password(self) -> Self:
        if self.tracking_uri and "@" in urlsplit(self.tracking_uri).netloc:
            raise ValueError(
                "mlflow.tracking_uri is committed and logged, but holds a user or password: set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or the whole MLFLOW_TRACKING_URI, "
                "in the environment"
            )
        return self
