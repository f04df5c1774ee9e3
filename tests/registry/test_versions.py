"""Who is champion, and why, on a real SQLite registry; the networks themselves are left out."""

import errno
import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.evaluation.promotion import Predictions, Registration, Rule
from pipeline.registry import packaging, promotion, versions
from pipeline.runtime.errors import UserError
from pipeline.tracking import PipelineRun
from two_labels import both

NUMBERS = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: bytes) -> str:
    """One for all tests; each has its own model."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    path.write_bytes(empty_store)
    uri = f"sqlite:///{path}"
    MlflowClient(uri).create_experiment("registry", artifact_location=(path.parent / "artifacts").as_uri())
    return uri


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    return MlflowClient(store)


Submit = Callable[..., Registration]


@pytest.fixture
def submit(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> Submit:
    """Registers a model that labels the held-back reviews ``right`` of ``rows`` right."""
    dataset = {"name": f"tiny{next(NUMBERS)}", "digest": "sha256:1", "source": {"hash": "sha256:a"}}
    # Of the few reviews here no model gets more right than a guess would; that rule has a test of its own.
    monkeypatch.setattr(Predictions, "better_than_a_guess", lambda *_: True)

    def submit(
        right: list[int], rows: list[int] | None = None, unknown_share: float = 0.0, **facts: Any
    ) -> Registration:
        parent = PipelineRun(client, client.create_run("1"))

        def log_models(_: Any, name: str) -> int:
            with suppress(MlflowException):  # from the second version on
                client.create_registered_model(name)
            source = client.get_run(parent.run_id).info.artifact_uri
            client.log_text(parent.run_id, "", "model/artifacts/network")
            return int(client.create_model_version(name, f"{source}/model", parent.run_id).version)

        monkeypatch.setattr(packaging, "log_models", log_models)
        given = np.arange(20) if rows is None else np.array(rows)
        said = both(np.where(np.isin(given, right), 0.9, 0.1))
        predictions = Predictions(given, np.ones(len(given), np.int8), said, unknown_share=unknown_share)
        record = {"dataset": dataset | facts, "trained": {"validation_accuracy": 0.81}}
        candidate: Any = SimpleNamespace(record=record)
        return promotion.register(parent, candidate, predictions, Rule(margin=0.0, level=0.05))

    return submit


def champion(client: MlflowClient, registered: Registration) -> int:
    return int(client.get_model_version_by_alias(registered.name, "champion").version)


def promote(client: MlflowClient, registered: Registration, number: int) -> Any:
    """Who was champion before."""
    return versions.promote(client, versions.find_version(client, f"models:/{registered.name}/{number}"))


def tags(client: MlflowClient, registered: Registration) -> dict[str, str]:
    return dict(client.get_model_version(registered.name, str(registered.version)).tags)


def test_the_first_is_champion_till_a_better_one_takes_its_place_and_the_tags_say_why(
    client: MlflowClient, submit: Submit
) -> None:
    first = submit(right=[0, 1])
    assert (first.version, first.alias) == (1, "champion")
    assert first.reason.startswith("the first version for")
    assert tags(client, first)["validation_accuracy"] == "0.810000"
    second = submit(right=list(range(1, 11)))
    assert second.alias == "champion"
    assert champion(client, second) == 2
    # The second alone is right on 2 to 10, the first alone on 0: one-sided exact p = 11 / 1024.
    expected = {
        "compared_with": "1",
        "comparison.reviews": "20",
        "comparison.score": "0.500000",
        "comparison.champion_score": "0.100000",
        "comparison.p_value": "0.0107422",
        "comparison.margin": "0.0",
        "champion.previous": "1",
    }
    assert expected.items() <= tags(client, second).items()
    assert "better than champion version 1: it labels 50.0% of 20 held-back reviews right" in second.reason
    assert second.comparison is not None
    assert (second.comparison.only_challenger, second.comparison.only_champion) == (9, 1)
    # Versions are listed by name, the newest first.
    assert [int(version.version) for version in versions.list_versions(first.name)] == [2, 1]
    names = [version.name for version in versions.list_versions()]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        ({"right": [0, 1]}, "not surely better than champion version 1"),
        ({"right": [0, 1, 2, 3, 4, 5]}, "not surely better than champion version 1"),  # 4 to none: p = 1/16
        ({"right": [20, 21], "rows": [20, 21]}, "version 1 shares no held-back review with it"),
        ({"right": [0, 1, 2], "digest": "sha256:2"}, "the same reviews divided or read in another way"),
        (
            {"right": [0, 1, 2], "digest": "sha256:2", "source": {"hash": "sha256:b"}},
            "version 1 was trained on other reviews",
        ),
    ],
)
def test_any_other_model_is_challenger(
    submission: dict[str, Any], reason: str, client: MlflowClient, submit: Submit
) -> None:
    submit(right=[0, 1])
    second = submit(**submission)
    assert second.alias == "challenger"
    assert reason in second.reason
    if "compared:" in second.reason:
        assert f"`python -m pipeline promote models:/{second.name}/2` makes this one" in second.reason
    assert champion(client, second) == 1
    assert int(client.get_model_version_by_alias(second.name, "challenger").version) == 2


def test_only_shared_reviews_decide(client: MlflowClient, submit: Submit) -> None:
    submit(right=[0, 1, 2, 3, 4], rows=[0, 1, 2, 3, 4, 5])
    second = submit(right=[5], rows=[4, 5, 6, 7, 8, 9])  # of the shared 4 and 5, each is right on one
    assert second.alias == "challenger"
    assert tags(client, second)["comparison.reviews"] == "2"


def test_a_champion_whose_run_is_gone_keeps_its_place(client: MlflowClient, submit: Submit) -> None:
    first = submit(right=[])
    run = client.get_run(client.get_model_version(first.name, "1").run_id)
    Path(run.info.artifact_uri.removeprefix("file://"), promotion.PREDICTIONS).unlink()
    second = submit(right=[1])
    assert second.alias == "challenger"
    assert "champion version 1 has no predictions on such reviews" in second.reason


def test_a_full_disk_decides_nothing(
    client: MlflowClient, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = submit(right=[])

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full, pytest.raises(UserError, match="No space left on device"):
        full.setattr(client, "download_artifacts", no_space)
        submit(right=list(range(20)))
    assert "decision" not in client.get_model_version(first.name, "2").tags
    assert champion(client, first) == 1
    assert submit(right=list(range(20))).alias == "champion"


def test_a_version_without_its_files_is_told_with_the_reason(
    client: MlflowClient, submit: Submit, tmp_path: Path
) -> None:
    first = submit(right=[])
    version = client.get_model_version(first.name, "1")
    told = {"name": first.name, "run_id": version.run_id}
    assert versions.is_registered(told)
    assert versions.download(version, "artifacts/network", tmp_path).exists()
    with pytest.raises(UserError, match=r"/1/artifacts/network can't be fetched: .*File exists"):
        versions.download(version, "artifacts/network", tmp_path / "artifacts" / "network")
    Path(str(version.source).removeprefix("file://"), "artifacts/network").unlink()
    with pytest.raises(UserError, match="can't be fetched: No such artifact"):
        versions.download(version, "artifacts/network", tmp_path)
    assert not versions.is_registered(told)


@pytest.mark.parametrize("last_moment", [False, True])
def test_one_who_was_crowned_meanwhile_keeps_the_place_and_is_compared_with_next(
    last_moment: bool, client: MlflowClient, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 3 beats 1, but 2, which it doesn't surely beat, is crowned before, or after, its last look."""
    first = submit(right=[0])
    submit(right=[0, 1, 2])  # version 2, a challenger
    module, name = (client, "set_registered_model_alias") if last_moment else (promotion, "compare")
    call, moved = getattr(module, name), []

    def late(*arguments: Any) -> Any:
        if not moved:
            moved.append(True)
            promote(client, first, 2)
        return call(*arguments)

    monkeypatch.setattr(promotion, "one_at_a_time", nullcontext)  # as with a server, which has no lock
    monkeypatch.setattr(module, name, late)
    third = submit(right=[0, 1, 2, 3, 4, 5])
    assert moved
    assert (third.alias, champion(client, third)) == ("challenger", 2)
    assert third.reason.startswith("not surely better than champion version 2")
    assert tags(client, third)["compared_with"] == "2"
    assert versions.champions_so_far(client, first.name) == ["1", "2"]


