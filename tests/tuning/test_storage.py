"""Storages live through kills, and say in one message what is wrong with them."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import DATASET, StandInFit, run_study

from pipeline.params import Params
from pipeline.tuning.storage import KernelLock, open_storage
from pipeline.tuning.study import open_search

HAS_DRIVER = importlib.util.find_spec("psycopg") is not None


def test_a_journal_lies_in_the_projects_folder(toy: Params, project: Path) -> None:
    open_search(toy.replace({"tune.storage": "elsewhere/a.journal"}), DATASET)
    assert (project / "elsewhere" / "a.journal").stat().st_size > 0
    assert not (project / "studies" / "journal.log").exists()
    study, _ = run_study(toy, StandInFit())
    assert {path.name for path in (project / "studies").iterdir()} >= {"journal.log", study.name}


@pytest.mark.parametrize("cut", [1, 10, 5000])
def test_a_torn_line_is_cut_and_what_stood_before_it_stays(toy: Params, project: Path, cut: int) -> None:
    study = open_search(toy, DATASET)
    study.set_attribute("kept", 1)
    journal = project / "studies" / "journal.log"
    whole = journal.stat().st_size
    study.set_attribute("torn", "x" * 6000)
    os.truncate(journal, journal.stat().st_size - cut)
    again = open_search(toy, DATASET)
    assert (again.attributes.get("kept"), again.attributes.get("torn")) == (1, None)
    again.set_attribute("next", 2)
    assert open_search(toy, DATASET).attributes["next"] == 2
    assert journal.read_bytes()[whole - 1 : whole + 1] == b"\n{"


HOLD_LOCK = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from pipeline.tuning.storage import KernelLock
lock = KernelLock(Path({journal!r}))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    journal = tmp_path / "journal.log"
    journal.touch()
    code = HOLD_LOCK.format(path=sys.path, journal=str(journal))
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"held\n"
    taken = []

    def end_owner(*_: object) -> None:
        taken.append(False)
        owner.kill()

    signal.signal(signal.SIGALRM, end_owner)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    lock = KernelLock(journal)
    lock.acquire()  # waits until the alarm kills the owner
    taken.append(True)
    lock.release()
    assert taken == [False, True]
    owner.wait()
    owner.stdout.close()


def test_a_file_that_is_no_journal_is_left_alone_and_named(toy: Params, project: Path) -> None:
    (project / "notes.txt").write_text("milk\nbread\n")
    with pytest.raises(ValueError, match=r"notes.txt can't be used as a study's journal"):
        open_search(toy.replace({"tune.storage": "notes.txt"}), DATASET)
    assert (project / "notes.txt").read_text() == "milk\nbread\n"
    with pytest.raises(ValueError, match="can't be used as a study's journal"):
        open_search(toy.replace({"tune.storage": "."}), DATASET)


@pytest.mark.skipif(not HAS_DRIVER, reason="psycopg isn't installed")
def test_an_unreachable_server_is_one_message(toy: Params) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgresql://nobody@127.0.0.1:{port}/studies"
    with pytest.raises(ValueError, match=rf"127.0.0.1:{port}/studies can't be opened: .*start the server"):
        open_storage(toy.replace({"tune.storage": url}))


def test_a_missing_driver_is_one_message(toy: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValueError, match=r"driver isn't installed: pip install '.\[postgresql\]'"):
        open_storage(toy.replace({"tune.storage": "postgresql://someone@127.0.0.1/studies"}))


def test_a_relative_database_lies_in_the_projects_folder(
    toy: Params, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc exp run --temp` works in a folder that is deleted afterwards."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "temporary")
    params = toy.replace({"tune.storage": "sqlite:///my.db", "tune.trials": 2})
    open_search(params, DATASET)
    assert (project / "my.db").is_file()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_study_in_mlflows_store_is_one_message(
    toy: Params, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = toy.replace({"tune.storage": "sqlite:///mlflow.db"})
    with pytest.raises(ValueError, match=r"sqlite:///mlflow.db, which is MLflow's store too.*of its own"):
        open_search(params, DATASET)
    assert not (project / "mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/both.db")
    with pytest.raises(ValueError, match="MLflow's store too"):
        open_search(params.replace({"tune.storage": "sqlite:///both.db"}), DATASET)
