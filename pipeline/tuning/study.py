"""One study: its name, which trials it has, which it still needs, and what became of those that were lost.

A study is named after what makes its trials comparable, so the same settings find it again. A trial that
was killed is marked as failed and its values are queued again; a finished trial is never run again.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from pipeline.params import Params, Value
from pipeline.runtime.errors import UserError
from pipeline.runtime.processes import is_gone, this_process
from pipeline.runtime.source import SCORING_MODULES, source_digest
from pipeline.tuning.sampling import StudySampler, make_pruner
from pipeline.tuning.search_space import SearchSpace, configured_suggestions, decoded, search_space
from pipeline.tuning.storage import open_storage, studies_folder

SCORE = "validation_accuracy"  # the objective, maximised
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
UNCLAIMED = timedelta(seconds=30)  # a trial that no process has claimed by then was killed as it began
Identity = dict[str, Any]
Room = Literal["open", "taken", "none"]


def identity(params: Params, padded_digest: str) -> Identity:
    """What makes trials comparable: data, fixed parameters, search space, objective; plain JSON values."""
    space = search_space(params)
    decisive = {"seed", "model", "train", "pretrain", "vectors", "distill"}
    fixed = {
        key: value
        for key, value in params.flat().items()
        if (key.split(".")[0] in decisive or key == "tune.epochs") and key not in space
    }
    described: Identity = {
        "data": padded_digest,
        "objective": f"maximize {SCORE}",
        "fixed": fixed,
        "space": {key: json.loads(distribution_to_json(values)) for key, values in space.items()},
    }
    plain: Identity = json.loads(json.dumps(described))
    return plain


def base_name(dataset: str, described: Identity) -> str:
    """``imdb-1a2b3c4d5e6f``: the data set and a digest of the identity."""
    text = json.dumps(described, sort_keys=True)
    return f"{dataset}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def code_version(params: Params) -> str:
    """A digest of the code and the libraries that decide a trial's score."""
    return source_digest(SCORING_MODULES, ("keras", params.train.backend, "numpy"))


class StudyFinishedError(UserError):
    """There is nothing left to do in the study that was to be joined."""


class Study:
    """An Optuna study together with the params that it searches.

    Attributes:
        name: in the storage; also the folder under ``studies/`` where networks are kept.
        space: Optuna's distributions under dotted keys.
    """

    def __init__(self, params: Params, optuna_study: optuna.Study) -> None:
        self.params = params
        self.optuna = optuna_study
        self.name = optuna_study.study_name
        self.space: SearchSpace = search_space(params)

    @property
    def folder(self) -> Path:
        """Where this machine keeps the study's networks."""
        return studies_folder() / self.name

    @property
    def trials_wanted(self) -> int:
        """``tune.trials`` of whoever started or continued the study."""
        return int(self.attributes["trials"])

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the study carries besides its trials."""
        return self.optuna.user_attrs

    def set_attribute(self, key: str, value: Any) -> None:
        """Stores a JSON value with the study, for all its processes."""
        self.optuna.set_user_attr(key, value)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in one of ``states`` (all without one), by number."""
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def counts(self) -> dict[str, int]:
        """How many trials are complete, pruned and failed."""
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        return {state.name.lower(): len(self.trials(state)) for state in states}

    def ranked(self) -> list[FrozenTrial]:
        """The complete trials, best first; of equals the earlier."""
        return sorted(
            self.trials(TrialState.COMPLETE), key=lambda trial: (-float(trial.value or 0), trial.number)
        )

    def params_of(self, trial: FrozenTrial) -> Params:
        """The params that ``trial`` ran with."""
        return self.params.replace(decoded(trial.params))

    def room(self) -> Room:
        """Whether a trial may begin: ``open``, ``taken`` by running ones that may yet fail, or ``none``."""
        finished = len(self.trials(*FINISHED))
        deadline = self.attributes.get("deadline")
        if finished >= self.trials_wanted or (deadline is not None and time.time() >= deadline):
            return "none"
        return "open" if finished + len(self.trials(TrialState.RUNNING)) < self.trials_wanted else "taken"

    def claim(self, trial: optuna.Trial) -> bool:
        """Marks ``trial`` as this process's; False, if others took the last places at the same moment."""
        trial.set_user_attr("process", this_process())
        others = [other for other in self.trials() if other.number != trial.number]
        ahead = sum(
            other.state in FINISHED or (other.state == TrialState.RUNNING and other.number < trial.number)
            for other in others
        )
        retry_of = trial.user_attrs.get("retry_of")
        repeated = retry_of is not None and any(
            other.user_attrs.get("retry_of") == retry_of and other.number < trial.number for other in others
        )
        if ahead < self.trials_wanted and not repeated:
            return True
        trial.set_user_attr("stood_down", True)
        return False

    def reclaim(self) -> list[int]:
        """Marks trials whose process is gone as failed and queues the values of failed ones again.

        Returns:
            The numbers of the trials that it found lost.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.optuna)  # by heartbeat, where the storage has one
        lost = [
            trial.number for trial in self.trials(TrialState.RUNNING) if _is_lost(trial) and self._fail(trial)
        ]
        requeue_failed(self.optuna)
        return lost

    def _fail(self, trial: FrozenTrial) -> bool:
        """Marks ``trial`` as failed; False if another process was first."""
        try:
            self.optuna.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            return False
        return True

    def has_tried_configured(self) -> bool:
        """Whether the configured model is among the trials that didn't fail."""
        configured = configured_suggestions(self.params)
        return any(trial.params == configured for trial in self.trials() if trial.state != TrialState.FAIL)

    def is_done(self) -> bool:
        """Whether its winner was delivered and these params ask for nothing that it lacks."""
        tune = self.params.tune
        wanted = [
            repeat_key(trial.number, seed)
            for trial in self.ranked()[: tune.finalists]
            for seed in self.repeat_seeds()
        ]
        return (
            bool(self.attributes.get("delivered"))
            and len(self.trials(*FINISHED)) >= tune.trials
            and all(key in self.attributes for key in wanted)
        )

    def repeat_seeds(self) -> list[int]:
        """The seeds that finalists are trained again with, besides the configured one."""
        return [(self.params.seed + repeat) % 2**32 for repeat in range(1, self.params.tune.seeds)]


