"""The train stage without a network: its files change together, or not at all."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from e2e.toy_project import PROJECT, make_project
from pipeline.params import Params, load_params
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import MODEL, RAW_VOCABULARY, TRAIN_REPORT
from pipeline.stages import refuse_edited, train
from pipeline.training.task import Trained
from reviews.own_files import write
from tuning.stand_in import fit_formula

pytestmark = pytest.mark.usefixtures("fits_here")


@pytest.fixture
def client(store_here: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """The store of a study of one trial in the working folder; its network is a formula."""
    make_project(Path(), {"trials": 1})
    shutil.copyfile(PROJECT / "dvc.yaml", "dvc.yaml")
    monkeypatch.setattr(train, "fit", fit_formula)
    monkeypatch.setattr(train, "describe_device", lambda data, listen: "a formula")
    monkeypatch.setattr(train, "write_pictures", lambda *args: args[-1].mkdir(exist_ok=True))
    monkeypatch.setattr(train, "deliver", lambda network, *_: (network, {"scale": 1.0}))
    return MlflowClient(store_here)


def statuses(client: MlflowClient) -> set[str]:
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return {run.info.status for run in client.search_runs(experiments)}


def test_a_lost_network_leaves_the_last_good_runs_files(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.stand_in.score_of", lambda params, seed, epoch: float("nan"))
    for file in (MODEL, TRAIN_REPORT):
        write(Path(), str(file), "of the last good run")
    with pytest.raises(UserError, match="trial 0 failed: loss is nan"):
        train.run(load_params())
    assert statuses(client) == {"FAILED"}  # parent and trial
    for file in (MODEL, TRAIN_REPORT):
        assert file.read_text() == "of the last good run"
        assert list(file.parent.iterdir()) == [file]


def test_a_broken_file_leaves_a_failed_run(client: MlflowClient) -> None:
    Path("data/padded/validation.npz").write_bytes(b"not an archive")
    with pytest.raises(UserError, match=r"validation\.npz"):
        train.run(load_params())
    assert statuses(client) == {"FAILED"}


@pytest.mark.usefixtures("client")
def test_finalists_seeds_and_objective_are_reported() -> None:
    """The formula's loss is 1 less its score, which each seed above the first lowers by 0.001."""
    make_project(Path(), {"trials": 2, "finalists": 2, "seeds": 2, "epochs": None, "objective": "log_loss"})
    train.run(load_params())
    report = read_json(TRAIN_REPORT)
    first, second = report["validation_neg_log_loss_by_seed"]
    assert first == pytest.approx(report["validation_accuracy"] - 1)
    assert second == pytest.approx(first - 0.001)
    assert report["objective"] == "log_loss"


def test_word_vectors_of_a_file_are_said_and_another_content_is_another_study(
    client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(Path(), {"trials": 1}, vectors={"path": "mine.vec"}, model={"embedding_dim": 2})
    Vocabulary(("good", "bad", "so", "rare")).save(write(Path(), str(RAW_VOCABULARY), ""))
    studies = []
    for content in ("good 1 2\nbad 2 1\nso 0 1\n", "good 1 2\nbad 2 1\n"):
        Path("mine.vec").write_text(content)
        train.run(load_params())
        studies.append(read_json(TRAIN_REPORT)["study"])
    assert "word vectors of mine.vec: 75.0% of the vocabulary's words" in capsys.readouterr().out
    assert len(set(studies)) == 2
    run = client.get_run(read_json(TRAIN_REPORT)["run_id"])
    assert run.data.metrics["vectors_found"] == read_json(TRAIN_REPORT)["vectors_found"] == 0.5


@pytest.mark.usefixtures("client")
def test_params_edited_meanwhile_are_not_noted_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC would note down the batch size that stands in params.yaml at the end of the stage."""
    text = Path("params.yaml").read_text()
    calls = []

    def edit(params: Params, seed: int, data: object, listen: object) -> Trained:
        calls.append(params.train.batch_size)
        Path("params.yaml").write_text(text.replace("batch_size: 16", "batch_size: 8"))
        return fit_formula(params, seed, data, listen)

    monkeypatch.setattr(train, "fit", edit)
    with pytest.raises(UserError, match=r"edited while train ran: train.batch_size was 16 .* now it is 8"):
        train.run(load_params())
    assert read_json(TRAIN_REPORT)["params"]["train.batch_size"] == 16
    Path("params.yaml").write_text(text)
    train.run(load_params())
    assert calls == [16], "once they are put back, the same study delivers what it has"


@pytest.mark.usefixtures("client")
def test_what_a_later_stage_reads_may_be_edited_while_an_earlier_one_runs() -> None:
    started_with = load_params()
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("baseline_ngrams: 2", "baseline_ngrams: 3"))
    assert load_params() != started_with
    refuse_edited("train", started_with)
    with pytest.raises(UserError, match=r"evaluate.baseline_ngrams was 2"):
        refuse_edited("evaluate", started_with)
    Path("params.yaml").write_text(text.replace("high: 32", "high: 64", 1))
    with pytest.raises(UserError, match=r"tune.search_space was .* now it is"):
        refuse_edited("train", started_with)
    for unconcerned in ("pad", "evaluate"):
        refuse_edited(unconcerned, started_with)
