"""Sampler and pruner. Optuna stores neither, so both are made again, alike, by every process of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from pipeline.params import Params
from pipeline.tuning.search_space import SearchSpace, configured_suggestions, search_space

STARTUP_TRIALS = 5  # sampled at random before TPE takes over


class StudySampler(optuna.samplers.BaseSampler):
    """The configured model first, then ``tune.sampler`` with a seed of each trial's own.

    A trial's place is the number of trials before it that didn't fail. The sampler is seeded by
    ``(seed, place)``: a study that was interrupted goes on as it would have gone on, and no two workers
    draw the same numbers.
    """

    def __init__(self, params: Params) -> None:
        self._space: SearchSpace = search_space(params)
        self._configured = configured_suggestions(params)
        self._kind, self._seed = params.tune.sampler, params.seed
        self._is_first = False
        self._sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(self._seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Seeds a sampler for ``trial``."""
        earlier = (other for other in study.get_trials(deepcopy=False) if other.number < trial.number)
        place = sum(other.state != TrialState.FAIL for other in earlier)
        self._is_first = place == 0
        seed = int(np.random.SeedSequence((self._seed, place)).generate_state(1)[0])
        if self._kind == "random":
            self._sampler = optuna.samplers.RandomSampler(seed)
        else:
            self._sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All keys for the configured model, else what the sampler infers."""
        if self._is_first:
            return dict(self._space)
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The configured values for the first trial, else what the sampler draws."""
        if self._is_first:
            return dict(self._configured)
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """What the sampler draws for one key."""
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
    """``tune.pruner``; it sees the validation accuracy of each epoch, counted from 1."""
    pruners: Mapping[str, optuna.pruners.BasePruner] = {
        "hyperband": StudyHyperband(max_resource=params.trial_epochs),
        "median": optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
        "none": optuna.pruners.NopPruner(),
    }
    return pruners[params.tune.pruner]
