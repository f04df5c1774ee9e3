"""Owners of trials and runs: alive, ended, a reused pid, another machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil

from pipeline.runtime.machine import is_gone, this_process


def test_this_process_is_not_gone() -> None:
    assert this_process().startswith(f"{socket.gethostname()}/{os.getpid()}/")
    assert not is_gone(this_process())


def test_a_process_is_gone_once_it_ended_even_before_its_parent_asks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = f"{socket.gethostname()}/{child.pid}/{psutil.Process(child.pid).create_time():.0f}"
    assert not is_gone(owner)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped: a zombie
    assert is_gone(owner)
    child.communicate()
    assert is_gone(owner)


def test_another_process_with_the_same_pid_is_not_the_owner() -> None:
    host, pid, started = this_process().split("/")
    assert is_gone(f"{host}/{pid}/{int(started) - 100}")


def test_of_another_machine_nothing_is_known() -> None:
    assert not is_gone("another-machine/1/1")
