"""A table of parts: what is found, what is kept of an earlier run, what a kill leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.params import ClusterParams
from pipeline.runtime.files import read_json
from pipeline.serving import scoring
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.scoring import Done, Part, alone_in, find_parts, score_part, score_parts
from pipeline.serving.tables import Counts, Options
from serving.test_scored_tables import CLASSIFIER, read, write

OPTIONS = Options("text")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A classifier's folder; what is loaded of it is the constructed classifier of the other module."""
    return make_model(tmp_path / "model", "one", monkeypatch)


def make_model(folder: Path, network: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir()
    for name in ("model.onnx", "vocabulary.json", "classifier.json"):
        (folder / name).write_text(network)
    monkeypatch.setattr(TextClassifier, "load", lambda folder: CLASSIFIER)
    return folder


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_parts_mirror_the_folder_or_the_pattern_without_what_other_programs_keep_there(
    tmp_path: Path,
) -> None:
    for name in ("2026/a.csv.gz", "2026/b.tsv", "c.jsonl", "_SUCCESS", "_old/d.csv", ".e.csv", "out/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_parts(tmp_path, tmp_path / "out")
    assert [part.name for part in found] == ["2026/a.csv", "2026/b.csv", "c.jsonl"]
    assert [part.name for part in find_parts(tmp_path / "2*/*", Path("o"), ".parquet")] == [
        "2026/a.parquet",
        "2026/b.parquet",
    ]
    assert found[0].target == tmp_path / "out/2026/a.csv"


def test_a_table_that_would_lose_a_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(ValueError, match="--output must be another folder than --input's"):
        find_parts(tmp_path, tmp_path)
    with pytest.raises(ValueError, match="--output must be a folder"):
        find_parts(tmp_path, tmp_path / "a.csv")
    with pytest.raises(ValueError, match="holds no file to score"):
        find_parts(tmp_path / "*.parquet", tmp_path / "out")
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(ValueError, match=r"a\.csv and .*a\.jsonl would both be written to"):
        find_parts(tmp_path, tmp_path / "out", ".csv")


def test_a_part_is_scored_again_only_if_what_made_it_has_changed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part(tmp_path / "in.jsonl", tmp_path / "out", "in.jsonl")
    write(part.source, [{"text": "good"}, {"text": None}])
    assert score_part(model, part, OPTIONS) == ((1, 1), False)
    assert tree(part.folder) == ["_rejected/in.jsonl.jsonl", "_scored/in.jsonl.json", "in.jsonl"]
    assert score_part(model, part, OPTIONS) == ((1, 1), True)
    assert not score_part(model, part, Options("text", 0.9)).kept
    other = make_model(tmp_path / "other", "two", monkeypatch)
    assert not score_part(other, part, Options("text", 0.9)).kept
    write(part.source, [{"text": "good"}, {"text": "bad"}])
    assert score_part(other, part, Options("text", 0.9)) == ((2, 0), False)
    assert tree(part.folder) == ["_scored/in.jsonl.json", "in.jsonl"]
    part.target.unlink()
    assert not score_part(other, part, Options("text", 0.9)).kept


def test_a_part_that_can_not_be_read_stops_no_other(model: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "c.csv"):
        (tmp_path / name).write_text("text\ngood\n")
    (tmp_path / "b.csv").write_text("review\ngood\n")
    parts = find_parts(tmp_path / "*.csv", tmp_path / "out")
    first, second, third = score_all(model, parts)
    assert first == third == ((1, 0), False)
    assert "there is no column 'text', only 'review'" in str(second)
    assert {"a.csv", "c.csv"} == {name for name in tree(tmp_path / "out") if "_" not in name}


def score_all(model: Path, parts: list[Part]) -> list[Any]:
    """How each part ended, scored in this process."""
    ended: dict[str, Any] = {}
    score_parts(
        model,
        parts,
        OPTIONS,
        ClusterParams(),
        1,
        lambda _: None,
        lambda part, how: ended.update({part.name: how}),
    )
    return [ended[part.name] for part in parts]


def test_a_part_that_a_worker_wrote_where_nobody_sees_it_is_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in.jsonl", [{"text": "good"}])
    monkeypatch.setattr(scoring, "score_job", lambda *_: Done(Counts(1, 0), kept=False))
    (outcome,) = score_all(model, [Part(tmp_path / "in.jsonl", tmp_path / "out", "in.jsonl")])
    assert "in.jsonl was written, but elsewhere: --input and --output must be the same" in str(outcome)


KILLED = """
import os, signal, sys
from pathlib import Path
from serving.test_scored_tables import CLASSIFIER
from pipeline.serving.classifier import TextClassifier
from pipeline.params import ClusterParams
from pipeline.serving import scoring, tables

tables.BATCH, scored = 2, 0
TextClassifier.load = lambda folder: CLASSIFIER

def count(rows):
    global scored
    scored += rows
    if scored == 8:  # four rows of the first part, four of the six of the second
        os.kill(os.getpid(), signal.SIGKILL)

found = scoring.find_parts(Path("in"), Path("out"))
with scoring.alone_in(Path("out")):
    scoring.score_parts(
        Path("model"), found, tables.Options("text"), ClusterParams(), 1, count, lambda *_: None
    )
"""


def test_a_killed_run_leaves_whole_parts_and_the_next_goes_on(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, rows in (("a.jsonl", 4), ("b.jsonl", 6)):
        write(tmp_path / "in" / name, [{"id": number, "text": "good"} for number in range(rows)])
    project = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{project}:{project / 'tests'}"}
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=environment, check=False)
    assert killed.returncode == -9
    half = [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
    assert len(half) == 1  # under its temporary name
    assert not (tmp_path / "out/b.jsonl").exists()
    assert len(read(tmp_path / "out/a.jsonl")) == 4

    parts = find_parts(tmp_path / "in", tmp_path / "out")
    with alone_in(tmp_path / "out"):
        done = score_all(model, parts)
        with pytest.raises(ValueError, match="another run is writing"), alone_in(tmp_path / "out"):
            pass
    assert done == [((4, 0), True), ((6, 0), False)]
    assert [row["id"] for row in read(tmp_path / "out/b.jsonl")] == list(range(6))
    assert not half[0].exists()
    assert read_json(tmp_path / "out/_scored/b.jsonl.json")["scored"] == 6
