"""What the workers of a Dask scheduler do, one of which is killed: the same as one process does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cluster_jobs
import numpy as np
import onnx
import onnx.parser
import pytest
from distributed import Client, Worker

from cluster.test_pools import DATA, HERE, Calls, run
from e2e.servers import free_port
from pipeline.cluster import workers
from pipeline.cluster.jobs import Job, run_all
from pipeline.cluster.pool import open_pool
from pipeline.params import ClusterParams, Params
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import write_json
from pipeline.runtime.interruption import Interruption
from pipeline.serving.classifier import FACTS, NETWORK, VOCABULARY
from pipeline.serving.scoring import RECORDS, Done, Part, find_parts, score_parts
from pipeline.serving.tables import Options
from pipeline.tuning.search import search
from pipeline.tuning.study import open_search
from tuning.stand_in import DATASET, Recorder

pytestmark = pytest.mark.slow
GOOD = 4  # the id of the first word
TIMES = (1, 2, 3, 600)  # the last part has more rows than a batch
WORKERS = 2


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """That of two workers on loopback, in an empty folder; they import the environment's packages alone."""
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    dask = [sys.executable, "-P", "-m", "dask"]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [[*dask, "scheduler", *local, "--port", address.rpartition(":")[2]]]
    commands += [[*dask, "worker", address, *local, "--nthreads", "1", "--memory-limit", "0"]] * WORKERS
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    empty = tmp_path_factory.mktemp("empty")
    processes = [subprocess.Popen(command, cwd=empty, env=environment, **silent) for command in commands]
    try:
        with Client(address, timeout=60) as client:
            client.wait_for_workers(WORKERS, timeout=120)
            client.upload_file(str(Path(__file__).with_name("cluster_jobs.py")))
        yield address
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(scheduler: str) -> ClusterParams:
    return ClusterParams(address=scheduler, jobs_a_process=100)


def test_a_job_on_a_worker_stops_when_it_is_told_and_a_faulty_one_is_told(cluster: ClusterParams) -> None:
    calls = run(cluster, Calls(cluster_jobs.listen, (), stop_after=3))
    assert calls.outcomes["0"].stopped
    calls = run(cluster, Calls(cluster_jobs.refuse, ()))
    assert str(calls.outcomes["0"].error) == "no such number"


