"""The same jobs in this process and on a scheduler's workers, one of which is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cluster_jobs
import numpy as np
import pytest

from pipeline.cluster import Job, Outcome, open_pool, workers
from pipeline.cluster import workers as clients
from pipeline.params import ClusterParams
from pipeline.runtime.errors import UserError

DATA = {"first": np.array([10])}
HERE = ClusterParams(address=None, jobs_a_process=100)


class Calls:
    """Jobs for a pool; keeps what it is told."""

    def __init__(self, function: Any, *arguments: tuple[Any, ...], stop_after: int = 10**6) -> None:
        self.waiting = [Job(str(key), function, values) for key, values in enumerate(arguments)]
        self.stop_after = stop_after
        self.messages: list[tuple[str, Any]] = []
        self.outcomes: dict[str, Outcome] = {}

    def next_job(self) -> Job | None:
        return self.waiting.pop(0) if self.waiting else None

    def is_wanted(self, job: Job) -> bool:
        return True

    def heard(self, job: Job, message: Any) -> bool:
        self.messages.append((job.key, message))
        return len(self.messages) < self.stop_after

    def ended(self, job: Job, outcome: Outcome) -> None:
        self.outcomes[job.key] = outcome


def run(cluster: ClusterParams, calls: Calls, name: str = "test") -> Calls:
    with open_pool(name, cluster, 1, len(calls.waiting), DATA) as pool:
        pool.run(calls)
    return calls


def test_jobs_in_this_process_come_one_after_the_other() -> None:
    calls = run(HERE, Calls(cluster_jobs.double, (0,), (1,)))
    assert [calls.outcomes[key].value[0] for key in "01"] == [10, 12]
    assert calls.messages == [("0", 1), ("0", 2), ("1", 1), ("1", 2)]


def test_a_faulty_job_is_told_and_a_bug_is_shown() -> None:
    assert str(run(HERE, Calls(cluster_jobs.refuse, ())).outcomes["0"].error) == "no such number"
    with pytest.raises(TypeError):
        run(HERE, Calls(cluster_jobs.double, ("two", "many")))


def test_who_hears_of_a_job_fails_for_itself() -> None:
    """As where the tracking server is lost: that is no fault of the trial."""

    class Deaf(Calls):
        def heard(self, job: Job, message: Any) -> bool:
            raise UserError("the server is lost")

    calls = Deaf(cluster_jobs.double, (0,))
    with pytest.raises(UserError, match="the server is lost"):
        run(HERE, calls)
    assert calls.outcomes == {}


def test_a_job_in_this_process_stops_when_it_is_told() -> None:
    calls = run(HERE, Calls(cluster_jobs.listen, (), stop_after=3))
    assert (len(calls.messages), calls.outcomes["0"].stopped) == (3, True)


def test_an_address_without_a_scheduler_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "CONNECT_TIMEOUT", 0.2)
    nobody = ClusterParams(address="tcp://127.0.0.1:9", jobs_a_process=1)
    with pytest.raises(ValueError, match=r"cluster.address: no Dask scheduler answers at tcp://127.0.0.1:9"):
        run(nobody, Calls(cluster_jobs.double, (1,)))


@pytest.mark.slow
def test_a_killed_workers_job_is_run_by_another(cluster: ClusterParams, tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    calls = run(cluster, Calls(cluster_jobs.die_once, *((number, str(marker)) for number in range(6))))
    values = [calls.outcomes[str(number)].value for number in range(6)]
    assert [value for value, _ in values] == [10, 12, 14, 16, 18, 20]
    pids = {pid for _, pid in values}
    assert int(marker.read_text()) not in pids
    assert calls.messages.count(("1", 0)) == 2, "it began twice"


@pytest.mark.slow
def test_a_job_on_a_worker_stops_when_it_is_told(cluster: ClusterParams) -> None:
    calls = run(cluster, Calls(cluster_jobs.listen, (), stop_after=3))
    assert calls.outcomes["0"].stopped


@pytest.mark.slow
def test_a_faulty_job_on_a_worker_is_told(cluster: ClusterParams) -> None:
    calls = run(cluster, Calls(cluster_jobs.refuse, ()))
    assert str(calls.outcomes["0"].error) == "no such number"


@pytest.mark.slow
def test_a_job_that_kills_every_worker_is_given_up(
    cluster: ClusterParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ALLOWED_DEATHS", 0)
    calls = run(cluster, Calls(cluster_jobs.die, ()))
    assert "were killed" in str(calls.outcomes["0"].error)


@pytest.mark.slow
def test_a_worker_is_started_afresh_after_its_share_of_jobs(cluster: ClusterParams) -> None:
    once = cluster.model_copy(update={"jobs_a_process": 1})
    calls = run(once, Calls(cluster_jobs.double, (0,), (1,), (2,), (3,)))
    assert len({outcome.value[1] for outcome in calls.outcomes.values()}) == 4


@pytest.mark.slow
def test_other_versions_on_a_worker_are_one_line(
    cluster: ClusterParams, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = workers.versions()
    monkeypatch.setattr(workers, "versions", lambda: {**theirs, "keras": "0.1"})
    run(cluster, Calls(cluster_jobs.double, (0,), (1,)), name="versions")
    lines = capsys.readouterr().out.splitlines()
    (line,) = {line.partition(" has ")[2] for line in lines if "numbers may differ" in line}
    assert line == f"keras {theirs['keras']} instead of 0.1: its numbers may differ"
