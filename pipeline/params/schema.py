"""params.yaml as frozen models: the one place where a value is judged.

``load_params`` reads the file, ``Params.replace`` gives a copy with other values under dotted keys
(``{"model.depth": 3}``); both raise ``ParamsError`` with one line for each thing that is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeGuard
from urllib.parse import parse_qsl, urlsplit

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.runtime.errors import UserError

PARAMS_FILE = Path("params.yaml")

Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=4096)]
Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...] | None
Cell = Literal["simple_rnn", "lstm", "gru"]
Skip = Literal["none", "residual", "highway"]
Depth = Annotated[int, Field(ge=1, le=8)]
_HASH = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether ``value`` is an int or a float; a bool is neither here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class ParamsError(UserError):
    """A value of params.yaml (or one that replaces it) that can't be used; one line a fault."""


class Section(BaseModel):
    """Immutable, strict about types, and closed to keys that nothing reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _check_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("must be sha256: and 64 hexadecimal digits, or md5: and 32")
    return text


Hash = Annotated[str, BeforeValidator(lambda value: _check_hash(str(value)))]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
# A query's value under such a name is taken for a secret, but for $NAME, an environment variable's.
_SECRET_NAME = re.compile(
    r"token|secret|signature|credential|passw|pwd|auth|apikey|session|jwt|(^|[-_.])(sig|key|sas|pass)($|[-_.])",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


def _secret_in(url: str) -> str | None:
    """What in ``url`` should stand in no file, and where to put it; None if there is nothing."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a user or password: put them into ~/.netrc, under the host's name"
    for name, value in parse_qsl(parts.query):
        if _SECRET_NAME.search(name) and not _VARIABLE.fullmatch(value):
            variable = re.sub(r"\W", "_", name).upper()
            return f"a secret under {name}: set {variable} in the environment, and write {name}=${variable}"
    return None


def _shown(value: Any) -> str:
    """``value`` for a message; an address without user, password and query."""
    if isinstance(value, str) and "://" in value:
        value = re.sub(r"(?<=://)[^/@\s]*@|\?.*", "", value)
    return repr(value)


class DataParams(Section):
    """Where the reviews come from; read by the download stage."""

    source: Literal["imdb", "snippets", "file"]
    fallback: Literal["snippets"] | None
    url: Url
    hash: Hash
    word_index_url: Url
    word_index_hash: Hash
    path: Annotated[str, Field(min_length=1)]
    text_column: str
    label_column: str
    split_column: str | None
    labels: tuple[str, ...] | dict[str, str | None] | None
    encoding: Annotated[str, Field(min_length=1)]
    delimiter: Literal["auto", "comma", "semicolon", "tab", "bar"]
    quoting: Literal["auto", "doubled", "backslash"]
    bad_rows: Literal["error", "skip"]
    test_fraction: Fraction
    unlabelled: Literal["auto", "imdb", "file", "none"]
    unlabelled_url: Url
    unlabelled_hash: Hash
    unlabelled_path: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        if self.text_column == self.label_column:
            raise ValueError(f"data.text_column and data.label_column are both {self.text_column!r}")
        return self

    @model_validator(mode="after")
    def _addresses_hold_no_secret(self) -> Self:
        for name in ("url", "word_index_url", "unlabelled_url"):
            secret = _secret_in(getattr(self, name))
            if secret:
                raise ValueError(f"data.{name} is committed and logged, but holds {secret}")
        return self


class PadParams(Section):
    """How reviews become rows of one length; read by the pad stage."""

    vocab_size: Annotated[int, Field(ge=4, le=1_000_000)]
    max_length: Annotated[int, Field(ge=1, le=10_000)]
    padding: Literal["pre", "post"]
    truncating: Literal["pre", "post"]
    validation_fraction: Fraction
    held_back_fraction: Rate


