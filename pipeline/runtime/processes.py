"""Which process owns a trial or a run, and whether it still lives."""

from __future__ import annotations

import socket

import psutil

CLOCK_SLACK = 2.0  # seconds; a process' start is computed from the boot time, which moves with the clock


def this_process() -> str:
    """``host/pid/start``: no two processes share it, even after a restart of the machine."""
    process = psutil.Process()
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.0f}"


def is_gone(owner: str) -> bool:
    """Whether ``owner`` was a process of this machine and has ended; of other machines we can't know."""
    host, pid, started = owner.split("/")
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(pid))
        another = abs(process.create_time() - float(started)) > CLOCK_SLACK
        return bool(another or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