def test_a_job_that_kills_every_worker_is_given_up(
    cluster: ClusterParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ALLOWED_DEATHS", 0)
    calls = run(cluster, Calls(cluster_jobs.die, ()))
    assert "were killed" in str(calls.outcomes["0"].error)


def test_a_worker_is_started_afresh_after_its_share_of_jobs(cluster: ClusterParams) -> None:
    once = cluster.model_copy(update={"jobs_a_process": 1})
    calls = run(once, Calls(cluster_jobs.double, (0,), (1,), (2,), (3,)))
    assert len({outcome.value[1] for outcome in calls.outcomes.values()}) == 4


def test_other_versions_on_a_worker_are_one_line(
    cluster: ClusterParams, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = workers.versions()
    monkeypatch.setattr(workers, "versions", lambda: {**theirs, "keras": "0.1"})
    run(cluster, Calls(cluster_jobs.double, (0,), (1,)), name="versions")
    lines = capsys.readouterr().out.splitlines()
    (line,) = {line.partition(" has ")[2] for line in lines if "numbers may differ" in line}
    assert line == f"keras {theirs['keras']} instead of 0.1: its numbers may differ"


def test_where_a_worker_declares_a_gpu_only_such_are_given_fits(cluster: ClusterParams) -> None:
    async def declare(count: int, dask_worker: Worker) -> int:
        await dask_worker.set_resources(GPU=count)
        return os.getpid()

    values: dict[str, tuple[int, int]] = {}
    jobs = [Job(str(number), cluster_jobs.double, (number,)) for number in range(4)]
    with Client(cluster.address) as client:
        first = min(client.scheduler_info()["workers"])
        [pid] = client.run(declare, 1, workers=[first]).values()
        try:
            with open_pool("gpu", cluster, 1, len(jobs), DATA) as pool:
                run_all(pool, jobs, values.__setitem__, Interruption())
        finally:
            client.run(declare, 0, workers=[first])
    assert {pid for _, pid in values.values()} == {pid}


def make_classifier(folder: Path) -> Path:
    """A classifier whose probability is 0.75 where a text has the word good, else 0.25."""
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
        good (int32[batch, steps] token_ids) => (float[batch, 1] probability)
        <int32 good = {{{GOOD}}}, float half = {{0.5}}, float quarter = {{0.25}}> {{
            found = Equal(token_ids, good)
            numbers = Cast<to = 1>(found)
            any = ReduceMax<axes = [1], keepdims = 1>(numbers)
            halved = Mul(any, half)
            probability = Add(halved, quarter)
        }}"""
    )
    onnx.helper.set_model_props(model, {"masked": "1"})
    folder.mkdir()
    onnx.save(model, folder / NETWORK)
    Vocabulary(("good", "bad")).save(folder / VOCABULARY)
    layout = {"vocab_size": 6, "max_length": 5, "padding": "post", "truncating": "pre"}
    write_json(folder / FACTS, layout | {"labels": ["no", "yes"], "threshold": 0.5})
    return folder


def make_table(folder: Path) -> None:
    folder.mkdir()
    for number, times in enumerate(TIMES):
        texts = ["good", "bad", None] * times
        rows = ({"id": place, "text": text} for place, text in enumerate(texts))
        (folder / f"{number}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "5.csv").write_text("review\ngood\n")


def score(classifier: Path, parts: list[Part], cluster: ClusterParams) -> tuple[dict[str, Any], int]:
    """How each part ended, and the sum of the rows that were told."""
    ended: dict[str, Any] = {}
    rows: list[int] = []

    def end(part: Part, outcome: Any) -> None:
        ended[part.name] = outcome

    score_parts(classifier, parts, Options("text", version="models:/m/1"), cluster, 1, rows.append, end)
    return ended, sum(rows)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_workers_write_the_files_that_one_process_writes_and_keep_what_is_there(
    cluster: ClusterParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no worker is
    classifier = make_classifier(tmp_path / "model")
    make_table(tmp_path / "in")
    here, rows = score(classifier, find_parts(Path("in"), Path("here")), HERE)
    there, rows_there = score(classifier, find_parts(Path("in"), Path("there")), cluster)
    assert rows == rows_there == 2 * sum(TIMES)
    assert here["3.jsonl"] == there["3.jsonl"] == Done((2 * TIMES[3], TIMES[3]), kept=False)
    for ended in (here, there):
        assert isinstance(ended.pop("5.csv"), UserError)
    assert here == there
    scored = [json.loads(line) for line in (tmp_path / "there/0.jsonl").read_text().splitlines()]
    assert [(row["label"], row["probability"]) for row in scored] == [("yes", 0.75), ("no", 0.25)]
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    (tmp_path / "there/1.jsonl").unlink()
    again, rows = score(classifier, find_parts(Path("in"), Path("there")), cluster)
    assert rows == 4
    assert [again[f"{number}.jsonl"].kept for number in range(4)] == [True, False, True, True]


def test_a_folder_that_a_worker_does_not_see_is_named(cluster: ClusterParams, tmp_path: Path) -> None:
    classifier = make_classifier(tmp_path / "model")
    make_table(tmp_path / "in")
    parts = find_parts(tmp_path / "in", tmp_path / "out")
    for part in parts:
        part.source.unlink()
    ended, _ = score(classifier, parts, cluster)
    assert all("doesn't see it: --input and --output must" in str(how) for how in ended.values())
    assert not (tmp_path / "out" / RECORDS).exists()


def params_on(params: Params, cluster: ClusterParams) -> Params:
    tune = {"trials": 6, "sampler": "random", "pruner": "none", "epochs": None}
    space = {"model.units": {"low": 8, "high": 32}, "model.dropout": {"low": 0.0, "high": 0.5}}
    values = {f"cluster.{key}": value for key, value in cluster.model_dump().items()}
    values |= {f"tune.{key}": value for key, value in tune.items()} | {"tune.search_space": space}
    values |= {"model.units": 16, "model.dropout": 0.2, "train.epochs": 2, "distill.epochs": 0}
    return params.replace(values)


def marker(file: Path | str) -> dict[str, np.ndarray]:
    return {"marker": np.array([ord(letter) for letter in str(file)])}


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
