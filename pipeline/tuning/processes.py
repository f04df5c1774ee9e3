"""Which process runs a trial, and whether it still lives."""

from __future__ import annotations

import os
import socket

import psutil


def this_process() -> str:
    """``host/pid/start``: no two processes share it, even after a restart of the machine."""
    return _name(psutil.Process())


def is_gone(owner: str) -> bool:
    """Whether ``owner`` was a process of this machine and has ended; of other machines we can't know."""
    host, pid, _ = owner.split("/")
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(pid))
        return _name(process) != owner or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def available_cores() -> list[int]:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _name(process: psutil.Process) -> str:
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.0f}"
