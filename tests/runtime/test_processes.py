"""Owners of runs: alive, ended, of another folder; and ports."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import forget, is_gone, require_free_port, this_process

OWNER = "from pipeline.runtime.machine import this_process\nprint(this_process(), flush=True)\ninput()"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def test_this_process_is_not_gone(folder: Path) -> None:
    mine = this_process()
    assert this_process() == mine
    assert not is_gone(mine)
    forget(mine)
    assert list((folder / "studies/owners").iterdir()) == []
    assert this_process() != mine


def test_a_killed_process_is_gone_before_it_is_reaped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, pipe = [sys.executable, "-c", OWNER], subprocess.PIPE
    code = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=code) as another:
        assert another.stdout is not None
        owner = another.stdout.readline().strip()
        assert not is_gone(owner)
        assert owner != this_process()
        another.kill()
        os.waitid(os.P_PID, another.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped: a zombie
        assert is_gone(owner)
    assert is_gone(owner)
    with monkeypatch.context() as elsewhere:
        # A container may have this one's name and number its processes as this one does.
        elsewhere.setenv("DVC_ROOT", str(folder / "elsewhere"))
        assert not is_gone(owner), "of another folder nothing is known"
        assert not is_gone("../another-machine/1/1")
    forget(owner)
    assert not is_gone(owner), "nobody asks for it any more"


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1 can't be taken .*another --port"):
            require_free_port(port)
    require_free_port(port)