def test_a_store_on_this_machine_lets_one_after_the_other_move_aliases(client: MlflowClient) -> None:
    path = Path(mlflow.get_registry_uri().removeprefix("sqlite:///") + ".champion.lock")
    with versions.one_at_a_time(), pytest.raises(Timeout):
        FileLock(path, timeout=0).acquire()
    with FileLock(path, timeout=0):
        pass


def test_promote_and_rollback_follow_the_history(client: MlflowClient, submit: Submit) -> None:
    first = submit(right=[0])
    submit(right=[])  # version 2, challenger
    submit(right=[])  # version 3, challenger
    challenger = versions.find_version(client, f"models:/{first.name}@challenger")
    before = versions.promote(client, challenger)
    assert before is not None
    assert int(before.version) == 1
    assert champion(client, first) == 3
    assert versions.aliases(client, first.name) == {"3": ["champion"]}  # no longer challenger
    promote(client, first, 1)
    promote(client, first, 2)
    # The champions were 1, 3, 1, 2.
    steps = [[int(each.version) for each in versions.rollback(client, first.name)] for _ in range(3)]
    assert steps == [[2, 1], [1, 3], [3, 1]]
    assert champion(client, first) == 1
    assert tags(client, first)["decision"] == "rolled back from version 3"
    with pytest.raises(ValueError, match="no champion is recorded before version 1"):
        versions.rollback(client, first.name)
    with pytest.raises(ValueError, match=f"version 1 of {first.name} is the champion already"):
        promote(client, first, 1)


