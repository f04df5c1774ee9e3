"""params.yaml as frozen models: the one place where a value is judged, section by section and as a whole.

``load_params`` reads the file, which names every key; ``Params()`` is a plain, small network, from which the
Python interface starts; ``Params.replace`` gives a copy with other values under dotted keys
(``{"model.depth": 3}``). What can't be used is a ``ParamsError`` with one line for each thing that is wrong.

A preset is a named set of values: a YAML file of presets/, in params.yaml's own form. It isn't remembered by
its name, which a later change of params.yaml would make untrue: the preset of a run is the one whose values
the run has (:func:`preset_of`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from pipeline.params.data import DataParams, PadParams, require_number, suited_values
from pipeline.params.study import (
    ClusterParams,
    DepthParams,
    EvaluateParams,
    MlflowParams,
    Range,
    TuneParams,
    check_range,
)
from pipeline.params.training import DistillParams, ModelParams, PretrainParams, TrainParams, VectorParams
from pipeline.params.values import CUDNN_CELLS, ParamsError, Section, Value, faults_of, read_yaml

PARAMS_FILE = Path("params.yaml")
PRESETS = Path("presets")
PRESET_VARIABLE = "PIPELINE_PRESET"  # of the environment: the preset that `run` was asked for
SEARCHED = ("model", "train", "pretrain", "vectors", "distill")  # what ``tune.search_space`` may vary


class Params(Section):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    data: DataParams = DataParams()
    pad: PadParams = PadParams()
    model: ModelParams = ModelParams()
    train: TrainParams = TrainParams()
    pretrain: PretrainParams = PretrainParams()
    vectors: VectorParams = VectorParams()
    distill: DistillParams = DistillParams()
    cluster: ClusterParams = ClusterParams()
    tune: TuneParams = TuneParams()
    depth: DepthParams = DepthParams()
    evaluate: EvaluateParams = EvaluateParams()
    mlflow: MlflowParams = MlflowParams()

    @model_validator(mode="after")
    def _network_can_be_fitted(self) -> Self:
        kind, model = self.train.implementation, self.model
        wanted = {"recurrent_dropout": 0.0} if kind in ("fused", "cudnn") else {}
        for key, value in (wanted | ({"activation": "tanh"} if kind == "cudnn" else {})).items():
            if (given := getattr(model, key)) != value:
                raise ValueError(
                    f"train.implementation is {kind}, but model.{key} is {given}: it needs {value}"
                )
        if kind == "cudnn" and model.cell not in CUDNN_CELLS:
            able = " or ".join(CUDNN_CELLS)
            raise ValueError(f"train.implementation is cudnn, but model.cell is {model.cell}: take {able}")
        # Pairs of words or steps are counted from the row's start: padding there would move them.
        for key, single in (("layer_pooling", "none"), ("step_words", 1)):
            value = getattr(model, key)
            if value != single and model.masking and self.pad.padding != "post":
                raise ValueError(
                    f"model.{key} is {value} and model.masking is true, but "
                    f"pad.padding is {self.pad.padding}: set pad.padding to post"
                )
        # A language model is to tell words that a pair, or a step of two words, would show it.
        shows = (("model.step_words", model.step_words, 1), ("vectors.ngrams", self.vectors.ngrams, 0))
        for key, value, needed in shows if any(self.tried_values("pretrain.epochs")) else ():
            if value != needed:
                raise ValueError(
                    f"pretrain.epochs asks for a language model, which {key} {value} would show the words "
                    f"that it is to tell: set {key} to {needed}"
                )
        return self

    @model_validator(mode="after")
    def _search_space_is_valid(self) -> Self:
        if self.tune.trials == 1:
            return self
        flat = self.flat()
        for key, form in self.tune.search_space.items():
            full, (section, _, name) = f"tune.search_space.{key}", key.partition(".")
            if key not in flat or section not in SEARCHED:
                raise ValueError(f"{full}: there is no such key of {', '.join(SEARCHED)}")
            if section == "distill" and self.tune.epochs is not None:
                raise ValueError(
                    f"{full}: trials of tune.epochs ({self.tune.epochs}) learn the labels alone and can't "
                    "tell what soft labels are worth: set tune.epochs to null"
                )
            if isinstance(form, Range):
                has_vectors = self.vectors.epochs or self.vectors.path
                if section == "vectors" or (key == "model.embedding_dim" and has_vectors):
                    raise ValueError(
                        f"{full}: each value has word vectors of its own, made before the search: give a few "
                        "choices"
                    )
                check_range(key, form, flat[key])
            configured = getattr(self, section)
            for value in form.values:
                values = configured.model_dump(mode="json") | {name: value}
                try:
                    type(configured).model_validate_json(json.dumps(values))
                except ValidationError as error:
                    faults = "; ".join(faults_of(error, section))
                    raise ValueError(f"{full}: {value!r} can't be used: {faults}") from None
        return self

    def flat(self, *names: str) -> dict[str, Value]:
        """Every value under its dotted key, ``tune.search_space`` left out.

        Args:
            names: keys and sections whose values are wanted; all without one.
        """
        flat: dict[str, Value] = {"seed": self.seed}
        for section, values in self.model_dump().items():
            if isinstance(values, dict):
                flat |= {f"{section}.{name}": value for name, value in values.items()}
        flat.pop("tune.search_space")
        return {key: flat[key] for key in flat if not names or {key, key.partition(".")[0]} & set(names)}

    def tried_values(self, key: str) -> tuple[Value, ...]:
        """The value of ``key``, and those that trials may have in its place; a range's are its two ends."""
        searched = self.tune.search_space.get(key) if self.tune.trials > 1 else None
        return self.flat()[key], *(searched.values if searched else ())

    @property
    def trial_epochs(self) -> int:
        """How many epochs on the labels a trial of the study has at most."""
        return self.train.num_epochs if self.tune.epochs is None else require_number("tune", self.tune.epochs)

    def resolve(self, num_reviews: int, max_length: int) -> Params:
        """A copy whose ``auto`` values suit so many training reviews, in rows of ``max_length`` tokens.

        A trial is no longer than ``train.epochs``, where these are given; a single one is no short one.
        """
        suited, flat = suited_values(num_reviews, max_length), self.flat()
        if self.tune.trials == 1:
            suited["tune.epochs"] = None
        elif isinstance(self.train.epochs, int):
            suited["tune.epochs"] = min(suited["tune.epochs"] or self.train.epochs, self.train.epochs)
        found: dict[str, Value] = {key: value for key, value in suited.items() if flat[key] == "auto"}
        return self.replace(found) if found else self

    def of_labels(self, names: Sequence[str]) -> Params:
        """A copy whose ``train.class_weights``, if given by name, are in the order of the labels' names.

        A label without a weight counts once.

        Raises:
            ParamsError: if a weight is of no label.
        """
        given = self.train.class_weights
        if not isinstance(given, dict):
            return self
        weights = dict.fromkeys((name.casefold() for name in names), 1.0)
        for name, weight in given.items():
            if (key := name.strip().casefold()) not in weights:
                known = ", ".join(map(repr, names))
                raise ParamsError(f"train.class_weights: there is no label {name!r}, only {known}")
            weights[key] = weight
        return self.replace({"train.class_weights": tuple(weights.values())})

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


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Reads and checks a params file.

    Raises:
        ParamsError: if the file is missing, isn't YAML, or holds a value that can't be used.
    """
    try:
        return parse_params(read_yaml(path), str(path))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run this in the project's folder") from None


def parse_params(tree: Any, source: str) -> Params:
    """Checks a tree of plain values; ``source`` is named in the message.

    Raises:
        ParamsError: one line for each fault, led by the source and the dotted key.
    """
    faults = [f"{key} is missing; params.yaml must give it a value" for key in _missing(tree)]
    try:
        # As JSON, because pydantic's strict mode then takes a list for a tuple, and nothing else amiss.
        params = Params.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        faults += faults_of(error)
    except (TypeError, ValueError) as error:
        raise ParamsError(f"{source}: holds a value that is not a plain number or text: {error}") from None
    if faults:
        raise ParamsError("\n".join(f"{source}: {fault}" for fault in faults))
    return params


def _missing(tree: Any) -> Iterator[str]:
    """A key that params.yaml lacks would silently be the plain network's."""
    if not isinstance(tree, dict):
        return
    for name, field in Params.model_fields.items():
        if name not in tree:
            yield name
        elif isinstance(field.default, Section) and isinstance(tree[name], dict):
            yield from (f"{name}.{key}" for key in type(field.default).model_fields if key not in tree[name])


