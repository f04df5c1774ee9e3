"""A table of parts: what is found, what is kept of an earlier run, what a kill leaves."""

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
from pipeline.serving.scoring import (
    Done,
    Part,
    alone_in,
    find_parts,
    load_classifier,
    read_contents,
    score_part,
    score_parts,
)
from pipeline.serving.tables import Counts, Options
from serving.test_scored_tables import CLASSIFIER, read, write

OPTIONS = Options("text")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A classifier's folder; what is loaded of it is the constructed classifier of the other module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(TextClassifier, "load", lambda _: CLASSIFIER)
    return make_model("one")


def make_model(network: str) -> Path:
    folder = Path("models", network)
    folder.mkdir(parents=True)
    for name in ("model.onnx", "vocabulary.json", "classifier.json"):
        (folder / name).write_text(network)
    return folder


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def score_all(model: Path, parts: list[Part]) -> list[Any]:
    """How each part ended, scored in this process."""
    ended: dict[Part, Any] = {}
    score_parts(model, parts, OPTIONS, ClusterParams(), 1, lambda _: None, ended.__setitem__)
    return [ended[part] for part in parts]


def test_parts_mirror_the_folder_or_the_pattern_without_what_other_programs_keep_there(
    tmp_path: Path,
) -> None:
    for name in ("2026/a.csv.gz", "2026/b.tsv", "c.jsonl", "_SUCCESS", "_old/d.csv", ".e.csv", "out/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_parts(tmp_path, tmp_path / "out")
    assert [part.name for part in found] == ["2026/a.csv", "2026/b.csv", "c.jsonl"]
    assert found[0].target == tmp_path / "out/2026/a.csv"
    names = [part.name for part in find_parts(tmp_path / "2*/*", Path("o"), ".parquet")]
    assert names == ["2026/a.parquet", "2026/b.parquet"]


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


def test_a_part_is_scored_again_only_if_what_made_it_has_changed(model: Path) -> None:
    part, strict = Part(Path("in.jsonl"), Path("out"), "in.jsonl"), Options("text", 0.9)
    write(part.source, [{"text": "good"}, {"text": None}])
    assert score_part(load_classifier(read_contents(model)), part, OPTIONS) == ((1, 1), False)
    assert tree(part.folder) == ["_rejected/in.jsonl.jsonl", "_scored/in.jsonl.json", "in.jsonl"]
    assert score_part(load_classifier(read_contents(model)), part, OPTIONS) == ((1, 1), True)
    assert not score_part(load_classifier(read_contents(model)), part, strict).kept
    other = make_model("two")
    assert not score_part(load_classifier(read_contents(other)), part, strict).kept
    write(part.source, [{"text": "good"}, {"text": "bad"}])
    assert score_part(load_classifier(read_contents(other)), part, strict) == ((2, 0), False)
    assert tree(part.folder) == ["_scored/in.jsonl.json", "in.jsonl"]
    part.target.unlink()
    assert not score_part(load_classifier(read_contents(other)), part, strict).kept


def test_texts_that_are_a_file_each_are_judged_together(model: Path) -> None:
    """The second alone could be cp1252; training reads the two as one."""
    texts = ("Ez a főzés nagyon jó, hűvös idő volt", "idő")
    Path("in/pos").mkdir(parents=True)
    for number, text in enumerate(texts):
        Path(f"in/pos/{number}.txt").write_bytes(text.encode("cp1250"))
    assert score_all(model, find_parts(Path("in"), Path("out"))) == [((1, 0), False)] * 2
    assert [read(Path(f"out/pos/{number}.csv"))[0]["text"] for number in (0, 1)] == list(texts)


def test_a_part_that_a_worker_wrote_where_nobody_sees_it_is_named(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path("in.jsonl"), [{"text": "good"}])
    monkeypatch.setattr(scoring, "score_job", lambda *_: Done(Counts(1, 0), kept=False))
    (outcome,) = score_all(model, [Part(Path("in.jsonl"), Path("out"), "in.jsonl")])
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
options, cluster = tables.Options("text"), ClusterParams()
with scoring.alone_in(Path("out")):
    scoring.score_parts(Path("models/one"), found, options, cluster, 1, count, lambda *_: None)
"""


def test_a_killed_run_leaves_whole_parts_and_the_next_goes_on(model: Path) -> None:
    source, target = Path("in"), Path("out")
    source.mkdir()
    for name, rows in (("a.jsonl", 4), ("b.jsonl", 6)):
        write(source / name, [{"id": number, "text": "good"} for number in range(rows)])
    project = Path(__file__).parents[2]
    (temporary := Path("temporary").absolute()).mkdir()
    environment = os.environ | {"PYTHONPATH": f"{project}:{project / 'tests'}", "TMPDIR": str(temporary)}
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert killed.returncode == -9
    assert list(temporary.iterdir()) == [], "no copy of the classifier stays behind"
    (half,) = target.glob(".*")  # under its temporary name
    assert not (target / "b.jsonl").exists()
    assert len(read(target / "a.jsonl")) == 4

    with alone_in(target):
        done = score_all(model, find_parts(source, target))
        with pytest.raises(ValueError, match="another run is writing"), alone_in(target):
            pass
    assert done == [((4, 0), True), ((6, 0), False)]
    assert [row["id"] for row in read(target / "b.jsonl")] == list(range(6))
    assert not half.exists()
    assert read_json(target / "_scored/b.jsonl.json")["scored"] == 6
