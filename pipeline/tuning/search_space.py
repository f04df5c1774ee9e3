"""``tune.search_space`` as Optuna's distributions, and a trial's suggestions as values of params.yaml."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pipeline.params import Choices, Params, Range, Value, is_number

SearchSpace = Mapping[str, BaseDistribution]
Suggestions = dict[str, bool | int | float | str | None]


def search_space(params: Params) -> SearchSpace:
    """Optuna's distribution for each key of ``tune.search_space``; none for plain training (one trial).

    A range or a list that lacks the configured value is widened to hold it, since the configured model is
    always the first trial.
    """
    if params.tune.trials == 1:
        return {}
    configured = params.flat()
    return {key: _distribution(form, configured[key]) for key, form in params.tune.search_space.items()}


def _distribution(form: Range | Choices, configured: Value) -> BaseDistribution:
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


def configured_suggestions(params: Params) -> Suggestions:
    """The configured model as a point of the search space."""
    configured = params.flat()
    return {key: _encode(configured[key]) for key in search_space(params)}


def decoded(suggestions: Mapping[str, bool | int | float | str | None]) -> dict[str, Value]:
    """A finished trial's parameters as values of params.yaml."""
    return {key: _decode(value) for key, value in suggestions.items()}


def _encode(value: Value) -> bool | int | float | str | None:
    """Optuna's storages hold plain values; a list such as model.units [64, 32] is held as JSON."""
    return json.dumps(value) if isinstance(value, tuple) else value


def _decode(value: bool | int | float | str | None) -> Value:
    return tuple(json.loads(value)) if isinstance(value, str) and value.startswith("[") else value
