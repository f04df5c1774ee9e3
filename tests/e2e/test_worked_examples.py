"""The worked examples of docs/examples: their texts are written, checked, learnt and served as the pages say.

The stages run in this process, on a smaller network than a user's.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pipeline.__main__ import cli
from pipeline.params import load_params
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import METRICS, PADDED_DATASET, RAW_CHECK, REGISTRATION, REPORT
from pipeline.stages import run_stage
from plain import plain_text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fits_here")]
PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "docs/examples"
SMALL = {
    "model": {"depth": 1, "units": 12, "embedding_dim": 16, "pooling": "max_mean", "dropout": 0.1},
    "train": {"epochs": 12, "batch_size": 32, "learning_rate": 0.01, "patience": None},
    "tune": {"pruner": "none", "search_space": {}},
    "pad": {"max_length": 40, "padding": "post"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_store: bytes) -> Iterator[Path]:
    """A project's folder, with one store for all examples."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "data").mkdir()
    (folder / "mlflow.db").write_bytes(empty_store)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_ROOT", str(folder))
        yield folder


def run_page(kind: str, folder: Path) -> dict[str, Any]:
    """Does what a page says up to its first predictions; returns the metrics."""
    page = (EXAMPLES / f"{kind}.md").read_text(encoding="utf-8")
    write = [sys.executable, str(EXAMPLES / "write_reviews.py"), kind, f"data/{kind}.csv"]
    subprocess.run(write, cwd=folder, check=True)
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    values = {section: SMALL.get(section, {}) | shown.get(section, {}) for section in SMALL | shown}
    (folder / "params.yaml").write_text(plain_text(**values), encoding="utf-8")
    for stage in ("download", "pad", "train", "evaluate"):
        run_stage(stage, load_params())
    return dict(read_json(METRICS))


def said(*words: str) -> str:
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def findings() -> list[str]:
    return [finding["name"] for finding in read_json(RAW_CHECK)["findings"]]


def test_stars_are_five_classes_in_their_order(folder: Path) -> None:
    metrics = run_page("stars", folder)
    assert read_json(PADDED_DATASET)["labels"] == ["1", "2", "3", "4", "5"]
    assert metrics["test_accuracy"] > 0.5 > 2 * metrics["majority_test_accuracy"]
    assert metrics["test_balanced_accuracy"] > 0.5
    assert read_json(REGISTRATION)["alias"] == "champion"
    assert "macro F1" in REPORT.read_text(encoding="utf-8")
    best = said("predict", "--json", "The cast is moving, the plot is a delight, the music is full of life.")
    assert '"label": "5"' in best or '"label": "4"' in best
    assert '"probability_3"' in best


def test_spam_is_found_from_a_threshold_of_its_own(folder: Path) -> None:
    metrics = run_page("spam", folder)
    assert "class spam has 8.0% of the reviews" in findings()
    assert metrics["majority_test_accuracy"] == pytest.approx(0.92)
    assert metrics["test_balanced_accuracy_at_threshold"] > 0.8
    served = f"a served model takes {metrics['threshold']:.4g}"
    assert served in REPORT.read_text(encoding="utf-8")
    answers = said("predict", "hello, a free prize, call now 12", "hi, see you at eight, sleep well 3")
    assert [line.split("\t")[0] for line in answers.splitlines() if "\t" in line] == ["spam", "ham"]


def test_chinese_reviews_are_read_by_characters(folder: Path) -> None:
    metrics = run_page("chinese", folder)
    assert read_json(PADDED_DATASET)["tokens"] == "characters"
    assert "texts without blanks between words" not in findings()
    assert metrics["test_accuracy"] > 0.9
    assert "unknown character" in Path("reports/model_card.md").read_text(encoding="utf-8")
    answer = said("predict", "--explain", "剧情毫无新意,画面也十分生硬。")
    assert answer.split("\t")[0].endswith("差评")
    assert "剧情毫无新意,画面也十分生硬。" in answer.splitlines()[-2]
    # What else is done with a version reads its characters too.
    assert "These reviews are like those" in said("monitor", "data/chinese.csv", "--label-column", "label")
    said("export", "models:/stacked-rnn-chinese/1", "exported")
    assert read_json(Path("exported/vocabulary.json"))["tokens"] == "characters"
