"""A study whose trials lie in a database: SQLite's, or a real PostgreSQL, where a team looks at them."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in import StandInFit, run_study

from e2e.servers import free_port
from pipeline.params import Params


def find_binaries() -> Path | None:
    """The folder of initdb and postgres: on PATH, or where Debian's package puts them."""
    found = shutil.which("initdb")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else versions[-1].parent if versions else None


def unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root; then it runs as the user that its package made."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of an empty database on loopback."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg isn't installed: pip install '.[postgresql]'")
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if unprivileged():
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("this is root, and there is no user postgres to run the server as")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    create = [binaries / "initdb", "-D", folder / "data", "-U", "tuner", "--auth=trust", "--no-sync"]
    subprocess.run([*unprivileged(), *create], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*unprivileged(), binaries / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        yield f"postgresql://tuner@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_a_study_goes_on_where_it_was(
    kind: str, toy: Params, project: Path, request: pytest.FixtureRequest
) -> None:
    storage = f"sqlite:///{project}/studies.db" if kind == "sqlite" else request.getfixturevalue("server")
    params = toy.replace({"tune.storage": storage, "tune.trials": 2})
    first, _ = run_study(params, StandInFit())
    fit = StandInFit()
    study, _ = run_study(params.replace({"tune.trials": 3}), fit)
    assert study.name == first.name
    assert (len(fit.calls), study.counts()["complete"]) == (1, 3)