def preset_names(folder: Path = PRESETS) -> list[str]:
    """The presets that there are, by name."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_preset(name: str, folder: Path = PRESETS) -> dict[str, Value]:
    """The values of a preset, by dotted key; a list is a tuple, as in ``Params``.

    Raises:
        ParamsError: if there is no such preset, or its file isn't a mapping of sections; whether keys and
            values are good is judged with the rest of the params.
    """
    if name not in preset_names(folder):
        names = ", ".join(preset_names(folder)) or f"none in {folder}"
        raise ParamsError(f"command line: there is no preset {name!r}; there are: {names}")
    tree = read_yaml(path := folder / f"{name}.yaml")
    if not isinstance(tree, dict):
        raise ParamsError(f"{path}: must map sections of params.yaml to values")
    flat: dict[str, Value] = {}
    for section, values in tree.items():
        if isinstance(values, dict):
            flat |= {f"{section}.{key}": value for key, value in values.items()}
        else:
            flat[section] = values
    return {key: tuple(value) if isinstance(value, list) else value for key, value in flat.items()}


def preset_of(params: Params, folder: Path = PRESETS) -> str | None:
    """The name of the preset whose values ``params`` has; of several, the one that says most."""
    values = params.flat()
    presets = {name: read_preset(name, folder) for name in preset_names(folder)}
    held = {
        name: len(preset)
        for name, preset in presets.items()
        if all(key in values and values[key] == value for key, value in preset.items())
    }
    return max(held, key=held.__getitem__, default=None)
