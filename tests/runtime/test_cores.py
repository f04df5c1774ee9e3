"""A container's CPU quota counts; its files are stood in for, since a test can't set the machine's."""

import builtins
import io
import os
from typing import Any

import pytest

from pipeline.cluster import pool as workers
from pipeline.runtime.machine import THREAD_LIMITS, cores, hold_threads_to_cores

CPU_MAX = "/sys/fs/cgroup/cpu.max"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this a container on 64 cores whose cgroup (version 2) says ``quota``, without a GPU."""
    exists, open_file = os.path.exists, builtins.open

    def set_quota(quota: str) -> None:
        def opened(name: Any, *args: Any, **options: Any) -> Any:
            return io.StringIO(f"{quota}\n") if name == CPU_MAX else open_file(name, *args, **options)

        monkeypatch.setattr(os, "cpu_count", lambda: 64)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
        monkeypatch.setattr(os.path, "exists", lambda name: name == CPU_MAX or exists(name))
        monkeypatch.setattr(builtins, "open", opened)
        monkeypatch.setattr(workers, "gpus", list)
        for name in ("LOKY_MAX_CPU_COUNT", *THREAD_LIMITS):
            monkeypatch.delenv(name, raising=False)

    return set_quota


@pytest.mark.parametrize(("quota", "count"), [("200000 100000", 2), ("150000 100000", 2), ("max 100000", 64)])
def test_a_quota_is_what_there_is_of_cores(quota: str, count: int, machine: Any) -> None:
    machine(quota)
    assert cores() == count
    assert workers.worker_count("auto") == count


@pytest.mark.parametrize(
    ("quota", "told"),
    [("300000 100000", dict.fromkeys(THREAD_LIMITS, "3")), ("max 100000", {})],
)
def test_libraries_are_held_to_the_quota_unless_there_is_none_or_a_number_is_set(
    quota: str, told: dict[str, str], machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(quota)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    hold_threads_to_cores()
    found = {name: os.environ[name] for name in THREAD_LIMITS if name in os.environ}
    assert found == told | {"OMP_NUM_THREADS": "1"}
