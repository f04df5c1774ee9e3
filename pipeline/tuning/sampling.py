"""Sampler and pruner. Optuna stores neither, so both are made again, alike, when a study goes on."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from pipeline.params import Params

STARTUP_TRIALS = 5  # sampled at random before TPE takes over
REASON = "reason"  # the attribute that says why a trial failed or was pruned


def was_cut_short(trial: FrozenTrial) -> bool:
    """Whether its process died or was interrupted: then its values are tried again."""
    return trial.state == TrialState.FAIL and REASON not in trial.user_attrs


def make_sampler(params: Params, place: int) -> optuna.samplers.BaseSampler:
    """``tune.sampler`` for the trial before which ``place`` others weren't cut short.

    It is seeded by ``(seed, place)``: a study that was interrupted goes on as it would have gone on.
    """
    seed = int(np.random.SeedSequence((params.seed, place)).generate_state(1)[0])
    if params.tune.sampler == "random":
        return optuna.samplers.RandomSampler(seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)


class Given(optuna.samplers.RandomSampler):
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