class ModelParams(Section):
    """The network: ``depth`` recurrent layers of one ``cell``."""

    cell: Cell
    depth: Depth
    units: Width | tuple[Width, ...]
    embedding_dim: Width
    bidirectional: bool
    skip: Skip
    skip_projection: bool
    activation: Literal["tanh", "relu"]
    recurrent_initializer: Literal["auto", "orthogonal", "glorot_uniform", "identity"]
    identity_scale: Annotated[float, Field(gt=0)]
    unit_forget_bias: bool
    dropout: Rate
    output_dropout: Rate | None
    recurrent_dropout: Rate
    embedding_dropout: Rate
    word_dropout: Rate
    layer_normalization: bool
    layer_pooling: Literal["none", "max"]
    pooling: Literal["last", "mean", "max", "max_mean"]
    masking: bool

    @property
    def layer_units(self) -> tuple[int, ...]:
        """Units of each recurrent layer, bottom first; length ``depth``."""
        return self.units if isinstance(self.units, tuple) else (self.units,) * self.depth

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Features that leave each recurrent layer: ``units``, twice that when bidirectional."""
        return tuple(units * (2 if self.bidirectional else 1) for units in self.layer_units)

    @property
    def starts_at_identity(self) -> bool:
        """Whether the recurrent weights start at a multiple of the identity: by default those of relu do."""
        kind = self.recurrent_initializer
        return kind == "identity" or (kind == "auto" and self.activation == "relu")

    @model_validator(mode="after")
    def _layers_fit_together(self) -> Self:
        if isinstance(self.units, tuple) and len(self.units) != self.depth:
            raise ValueError(
                f"model.units has {len(self.units)} numbers, but model.depth is {self.depth}: "
                "give one number, or one a layer"
            )
        inputs = (self.embedding_dim, *self.layer_widths[:-1])
        if self.skip != "none" and not self.skip_projection and inputs != self.layer_widths:
            raise ValueError(
                f"model.skip is {self.skip} and model.skip_projection is false, but the layers' inputs are "
                f"{list(inputs)} wide and their outputs {list(self.layer_widths)}: make model.units equal to "
                "model.embedding_dim, or set model.skip_projection to true"
            )
        return self


class VectorParams(Section):
    """Word vectors that the embedding starts from (skip-gram); none without epochs."""

    epochs: NonNegativeInt | Literal["auto"]
    window: Annotated[int, Field(ge=1, le=50)]
    negatives: PositiveInt
    sample: Annotated[float, Field(ge=0, lt=1)]
    deviation: Annotated[float, Field(gt=0)]


class DistillParams(Section):
    """Soft labels of a bag-of-words teacher on unlabelled reviews, then passes on the labels alone."""

    epochs: NonNegativeInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    dropout_scale: Annotated[float, Field(ge=0, le=1)]
    label_epochs: NonNegativeInt
    label_learning_rate: Annotated[float, Field(gt=0, le=1)]


class TrainParams(Section):
    """How one network is fitted."""

    backend: Literal["tensorflow", "jax"]
    implementation: Literal["auto", "keras", "fused", "cudnn"]
    optimizer: Literal["adam", "adamw", "rmsprop"]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    schedule: Literal["constant", "cosine", "linear"]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    beta_2: Annotated[float, Field(gt=0, lt=1)]
    clipnorm: Annotated[float, Field(gt=0)] | None
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    average_decay: Annotated[float, Field(ge=0, lt=1)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    epochs: PositiveInt | Literal["auto"]
    batch_size: PositiveInt | Literal["auto"]
    patience: PositiveInt | Literal["auto"] | None

    @property
    def stop_after(self) -> int | None:
        """``patience``, once it is a number or none: see ``Params.resolved``."""
        return None if self.patience is None else _resolved("train", self.patience)

    @property
    def num_epochs(self) -> int:
        """``epochs``, once they are a number: see ``Params.resolved``."""
        return _resolved("train", self.epochs)

    @property
    def rows(self) -> int:
        """``batch_size``, once it is a number: see ``Params.resolved``."""
        return _resolved("train", self.batch_size)

    @model_validator(mode="after")
    def _weight_decay_is_used(self) -> Self:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"train.weight_decay is {self.weight_decay}, but train.optimizer is {self.optimizer}: "
                "only adamw decays weights"
            )
        return self


class PretrainParams(Section):
    """Next-word prediction on the training reviews before fine-tuning (Dai & Le, 2015)."""

    epochs: NonNegativeInt


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


class ClusterParams(Section):
    """Where networks are fitted side by side; it changes no result, so that it may be left out."""

    address: Annotated[str, Field(pattern=r"^(tcp|tls|ws|wss)://\S+$")] | None = None
    jobs_a_process: PositiveInt = 6


class TuneParams(Section):
    """The study; ``search_space`` maps a dotted key of ``model`` or ``train`` to its values."""

    trials: PositiveInt
    epochs: PositiveInt | Literal["auto"] | None
    sampler: Literal["tpe", "random"]
    pruner: Literal["hyperband", "median", "none"]
    timeout: Annotated[float, Field(gt=0)] | None
    finalists: PositiveInt
    seeds: PositiveInt
    workers: PositiveInt | Literal["auto"]
    storage: Annotated[str, Field(min_length=1)] | None
    search_space: dict[str, Range | Choices]

    @model_validator(mode="after")
    def _storage_is_known(self) -> Self:
        """A path, or the URL of a database; no password, since params.yaml is committed and logged."""
        if self.storage is None or "://" not in self.storage:
            return self
        scheme, _, address = self.storage.partition("://")
        account, at, host = address.rpartition("@")
        user, colon, _ = account.partition(":")
        shown = f"{scheme}://{user}{at}{host}"
        if scheme not in ("sqlite", "postgresql", "postgresql+psycopg"):
            raise ValueError(
                "tune.storage must be null, a journal file's path, sqlite:///FILE, or "
                f"postgresql://USER@HOST/DATABASE, but got {shown}"
            )
        if colon:
            raise ValueError(
                "tune.storage must not hold a password, since params.yaml is committed: "
                f"put it into PGPASSWORD or ~/.pgpass, and write {shown}"
            )
        return self

    @model_validator(mode="after")
    def _finalists_are_compared(self) -> Self:
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
        if not isinstance(space, dict):
            raise ValueError("must map keys such as model.depth to {low, high} or {choices}")
        forms: dict[str, Range | Choices] = {}
        for key, form in _by_dotted_key(space).items():
            kind = Choices if isinstance(form, dict) and "choices" in form else Range
            try:
                forms[key] = kind.model_validate_json(json.dumps(form))
            except ValidationError as error:
                name = f"tune.search_space.{key}"
                faults = (
                    fault if fault.startswith(name) else f"{name}: {fault}" for fault in _faults(error, name)
                )
                raise ValueError("; ".join(faults)) from None
        return forms


def _by_dotted_key(space: dict[str, Any]) -> dict[str, Any]:
    """``{"model": {"depth": form}}``, whose ends `dvc exp run -S` reaches, as ``{"model.depth": form}``."""
    flat: dict[str, Any] = {}
    for key, value in space.items():
        if "." not in key and isinstance(value, dict):
            flat |= {f"{key}.{name}": form for name, form in value.items()}
        else:
            flat[key] = value
    return flat


def _check_range(key: str, form: Range, configured: Value) -> None:
    """The configured value is the first trial's, so it must lie on the range's grid."""
    if not is_number(configured):
        raise ValueError(
            f"tune.search_space.{key}: {configured!r} is not a number: give choices, not low and high"
        )
    if form.step is None:
        return
    steps = (configured - form.low) / form.step
    if abs(steps - round(steps)) > 1e-9:
        raise ValueError(
            f"tune.search_space.{key}: {key} is {configured}, which is not low ({form.low}) and whole steps "
            f"({form.step}): the configured model is the first trial, so change {key}, low or step"
        )


class DepthStudyParams(Section):
    """Which networks the depth study trains: each cell, depth and skip with each seed, and two variants.

    The variants have no skip: one has dropout, one clips its gradients.
    """

    cells: tuple[Cell, ...]
    depths: tuple[Depth, ...]
    skips: tuple[Skip, ...]
    seeds: Annotated[int, Field(ge=2)]
    units: Width
    epochs: PositiveInt
    batch_size: PositiveInt
    dropout: Annotated[float, Field(gt=0, lt=1)]
    clipnorm: Annotated[float, Field(gt=0)]
    probe_reviews: Annotated[int, Field(ge=10)]
    gradient_reviews: PositiveInt
    workers: PositiveInt | Literal["auto"]

    @model_validator(mode="after")
    def _has_something_to_compare(self) -> Self:
        for key in ("cells", "depths", "skips"):
            values = getattr(self, key)
            if not values or len(set(values)) != len(values):
                raise ValueError(
                    f"depth_study.{key} must name one value or more, each once, but got {list(values)}"
                )
        if 1 not in self.depths or len(self.depths) == 1:
            raise ValueError(
                "depth_study.depths must hold 1 and a deeper one to compare it with, "
                f"but got {list(self.depths)}"
            )
        if "none" not in self.skips:
            raise ValueError(
                "depth_study.skips must hold none, which the others are compared with, "
                f"but got {list(self.skips)}"
            )
        return self


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


class Params(Section):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    data: DataParams
    pad: PadParams
    model: ModelParams
    train: TrainParams
    pretrain: PretrainParams
    vectors: VectorParams
    distill: DistillParams
    cluster: ClusterParams = ClusterParams()
    tune: TuneParams
    depth_study: DepthStudyParams
    evaluate: EvaluateParams
    mlflow: MlflowParams

    @model_validator(mode="after")
    def _implementation_can_run_the_model(self) -> Self:
        needs: dict[str, dict[str, Value]] = {
            "fused": {"recurrent_dropout": 0.0},
            "cudnn": {"recurrent_dropout": 0.0, "activation": "tanh"},
        }
        for key, wanted in needs.get(self.train.implementation, {}).items():
            value = getattr(self.model, key)
            if value != wanted:
                raise ValueError(
                    f"train.implementation is {self.train.implementation}, but model.{key} is {value}: "
                    f"it needs {wanted}"
                )
        if self.train.implementation == "cudnn" and self.model.cell == "simple_rnn":
            raise ValueError("train.implementation is cudnn, but model.cell is simple_rnn: take lstm or gru")
        return self

    @model_validator(mode="after")
    def _steps_are_pooled_from_the_first_word(self) -> Self:
        """Pairs of steps are counted from the row's start: padding there would move them."""
        if self.model.layer_pooling != "none" and self.model.masking and self.pad.padding != "post":
            raise ValueError(
                f"model.layer_pooling is {self.model.layer_pooling} and model.masking is true, but "
                f"pad.padding is {self.pad.padding}: set pad.padding to post"
            )
        return self

    @model_validator(mode="after")
    def _pretraining_reads_forwards(self) -> Self:
        if self.pretrain.epochs and self.model.bidirectional:
            raise ValueError(
                f"pretrain.epochs is {self.pretrain.epochs}, but model.bidirectional is true: a layer that "
                "reads backwards has seen the next word; set one of them to 0 or false"
            )
        return self

    @model_validator(mode="after")
    def _search_space_is_valid(self) -> Self:
        if self.tune.trials == 1:
            return self
        flat = self.flat()
        for key, form in self.tune.search_space.items():
            if key not in flat or key.split(".")[0] not in ("model", "train"):
                raise ValueError(f"tune.search_space.{key}: there is no such key of model or train")
            if key == "train.backend":
                raise ValueError(
                    "tune.search_space.train.backend: a process has one backend: set train.backend"
                )
            if isinstance(form, Range):
                _check_range(key, form, flat[key])
            for value in form.values:
                section, name = key.split(".")
                values = getattr(self, section).model_dump(mode="json") | {name: value}
                try:
                    type(getattr(self, section)).model_validate_json(json.dumps(values))
                except ValidationError as error:
                    faults = "; ".join(_faults(error, section))
                    raise ValueError(f"tune.search_space.{key}: {value!r} can't be used: {faults}") from None
        return self

    def flat(self) -> dict[str, Value]:
        """Every value under its dotted key, ``tune.search_space`` left out."""
        flat: dict[str, Value] = {"seed": self.seed}
        for section, values in self.model_dump().items():
            if isinstance(values, dict):
                flat |= {f"{section}.{name}": value for name, value in values.items()}
        flat.pop("tune.search_space")
        return flat

    @property
    def trial_epochs(self) -> int:
        """How many epochs on the labels a trial of the study has at most."""
        return self.train.num_epochs if self.tune.epochs is None else _resolved("tune", self.tune.epochs)

    def resolved(self, num_reviews: int) -> Params:
        """A copy whose ``auto`` values are those that suit so many training reviews."""
        suited = suited_to(num_reviews)
        flat = self.flat()
        found: dict[str, Value] = {key: value for key, value in suited.items() if flat[key] == "auto"}
        return self.replace(found) if found else self

    def searching_without(self, keys: Iterable[str]) -> Params:
        """A copy whose ``tune.search_space`` lacks ``keys``: every trial has their configured values."""
        left = {key: form for key, form in self.tune.search_space.items() if key not in set(keys)}
        return self.model_copy(update={"tune": self.tune.model_copy(update={"search_space": left})})

    def replace(self, values: Mapping[str, Value], source: str = "params") -> Params:
        """A checked copy with ``values`` under dotted keys (``{"model.depth": 3}``).

        Raises:
            ParamsError: for an unknown key, or a value that can't be used.
        """
        tree = self.model_dump(mode="json")
        for key, value in values.items():
            *path, name = key.split(".")
            section: Any = tree
            for part in path:
                section = section.get(part) if isinstance(section, dict) else None
            if not isinstance(section, dict) or name not in section:
                raise ParamsError(f"{source}: there is no parameter {key}; params.yaml lists them all")
            section[name] = value
        return parse_params(tree, source)


