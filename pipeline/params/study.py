"""The sections of the study, of its search space, of where it runs, and of the depth study."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, PositiveInt, ValidationError, field_validator, model_validator

from pipeline.params.values import (
    Cell,
    Depth,
    Fraction,
    Positive,
    Rate,
    Section,
    Skip,
    Text,
    Value,
    Width,
    faults_of,
    is_number,
)


class Range(Section):
    """Numbers from ``low`` to ``high``, both included."""

    low: int | float
    high: int | float
    step: Annotated[int | float, Field(gt=0)] | None = None
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low must not be above high, but got low {self.low} and high {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(
                f"log needs low above 0 and no step, but got low {self.low} and step {self.step}"
            )
        return self

    @property
    def values(self) -> tuple[Value, ...]:
        """The values that stand for the range when it is checked: its two ends."""
        return self.low, self.high


class Choices(Section):
    """One of a list."""

    choices: Annotated[tuple[Value, ...], Field(min_length=1)]

    @property
    def values(self) -> tuple[Value, ...]:
        """All choices."""
        return self.choices


Workers = PositiveInt | Literal["auto"]


class ClusterParams(Section):
    """Where networks are fitted side by side; it changes no result."""

    address: Annotated[str, Field(pattern=r"^(tcp|tls|ws|wss)://\S+$")] | None = None
    jobs_a_process: PositiveInt = 6


class TuneParams(Section):
    """The study; ``search_space`` maps a dotted key, such as ``model.depth``, to its values."""

    trials: PositiveInt = 1
    objective: Literal["accuracy", "balanced_accuracy", "f1", "log_loss"] = "accuracy"
    epochs: PositiveInt | Literal["auto"] | None = None
    reviews: PositiveInt | None = None
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["hyperband", "median", "none"] = "median"
    timeout: Positive | None = None
    finalists: PositiveInt = 1
    seeds: PositiveInt = 1
    workers: Workers = 1
    storage: Text | None = None
    search_space: dict[str, Range | Choices] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _study_can_be_kept_and_judged(self) -> Self:
        """The storage is a path, or a database's URL; no password, since params.yaml is committed."""
        scheme, is_url, address = (self.storage or "").partition("://")
        account, at, host = address.rpartition("@")
        user, colon, _ = account.partition(":")
        shown = f"{scheme}://{user}{at}{host}"
        if is_url and scheme not in ("sqlite", "postgresql", "postgresql+psycopg"):
            raise ValueError(
                "tune.storage must be null, a journal file's path, sqlite:///FILE, or "
                f"postgresql://USER@HOST/DATABASE, but got {shown}"
            )
        if is_url and colon:
            raise ValueError(
                "tune.storage must not hold a password, since params.yaml is committed: "
                f"put it into PGPASSWORD or ~/.pgpass, and write {shown}"
            )
        if self.finalists > 1 and self.seeds == 1:
            raise ValueError(
                f"tune.finalists is {self.finalists}, but tune.seeds is 1: give tune.seeds 2 or more, "
                "so that the finalists have something to be compared by"
            )
        return self

    @field_validator("search_space", mode="before")
    @classmethod
    def _forms(cls, space: Any) -> Any:
        """Tells the two forms apart here: a union's own message would name both for one slip."""
        if space is None:  # what `-S tune.search_space=null` gives; DVC takes an empty mapping for no change
            return {}
        if not isinstance(space, dict):
            raise ValueError("must map keys such as model.depth to {low, high} or {choices}")
        flat, forms = dict[str, Any](), dict[str, Range | Choices]()
        # {"model": {"depth": form}} too, whose ends `dvc exp run -S` reaches.
        for key, value in space.items():
            nested = "." not in key and isinstance(value, dict)
            flat |= {f"{key}.{name}": form for name, form in value.items()} if nested else {key: value}
        for key, form in flat.items():
            kind = Choices if isinstance(form, dict) and "choices" in form else Range
            try:
                forms[key] = kind.model_validate_json(json.dumps(form))
            except ValidationError as error:
                name = f"tune.search_space.{key}"
                faults = (
                    line if line.startswith(name) else f"{name}: {line}" for line in faults_of(error, name)
                )
                raise ValueError("; ".join(faults)) from None
        return forms


def check_range(key: str, form: Range, configured: Value) -> None:
    """The configured value is the first trial's, so it must lie on the range's grid."""
    name = f"tune.search_space.{key}"
    if not is_number(configured):
        raise ValueError(f"{name}: {configured!r} is not a number: give choices, not low and high")
    steps = (configured - form.low) / (form.step or 1)
    if form.step is not None and abs(steps - round(steps)) > 1e-9:
        raise ValueError(
            f"{name}: {key} is {configured}, which is not low ({form.low}) and whole steps ({form.step}): "
            f"the configured model is the first trial, so change {key}, low or step"
        )


class DepthParams(Section):
    """Which networks the depth study trains: each cell, depth and skip with each seed, and two variants.

    The variants have no skip: one has dropout, one clips its gradients.
    """

    cells: tuple[Cell, ...] = ("simple_rnn", "lstm", "gru")
    depths: tuple[Depth, ...] = (1, 2, 4)
    skips: tuple[Skip, ...] = get_args(Skip)
    seeds: Annotated[int, Field(ge=2)] = 6
    units: Width = 16
    tokens: PositiveInt = 100
    epochs: PositiveInt = 3
    batch_size: PositiveInt = 128
    dropout: Fraction = 0.5
    clipnorm: Positive = 1.0
    probe_reviews: Annotated[int, Field(ge=10)] = 4000
    gradient_reviews: PositiveInt = 128
    workers: Workers = "auto"

    @model_validator(mode="after")
    def _has_something_to_compare(self) -> Self:
        for key in ("cells", "depths", "skips"):
            values = getattr(self, key)
            if not values or len(set(values)) != len(values):
                raise ValueError(
                    f"depth.{key} must name one value or more, each once, but got {list(values)}"
                )
        if 1 not in self.depths or len(self.depths) == 1:
            raise ValueError(
                f"depth.depths must hold 1 and a deeper one to compare it with, but got {list(self.depths)}"
            )
        if "none" not in self.skips:
            raise ValueError(
                f"depth.skips must hold none, which the others are compared with, but got {list(self.skips)}"
            )
        return self


class EvaluateParams(Section):
    """What the test split is compared with, whether the model is registered, and what makes it champion."""

    baseline_ngrams: Annotated[int, Field(ge=1, le=5)] = 2
    register_model: bool = True
    promotion_margin: Rate = 0.0
    promotion_level: Fraction = 0.05


class MlflowParams(Section):
    """Where runs go."""

    tracking_uri: str | None = None
    experiment: Text = "stacked-rnn"

    @model_validator(mode="after")
    def _tracking_uri_holds_no_password(self) -> Self:
        if self.tracking_uri and "@" in urlsplit(self.tracking_uri).netloc:
            raise ValueError(
                "mlflow.tracking_uri is committed and logged, but holds a user or password: set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or the whole MLFLOW_TRACKING_URI, "
                "in the environment"
            )
        return self
