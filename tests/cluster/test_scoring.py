"""A table of parts scored by the workers of a scheduler: the same files as in one process."""

import json
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
import pytest

from pipeline.params import ClusterParams
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import write_json
from pipeline.serving.classifier import FACTS, NETWORK, VOCABULARY
from pipeline.serving.scoring import RECORDS, Done, Part, find_parts, score_parts
from pipeline.serving.tables import Options

HERE = ClusterParams(address=None, jobs_a_process=1)
GOOD = 4  # the id of the first word
TIMES = (1, 2, 3, 600)  # the last part has more rows than a batch


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