def suited_to(num_reviews: int) -> dict[str, int | None]:
    """The ``auto`` values for a training split of ``num_reviews``.

    A network learns by steps, so few reviews are read in smaller batches and more often: batches of 8 to 64,
    and epochs that make 1,500 steps, but 5 at least and 30 at most; 300 steps in a short trial. Few reviews
    are soon known by heart: below 12,800 a fit stops after two epochs without a better validation loss.

    >>> [tuple(suited_to(number).values()) for number in (240, 4_000, 20_000)]
    [(8, 30, 2, 10), (16, 6, 2, 2), (64, 5, None, 1)]
    """
    batch_size = next((size for size in (8, 16, 32) if num_reviews <= size * 250), 64)
    steps = max(math.ceil(num_reviews / batch_size), 1)
    epochs = min(max(math.ceil(1500 / steps), 5), 30)
    return {
        "train.batch_size": batch_size,
        "train.epochs": epochs,
        "train.patience": 2 if num_reviews < 12_800 else None,
        "tune.epochs": min(math.ceil(300 / steps), epochs),
    }


def _resolved(section: str, value: int | str) -> int:
    if isinstance(value, str):
        raise TypeError(f"a value of {section} is {value}: Params.resolved gives it a number")
    return value


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Reads and checks a params file.

    Raises:
        ParamsError: if the file is missing, isn't YAML, or holds a value that can't be used.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run this in the project's folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return parse_params(tree, str(path))