def test_rollback_passes_over_deleted_versions(client: MlflowClient, submit: Submit) -> None:
    first = submit(right=[])
    submit(right=list(range(6)))
    submit(right=list(range(12)))
    client.delete_model_version(first.name, "2")
    assert [int(each.version) for each in versions.rollback(client, first.name)] == [3, 1]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("stacked-rnn-imdb/1", "must be models:/NAME/VERSION or models:/NAME@ALIAS, but got stacked"),
        ("models:/stacked-rnn-imdb", "must be models:/NAME/VERSION"),
        ("models:/stacked-rnn-imdb/latest", "must be models:/NAME/VERSION"),
        ("models:/stacked-rnn-imdb@", "must be models:/NAME/VERSION"),
        ("models:/stacked-rnn-imdb/1", "has no models:/stacked-rnn-imdb/1, it has stacked-rnn-"),
        ("models:/stacked-rnn-imdb@champion", "has no models:/stacked-rnn-imdb@champion"),
    ],
)
def test_an_address_that_names_nothing_says_what_there_is(
    uri: str, message: str, client: MlflowClient, submit: Submit
) -> None:
    submit(right=[])
    with pytest.raises(ValueError, match=message):
        versions.find_version(client, uri)


def test_a_model_without_a_champion_names_promote_and_a_deleted_version_counts_as_unregistered(
    client: MlflowClient, submit: Submit
) -> None:
    first, second = submit(right=[]), submit(right=[])
    registration = {"name": first.name, "run_id": client.get_model_version(first.name, "1").run_id}
    assert versions.is_registered(registration)
    client.delete_model_version(first.name, "1")
    assert not versions.is_registered(registration)
    with pytest.raises(ValueError, match=f"no champion: .*`python -m pipeline promote {second.uri}`"):
        versions.find_version(client, f"models:/{first.name}@champion")


def test_a_store_that_fails_makes_no_champion(monkeypatch: pytest.MonkeyPatch, client: MlflowClient) -> None:
    def broken(*_: object) -> None:
        raise MlflowException("the database is locked")

    monkeypatch.setattr(client, "get_model_version_by_alias", broken)
    with pytest.raises(MlflowException, match="locked"):
        versions.find_champion(client, "stacked-rnn-tiny")


def test_what_can_hardly_read_its_texts_or_is_no_better_than_the_commoner_label_is_never_champion(
    submit: Submit, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = submit([0], unknown_share=0.93)
    assert (unread.alias, unread.reason[:19]) == ("challenger", "93% of what it read")
    monkeypatch.setattr(Predictions, "better_than_a_guess", lambda *_: False)
    guess = submit([0])
    assert guess.alias == "challenger"
    assert guess.reason.startswith("no better than always giving one label")
    assert versions.find_champion(client, guess.name) is None
