"""The same jobs in this process and in others, one of which is killed; on Dask's workers: test_workers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cluster_jobs
import numpy as np
import psutil
import pytest

from pipeline.cluster import processes, workers
from pipeline.cluster.jobs import Job, JobResult
from pipeline.cluster.pool import open_pool
from pipeline.params import ClusterParams
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption

DATA = {"first": np.array([10])}
HERE = ClusterParams(address=None, jobs_a_process=100)


class Calls:
    """Jobs for a pool; keeps what it is told."""

    def __init__(self, function: Any, *arguments: tuple[Any, ...], stop_after: int = 10**6) -> None:
        self.jobs = [Job(str(key), function, values) for key, values in enumerate(arguments)]
        self.stop_after = stop_after
        self.messages: list[tuple[str, Any]] = []
        self.outcomes: dict[str, JobResult] = {}

    def heard(self, job: Job, message: Any) -> bool:
        self.messages.append((job.key, message))
        return len(self.messages) < self.stop_after

    def ended(self, job: Job, outcome: JobResult) -> None:
        self.outcomes[job.key] = outcome


def run(
    cluster: ClusterParams, calls: Calls, name: str = "test", here: bool = False, workers: int = 1
) -> Calls:
    with open_pool(name, cluster, workers, len(calls.jobs), DATA, here) as pool:
        pool.run(iter(calls.jobs), calls.heard, calls.ended, Interruption())
    return calls


both = pytest.mark.parametrize("here", [True, False])


@both
def test_jobs_of_a_single_process_come_one_after_the_other(here: bool) -> None:
    calls = run(HERE, Calls(cluster_jobs.double, (0,), (1,)), here=here)
    assert [calls.outcomes[key].value[0] for key in "01"] == [10, 12]
    assert calls.messages == [("0", 1), ("0", 2), ("1", 1), ("1", 2)]
    (pid,) = {outcome.value[1] for outcome in calls.outcomes.values()}
    assert (pid == os.getpid()) == here


@both
def test_a_faulty_job_is_told_and_a_bug_is_shown(here: bool, capfd: pytest.CaptureFixture[str]) -> None:
    assert str(run(HERE, Calls(cluster_jobs.refuse, ()), here=here).outcomes["0"].error) == "no such number"
    short = str(run(HERE, Calls(cluster_jobs.allocate, ()), here=here).outcomes["0"].error)
    assert "memory is short: Unable to allocate 1.00 EiB" in short
    with pytest.raises(TypeError if here else RuntimeError):
        run(HERE, Calls(cluster_jobs.double, ("two", "many")), here=here)
    assert here or "TypeError" in capfd.readouterr().err


@both
def test_who_hears_of_a_job_fails_for_itself(here: bool) -> None:
    """As where the tracking server is lost: that is no fault of the trial."""

    class Deaf(Calls):
        def heard(self, job: Job, message: Any) -> bool:
            raise UserError("the server is lost")

    calls = Deaf(cluster_jobs.double, (0,))
    with pytest.raises(UserError, match="the server is lost"):
        run(HERE, calls, here=here)
    assert calls.outcomes == {}


@both
def test_a_job_stops_when_it_is_told(here: bool) -> None:
    calls = run(HERE, Calls(cluster_jobs.listen, (), stop_after=3), here=here)
    assert (len(calls.messages), calls.outcomes["0"].stopped) == (3, True)


def test_a_process_that_dies_by_a_signal_is_started_again_once_and_no_other_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "killed"
    numbers = [(number, str(marker)) for number in range(4)]
    calls = run(HERE, Calls(cluster_jobs.die_once, *numbers), workers=2)
    assert [calls.outcomes[str(number)].value[0] for number in range(4)] == [10, 12, 14, 16]
    pids = {outcome.value[1] for outcome in calls.outcomes.values()}
    assert int(marker.read_text()) not in pids
    assert [calls.messages.count((str(number), 0)) for number in range(4)] == [1, 2, 1, 1]
    assert capsys.readouterr().out.splitlines() == [
        "1: its process was ended by SIGKILL; it starts again in a fresh one"
    ]
    twice = run(HERE, Calls(cluster_jobs.die, (), ()))
    assert all("was ended by SIGKILL again" in str(twice.outcomes[key].error) for key in "01")


def test_a_process_is_started_afresh_after_its_share_of_jobs() -> None:
    calls = run(ClusterParams(jobs_a_process=2), Calls(cluster_jobs.double, (0,), (1,), (2,)))
    pids = [calls.outcomes[key].value[1] for key in "012"]
    assert pids[0] == pids[1] != pids[2]


def test_a_process_that_has_grown_large_gives_its_place_to_a_fresh_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "MOST_MEMORY", 1)
    calls = run(HERE, Calls(cluster_jobs.double, (0,), (1,), (2,)))
    assert [calls.outcomes[key].value[0] for key in "012"] == [10, 12, 14]
    assert len({calls.outcomes[key].value[1] for key in "012"}) == 3


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
import cluster_jobs, os, signal
from pipeline.cluster.jobs import Job, call
from pipeline.cluster.pool import open_pool
from pipeline.params import ClusterParams
with open_pool("test", ClusterParams(), 1, 1, {{}}) as pool:
    def heard(pid):
        print(pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    call(pool, Job("sleeper", cluster_jobs.sleep, ()), listen=heard)
"""
    command = [sys.executable, "-c", code]
    killed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    pid = int(killed.stdout)
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the process went on alone")


def test_an_address_without_a_scheduler_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CONNECT_TIMEOUT", 0.2)
    nobody = ClusterParams(address="tcp://127.0.0.1:9", jobs_a_process=1)
    with pytest.raises(ValueError, match=r"cluster.address: no Dask scheduler answers at tcp://127.0.0.1:9"):
        run(nobody, Calls(cluster_jobs.double, (1,)))