def parse_params(tree: Any, source: str) -> Params:
    """Checks a tree of plain values; ``source`` is named in the message.

    Raises:
        ParamsError: one line for each fault, led by the source and the dotted key.
    """
    try:
        # As JSON, because pydantic's strict mode then takes a list for a tuple, and nothing else amiss.
        return Params.model_validate_json(json.dumps(tree))
    except (TypeError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise ParamsError(
                f"{source}: holds a value that is not a plain number or text: {error}"
            ) from None
        raise ParamsError("\n".join(f"{source}: {fault}" for fault in _faults(error))) from None


def _faults(error: ValidationError, prefix: str = "") -> list[str]:
    """One line a fault: the dotted key, what must hold, what it was."""
    lines: dict[str, None] = {}  # a union reports a fault once a member: keep each line once, in order
    for fault in error.errors(include_url=False):
        names = [str(part) for part in fault["loc"] if not str(part).startswith(("tuple[", "constrained"))]
        names = [name for name in names if name not in ("int", "float", "bool", "str", "none")]
        key = ".".join([prefix, *names] if prefix else names)
        value = fault["input"]
        match fault["type"]:
            case "extra_forbidden":
                lines[f"{key}: there is no such parameter; take it out, or mend its spelling"] = None
            case "missing":
                lines[f"{key} is missing; params.yaml must give it a value"] = None
            case "value_error":
                message = fault["msg"].removeprefix("Value error, ")
                if isinstance(value, dict | BaseModel):  # a whole section: the message names the keys itself
                    lines[message] = None
                else:
                    lines[f"{key} {message}, but got {_shown(value)}"] = None
            case _:
                message = fault["msg"].replace("Input should", "must").replace(" instance", "")
                shown = _shown(value) if not isinstance(value, dict) else "a mapping"
                lines[f"{key} {message[0].lower()}{message[1:]}, but got {shown}"] = None
    return list(lines)
