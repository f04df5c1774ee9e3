"""Sampler and pruner. Optuna stores neither, so both are made again, alike, when a study goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from pipeline.params import Params
from pipeline.tuning.search_space import configured_suggestions

STARTUP_TRIALS = 5  # sampled at random before TPE takes over
REASON = "reason"  # the attribute that says why a trial failed or was pruned


def was_cut_short(trial: FrozenTrial) -> bool:
    """Whether its process died or was interrupted: then its values are tried again."""
    return trial.state == TrialState.FAIL and REASON not in trial.user_attrs


class StudySampler(optuna.samplers.BaseSampler):
    """The configured model first, then ``tune.sampler`` with a seed of each trial's own.

    A trial's place is the number of trials before it that weren't cut short. The sampler is seeded by
    ``(seed, place)``: a study that was interrupted goes on as it would have gone on.

    Attributes:
        given: values for the next trial, which the sampler then isn't asked for.
    """

    def __init__(self, params: Params) -> None:
        self.given: Mapping[str, Any] | None = None
        self._configured = configured_suggestions(params)
        self._kind, self._seed = params.tune.sampler, params.seed
        self._fixed: Mapping[str, Any] | None = None
        self._sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(self._seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Seeds a sampler for ``trial``."""
        earlier = (other for other in study.get_trials(deepcopy=False) if other.number < trial.number)
        place = sum(not was_cut_short(other) for other in earlier)
        self._fixed, self.given = (
            (self._configured if place == 0 and self.given is None else self.given),
            None,
        )
        seed = int(np.random.SeedSequence((self._seed, place)).generate_state(1)[0])
        if self._kind == "random":
            self._sampler = optuna.samplers.RandomSampler(seed)
        else:
            self._sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """None where the values are given, else what the sampler infers."""
        return {} if self._fixed is not None else self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the sampler draws."""
        if self._fixed is not None:
            return {}
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The given value of one key, else what the sampler draws."""
        if self._fixed is not None:
            return self._fixed[param_name]
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Passed on."""
        self._sampler.after_trial(study, trial, state, values)


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
