"""Sampler and pruner. Optuna stores neither, so both are made again, alike, when a study goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from pipeline.params import Choices, Params, Range, Value, is_number

SearchSpace = Mapping[str, BaseDistribution]
Plain = bool | int | float | str | None  # as Optuna's storages hold; a list such as [64, 32] is JSON there
STARTUP_TRIALS = 5  # sampled at random before TPE takes over


def search_space(params: Params) -> SearchSpace:
    """Optuna's distribution for each key of ``tune.search_space``; none for plain training (one trial).

    A range or a list that lacks the configured value is widened to hold it, since the configured model is
    always the first trial.
    """
    if params.tune.trials == 1:
        return {}
    configured = params.flat()
    return {key: distribution_of(form, configured[key]) for key, form in params.tune.search_space.items()}


def distribution_of(form: Range | Choices, configured: Value) -> BaseDistribution:
    """Optuna's distribution of ``form``, widened to hold ``configured``."""
    if isinstance(form, Choices):
        choices = form.choices if configured in form.choices else (*form.choices, configured)
        return CategoricalDistribution([_encode(choice) for choice in choices])
    if not is_number(configured):
        raise ValueError(f"a range needs a configured number, but got {configured!r}")
    low, high = min(form.low, configured), max(form.high, configured)
    if form.step is not None:
        high = low + math.floor((high - low) / form.step + 1e-9) * form.step
    if all(isinstance(value, int) for value in (configured, form.low, form.high, form.step or 1)):
        return IntDistribution(int(low), int(high), log=form.log, step=int(form.step or 1))
    return FloatDistribution(low, high, log=form.log, step=form.step)


def grid_space(**values: tuple[str, ...] | tuple[int, int]) -> SearchSpace:
    """Of trials that are given their values: of each key the choices, or the lowest and highest integer."""
    return {
        key: IntDistribution(*ends) if isinstance(ends[0], int) else CategoricalDistribution(ends)
        for key, ends in values.items()
    }


def configured_suggestions(params: Params) -> dict[str, Plain]:
    """The configured model as a point of the search space."""
    configured = params.flat()
    return {key: _encode(configured[key]) for key in search_space(params)}


def _encode(value: Value) -> Plain:
    return json.dumps(value) if isinstance(value, tuple) else value


def decode(suggestions: Mapping[str, Plain]) -> dict[str, Value]:
    """A trial's parameters as values of params.yaml."""
    return {
        key: tuple(json.loads(value)) if isinstance(value, str) and value.startswith("[") else value
        for key, value in suggestions.items()
    }


def make_sampler(params: Params, place: int) -> optuna.samplers.BaseSampler:
    """``tune.sampler`` for the trial before which ``place`` others weren't cut short.

    It is seeded by ``(seed, place)``: a study that was interrupted goes on as it would have gone on.
    """
    seed = int(np.random.SeedSequence((params.seed, place)).generate_state(1)[0])
    if params.tune.sampler == "random":
        return optuna.samplers.RandomSampler(seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)


class FixedSampler(optuna.samplers.RandomSampler):
    """Draws ``values``."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._values = values

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of one key."""
        return self._values[param_name]


class StudyHyperband(optuna.pruners.HyperbandPruner):
    """Hyperband whose brackets depend on the trial's number alone.

    Optuna hashes the study's name too, so that a fresh study beside an old one would prune differently.
    """

    def _get_bracket_id(self, study: optuna.Study, trial: FrozenTrial) -> int:
        anonymous: Any = SimpleNamespace(study_name="")
        return super()._get_bracket_id(anonymous, trial)


def make_pruner(params: Params) -> optuna.pruners.BasePruner:
    """``tune.pruner``; it sees the score of each epoch, counted from 1."""
    pruners: Mapping[str, optuna.pruners.BasePruner] = {
        "hyperband": StudyHyperband(max_resource=params.trial_epochs),
        "median": optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
        "none": optuna.pruners.NopPruner(),
    }
    return pruners[params.tune.pruner]
