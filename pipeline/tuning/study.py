"""One study: its name, which trials it has, and what became of those that were cut short.

A study is named after what makes its trials comparable, so the same settings find it again. A trial that was
cut short is marked as failed and its values are tried again; a finished trial is never run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from pipeline.params import SEARCHED, Params
from pipeline.runtime.files import written_whole
from pipeline.runtime.live import wrap
from pipeline.runtime.source import SCORING_MODULES, result_settings, source_digest
from pipeline.tuning.sampling import (
    FixedSampler,
    SearchSpace,
    configured_suggestions,
    decode,
    make_pruner,
    make_sampler,
    search_space,
)
from pipeline.tuning.storage import open_storage, studies_folder

SCORE = "validation_accuracy"  # what trials are ranked by, unless tune.objective is another
REASON = "reason"  # the attribute that says why a trial failed or was pruned
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
Metrics = Mapping[str, float]


def score_name(params: Params) -> str:
    """The metric that the study of these params maximises; a log loss, with its sign changed."""
    objective = params.tune.objective
    return f"validation_{'neg_log_loss' if objective == 'log_loss' else objective}"


def score_text(name: str, value: float, digits: int = 4) -> str:
    """A score of the validation reviews for people to read.

    >>> score_text("best_validation_accuracy", 0.8912), score_text("validation_neg_log_loss", -0.25693)
    ('accuracy 0.8912', 'log loss 0.2569')
    """
    short = name.removeprefix("best_validation_").removeprefix("validation_")
    sign = -1 if short.startswith("neg_") else 1
    return f"{short.removeprefix('neg_').replace('_', ' ')} {sign * value:.{digits}g}"


def was_cut_short(trial: FrozenTrial) -> bool:
    """Whether its process died or was interrupted: then its values are tried again."""
    return trial.state == TrialState.FAIL and REASON not in trial.user_attrs


class Study:
    """A list of trials in a storage, each with a value for every key of ``space``.

    Attributes:
        name: in the storage; also the folder under ``studies/`` where networks are kept.
        space: Optuna's distributions by key.
        score_name: what trials are ranked by, the more the better.
    """

    def __init__(self, params: Params, space: SearchSpace, study: optuna.Study) -> None:
        self.params, self.space, self.optuna, self.score_name = params, space, study, SCORE
        self.name: str = study.study_name

    def score(self, metrics: Metrics) -> float:
        """What an epoch's metrics count for."""
        if self.score_name == "validation_neg_log_loss":
            return -metrics["validation_loss"]
        return metrics[self.score_name]

    @property
    def folder(self) -> Path:
        """Where this machine keeps the study's networks."""
        return studies_folder() / self.name

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the study carries besides its trials."""
        return self.optuna.user_attrs

    def set_attribute(self, key: str, value: Any) -> None:
        """Stores a JSON value with the study."""
        self.optuna.set_user_attr(key, value)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in one of ``states`` (all without one), by number."""
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def finished_trials(self) -> list[FrozenTrial]:
        """The trials that ended by themselves: complete, pruned, or failed for a reason of their own."""
        return [trial for trial in self.trials(*ENDED) if not was_cut_short(trial)]

    def counts(self) -> dict[str, int]:
        """How many trials are complete, pruned and failed."""
        return {state.name.lower(): len(self.trials(state)) for state in ENDED}

    def ranked_trials(self) -> list[FrozenTrial]:
        """The complete trials, best first; of equals the earlier."""
        return sorted(
            self.trials(TrialState.COMPLETE), key=lambda trial: (-float(trial.value or 0), trial.number)
        )

    def ask(self, values: Mapping[str, Any] | None = None) -> optuna.Trial:
        """A new trial, with these values or with the sampler's."""
        place = sum(not was_cut_short(trial) for trial in self.trials())
        self.optuna.sampler = make_sampler(self.params, place) if values is None else FixedSampler(values)
        return self.optuna.ask(dict(self.space))

    def end_lost(self) -> list[int]:
        """Marks as failed what a process that is gone left running; returns the numbers."""
        lost = [trial.number for trial in self.trials(TrialState.RUNNING)]
        for number in lost:
            self.optuna.tell(number, state=TrialState.FAIL)
        return lost

    def is_over(self, version: str) -> bool:
        """Whether a fresh study is to take its place: it was run with other code or libraries."""
        if self.attributes.get("code", version) == version:
            return False
        print(wrap(f"study {self.name} was run with other code or libraries: a fresh one begins beside it"))
        return True


