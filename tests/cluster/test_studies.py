"""A study on a scheduler's workers, one of which is killed in the middle: the same as in one process."""

from pathlib import Path
from typing import Any

import cluster_jobs
import numpy as np
import pytest

from pipeline.cluster.pool import open_pool
from pipeline.params import ClusterParams, Params
from pipeline.tuning.search import search
from pipeline.tuning.study import open_search
from tuning.stand_in import DATASET, Recorder

HERE = ClusterParams(address=None, jobs_a_process=100)


def params_on(params: Params, cluster: ClusterParams) -> Params:
    tune = {"trials": 6, "sampler": "random", "pruner": "none", "epochs": None}
    space = {"model.units": {"low": 8, "high": 32}, "model.dropout": {"low": 0.0, "high": 0.5}}
    values = {f"cluster.{key}": value for key, value in cluster.model_dump().items()}
    values |= {f"tune.{key}": value for key, value in tune.items()} | {"tune.search_space": space}
    values |= {"model.units": 16, "model.dropout": 0.2, "train.epochs": 2, "distill.epochs": 0}
    return params.replace(values)


def marker(file: Path | str) -> dict[str, np.ndarray]:
    return {"marker": np.array([ord(letter) for letter in str(file)])}


@pytest.mark.slow
def test_a_study_gives_the_same_on_workers_one_of_which_is_killed(
    params: Params, cluster: ClusterParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[dict[int, Any], bytes]] = []
    observers: list[Recorder] = []
    for where, data in ((HERE, marker("")), (cluster, marker(tmp_path / "killed"))):
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / str(len(found))))
        observers.append(Recorder())
        study = open_search(params_on(params, where), DATASET)
        with open_pool("toy", where, 1, 6, data) as pool:
            winner = search(study, cluster_jobs.fit_formula, pool, observers[-1])
        scores = {trial.number: (trial.params, trial.value) for trial in study.ranked_trials()}
        found.append((scores, winner.network))
    assert (tmp_path / "killed").exists(), "a worker was killed"
    assert found[0] == found[1]
    assert len(found[1][0]) == 6
    assert sorted(observers[1].heard_epochs) == sorted(observers[0].heard_epochs), "each epoch is heard once"
    assert [event for event, _ in observers[1].events].count("COMPLETE") == 6