def repeat_key(number: int, seed: int) -> str:
    """The attribute that holds a finalist's score with another seed."""
    return f"score of trial {number} with seed {seed}"


def open_study(params: Params, dataset: Mapping[str, Any]) -> Study:
    """The study of these params on this data: continued if it was interrupted, else a fresh one.

    Args:
        params: all of params.yaml.
        dataset: data/padded/dataset.json; ``name`` and ``padded_digest`` are read.
    """
    described = identity(params, dataset["padded_digest"])
    base, version = base_name(dataset["name"], described), code_version(params)
    storage = open_storage(params.tune.storage, _on_stale)
    generation = _latest_generation(storage, base)
    if generation:
        study = Study(params, _load(storage, _generation_name(base, generation), params))
        if not _must_start_afresh(study, version):
            study.set_attribute("trials", params.tune.trials)
            return study
    created = optuna.create_study(
        storage=storage,
        study_name=_generation_name(base, generation + 1),
        direction="maximize",
        sampler=StudySampler(params),
        pruner=make_pruner(params),
        load_if_exists=True,
    )
    study = Study(params, created)
    study.set_attribute("identity", described)
    study.set_attribute("code", version)
    study.set_attribute("trials", params.tune.trials)
    return study


def join_study(params: Params, dataset: Mapping[str, Any]) -> Study:
    """The running study of these params on this data, for a worker.

    Raises:
        StudyFinishedError: if its winner was delivered already.
        UserError: if there is none, or it has other data, params or code; the message says which.
    """
    described = identity(params, dataset["padded_digest"])
    storage = open_storage(params.tune.storage, _on_stale)
    base = base_name(dataset["name"], described)
    generation = _latest_generation(storage, base)
    if not generation:
        raise UserError(_why_not_found(storage, described))
    study = Study(params, _load(storage, _generation_name(base, generation), params))
    if "trials" not in study.attributes:
        raise UserError(f"study {study.name} is only just being made: try again in a moment")
    if study.attributes.get("delivered") and study.room() == "none":
        raise StudyFinishedError(f"study {study.name} is finished: there is nothing to join")
    version = code_version(params)
    if study.attributes["code"] != version:
        raise UserError(
            f"study {study.name} runs code version {study.attributes['code']}, but here it is {version}: "
            "check out the same commit and install the same requirements.txt"
        )
    return study


def _must_start_afresh(study: Study, version: str) -> bool:
    if study.is_done():
        return True
    if study.attributes.get("code", version) != version:
        print(f"study {study.name} was run with other code: a fresh one begins beside it")
        return True
    return len(study.trials(*FINISHED)) >= study.params.tune.trials and not study.has_tried_configured()


def _load(storage: BaseStorage, name: str, params: Params) -> optuna.Study:
    return optuna.load_study(
        storage=storage, study_name=name, sampler=StudySampler(params), pruner=make_pruner(params)
    )


def _latest_generation(storage: BaseStorage, base: str) -> int:
    """How many studies called ``base``, ``base-2``, ``base-3`` ... there are."""
    names = {study.study_name for study in storage.get_all_studies()}
    generation = 0
    while _generation_name(base, generation + 1) in names:
        generation += 1
    return generation


def _generation_name(base: str, generation: int) -> str:
    return base if generation == 1 else f"{base}-{generation}"


def _is_lost(trial: FrozenTrial) -> bool:
    owner = trial.user_attrs.get("process")
    if owner is not None:
        return is_gone(owner)
    started = trial.datetime_start
    return started is not None and datetime.now(started.tzinfo) - started > UNCLAIMED


def _on_stale(study: optuna.Study, _trial: FrozenTrial) -> None:
    requeue_failed(study)


def requeue_failed(study: optuna.Study) -> None:
    """Queues the values of each failed trial that wasn't queued again yet."""
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs.get("retry_of") for trial in trials}
    for trial in trials:
        if (
            trial.state == TrialState.FAIL
            and trial.number not in retried
            and not trial.user_attrs.get("stood_down")
        ):
            study.enqueue_trial(trial.params, user_attrs={"retry_of": trial.number})


def _why_not_found(storage: BaseStorage, described: Identity) -> str:
    """Names what differs from the study that was started last and isn't delivered."""
    for other in sorted(storage.get_all_studies(), key=lambda other: -other._study_id):
        theirs = other.user_attrs.get("identity")
        if theirs is None or other.user_attrs.get("delivered"):
            continue
        if theirs["data"] != described["data"]:
            return (
                f"study {other.study_name} runs on padded data {theirs['data']}, but here it is "
                f"{described['data']}: copy its data/padded, or run the stages download and pad alike"
            )
        differing = [
            f"{key} is {_value(theirs, key)} there and {_value(described, key)} here"
            for key in sorted({*theirs["fixed"], *theirs["space"], *described["fixed"], *described["space"]})
            if _value(theirs, key) != _value(described, key)
        ]
        return f"study {other.study_name} has another params.yaml: {'; '.join(differing)}"
    return "the storage holds no study to join: start one with `dvc repro`"


def _value(described: Identity, key: str) -> Value | Mapping[str, Any]:
    if key in described["space"]:
        return described["space"][key]["attributes"]
    return described["fixed"].get(key)