class Search(Study):
    """The study that searches ``tune.search_space``."""

    def __init__(self, params: Params, study: optuna.Study) -> None:
        super().__init__(params, search_space(params), study)
        self.score_name, study.pruner = score_name(params), make_pruner(params)

    def params_of(self, trial: FrozenTrial | optuna.Trial) -> Params:
        """The params that ``trial`` runs with.

        Raises:
            ParamsError: if its values can't be used together.
        """
        return self.params.replace(decode(trial.params))

    def values_cut_short(self) -> list[Mapping[str, Any]]:
        """The values of trials that were cut short and haven't been tried again."""
        tried = [trial.params for trial in self.trials() if not was_cut_short(trial)]
        waiting: list[Mapping[str, Any]] = []
        for trial in self.trials(TrialState.FAIL):
            if set(trial.params) == set(self.space) and trial.params not in [*tried, *waiting]:
                waiting.append(trial.params)
        return waiting

    def is_over(self, version: str) -> bool:
        """Whether it was run with other code, its trials lack the configured model, or its winner was
        delivered and these params ask for nothing that it lacks."""
        tune = self.params.tune
        is_full = len(self.finished_trials()) >= tune.trials
        wanted = [
            repeat_key(trial.number, seed)
            for trial in self.ranked_trials()[: tune.finalists]
            for seed in self.repeat_seeds()
        ]
        if is_full and self.attributes.get("delivered") and all(key in self.attributes for key in wanted):
            return True
        configured = configured_suggestions(self.params)
        tried = (trial.params for trial in self.trials() if not was_cut_short(trial))
        return super().is_over(version) or (is_full and configured not in tried)

    def network_file(self, number: int) -> Path:
        """Where the network of trial ``number`` is kept, if it is among the best."""
        return self.folder / f"trial-{number}.keras"

    def keep_network(self, number: int, network: bytes) -> None:
        """Writes the .keras file of trial ``number``, whole or not at all."""
        with written_whole(self.network_file(number)) as temporary:
            temporary.write_bytes(network)

    def forget_outdone(self) -> None:
        """Deletes the networks of trials that ended and can't win any more."""
        kept = [*self.ranked_trials()[: self.params.tune.finalists], *self.trials(TrialState.RUNNING)]
        files = {self.network_file(trial.number) for trial in kept}
        for file in self.folder.glob("trial-*.keras"):
            if file not in files:
                file.unlink()

    def num_missing(self) -> int:
        """How many networks are to be fitted, about, until there is a winner; at least one."""
        tune = self.params.tune
        missing = max(0, tune.trials - len(self.finished_trials())) + tune.finalists * (tune.seeds - 1)
        return max(missing, 1)

    def repeat_seeds(self) -> list[int]:
        """The seeds that finalists are trained again with, besides the configured one."""
        return [(self.params.seed + repeat) % 2**32 for repeat in range(1, self.params.tune.seeds)]

    def repeats(self, number: int) -> list[float]:
        """The scores of trial ``number`` with these seeds, as far as there are any."""
        keys = [repeat_key(number, seed) for seed in self.repeat_seeds()]
        return [float(self.attributes[key]) for key in keys if key in self.attributes]


def repeat_key(number: int, seed: int) -> str:
    """The attribute that holds a finalist's score with another seed."""
    return f"score of trial {number} with seed {seed}"


def identity(params: Params, padded_digest: str) -> dict[str, Any]:
    """What makes trials comparable: data, fixed parameters, search space, objective."""
    space = search_space(params)
    decisive = params.flat("seed", *SEARCHED, "tune.epochs", "tune.reviews")
    return {
        "data": padded_digest,
        "objective": f"maximize {score_name(params)}",
        "fixed": {key: value for key, value in decisive.items() if key not in space},
        "space": {key: json.loads(distribution_to_json(values)) for key, values in space.items()},
    }


def code_version(*more: str) -> str:
    """A digest of the code, the libraries and their settings that decide a trial's score.

    Args:
        more: modules besides those that fit a network.
    """
    code = source_digest((*SCORING_MODULES, "pipeline/params", *more), ("keras", "tensorflow", "numpy"))
    return hashlib.sha256(f"{code} {result_settings()}".encode()).hexdigest()[:12]


def open_search(params: Params, dataset: Mapping[str, Any]) -> Search:
    """The study of these params on this data: continued if it was interrupted, else a fresh one.

    Args:
        params: all of params.yaml.
        dataset: data/padded/dataset.json; ``name`` and ``padded_digest`` are read.
    """
    described = identity(params, dataset["padded_digest"])
    return _latest(params, dataset["name"], described, code_version(), partial(Search, params))


def open_grid(
    params: Params, prefix: str, described: Mapping[str, Any], space: SearchSpace, modules: Sequence[str]
) -> Study:
    """The study whose trials are all given their values: continued, or a fresh one where the code is another.

    Args:
        params: all of params.yaml.
        prefix: of the study's name: what is studied, and on which data set.
        described: what decides the record of a trial, but for its values and the code; plain JSON values.
        space: what the values may be, also in a larger study that goes on with this one.
        modules: the code that decides it, besides that which fits a network.
    """
    make = partial(Study, params, space)
    return _latest(params, prefix, described, code_version(*modules), make, is_grid=True)


AnyStudy = TypeVar("AnyStudy", bound=Study)


def _latest(
    params: Params,
    prefix: str,
    described: Mapping[str, Any],
    version: str,
    make: Callable[[optuna.Study], AnyStudy],
    is_grid: bool = False,
) -> AnyStudy:
    """The last of the studies called ``imdb-1a2b3c4d5e6f``, after the data set and a digest of the identity,
    ``imdb-1a2b3c4d5e6f-2`` ..., or, where it is over, the next."""
    storage = open_storage(params)
    names = [study.study_name for study in storage.get_all_studies()]
    text = json.dumps(described, sort_keys=True)
    name = base = f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    others = [other for other in names if other.startswith(f"{prefix}-")]
    if is_grid and others and base not in others:
        print(wrap(f"study {base} begins: {others[-1]} was of other reviews, parameters or code"))

    def open_one() -> AnyStudy:
        pruner = optuna.pruners.NopPruner()  # of a grid
        return make(
            optuna.create_study(
                storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
            )
        )

    generation = 1
    while name in names:
        generation += 1
        following = f"{base}-{generation}"
        if following not in names and not (study := open_one()).is_over(version):
            return study
        name = following
    study = open_one()
    study.set_attribute("identity", described)
    study.set_attribute("code", version)
    return study
