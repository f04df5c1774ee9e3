import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dvc.utils.serialize import load_yaml

from pipeline.__main__ import cli
from pipeline.params import Params, ParamsError, load_params, parse_params
from plain import plain_params, plain_text, plain_tree


def refused(values: dict[str, Any]) -> str:
    """The one line that refuses them."""
    with pytest.raises(ParamsError) as error:
        plain_params().replace(values)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix("params: ")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model.dropout": 1.5}, "model.dropout must be less than 1, but got 1.5"),
        ({"model.depth": 9}, "model.depth must be less than or equal to 8, but got 9"),
        ({"model.depth": "two"}, "model.depth must be a valid integer, but got 'two'"),
        ({"seed": True}, "seed must be a valid integer, but got True"),
        ({"model.cell": "gru2"}, "model.cell must be 'simple_rnn', .*, but got 'gru2'"),
        ({"data.hash": "abc"}, "data.hash must be sha256: and 64 .*, or md5: and 32, but got 'abc'"),
        ({"model.dept": 3}, "there is no parameter model.dept; params.yaml lists them all"),
        ({"model.units": (8, 4, 2)}, "model.units has 3 numbers, but model.depth is 2: give one"),
        ({"train.weight_decay": 0.1}, "train.weight_decay is 0.1, but train.optimizer is adam: only adamw"),
        (
            {"train.implementation": "cudnn", "model.recurrent_dropout": 0.1},
            "train.implementation is cudnn, but model.recurrent_dropout is 0.1: it needs 0.0",
        ),
        (
            {"model.step_words": 2, "model.masking": True},
            "model.step_words is 2 and model.masking is true, .* pad.padding is pre: set pad.padding to post",
        ),
        (
            {"pretrain.epochs": 1, "vectors.ngrams": "auto"},
            "pretrain.epochs asks for a language model, .* vectors.ngrams auto .*: set vectors.ngrams to 0",
        ),
        ({"data.text_column": "label"}, "data.text_column and data.label_column are both 'label'"),
        (
            {"model.skip": "residual", "model.skip_projection": False, "model.units": 5},
            r"model.skip is residual and model.skip_projection is false.*\[32, 5\] wide .* outputs \[5, 5\]",
        ),
    ],
)
def test_a_value_that_cannot_be_used_gets_one_line(values: dict[str, Any], message: str) -> None:
    assert re.match(message, refused(values))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.url", "https://me:hidden@host/imdb.npz", "a user or password: put them into ~/.netrc"),
        ("data.unlabelled_url", "https://hidden@host/a.tar.gz", "a user or password: put them into ~/.netrc"),
        (
            "data.word_index_url",
            "https://host/words.json?v=2&access-token=hidden",
            "under access-token: set ACCESS_TOKEN in the environment, and write access-token=$ACCESS_TOKEN",
        ),
        (
            "data.url",
            "https://host/imdb.npz?X-Amz-Signature=hidden",
            "a secret under X-Amz-Signature: set X_AMZ_SIGNATURE in the environment",
        ),
        ("data.url", "https://host/imdb.npz?sig=hidden", "a secret under sig: set SIG in the environment"),
        ("mlflow.tracking_uri", "https://me:hidden@host", "a user or password: set MLFLOW_TRACKING_USERNAME"),
        ("mlflow.tracking_uri", "postgresql://me:hidden@host/db", "MLFLOW_TRACKING_URI, in the environment"),
        ("data.url", "ftp://me:hidden@host/imdb.npz", "but got 'ftp://host/imdb.npz'"),
        ("data.url", "ftp://host/imdb.npz?token=hidden", "but got 'ftp://host/imdb.npz'"),
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(key: str, value: str, message: str) -> None:
    said = refused({key: value})
    assert message in said and key in said
    assert "hidden" not in said


def test_an_address_may_have_a_query_and_name_variables(params: Params) -> None:
    for url in ("https://host/imdb.npz?design=2&download=1", "https://host/imdb.npz?token=$REVIEWS_TOKEN"):
        assert params.replace({"data.url": url}).data.url == url


@pytest.mark.parametrize(
    ("key", "form", "message"),
    [
        ("model.depth", {"low": 4, "high": 2}, "low must not be above high, but got low 4 and high 2"),
        ("model.depth", {"low": 1, "high": 12}, "model.depth must be less than or equal to 8, but got 12"),
        ("model.cell", {"low": 1, "high": 2}, "'gru' is not a number: give choices, not low and high"),
        ("model.cell", {"choices": ["gru", "elman"]}, "'elman' can't be used"),
        ("model.dept", {"low": 1, "high": 2}, "there is no such key of model, train,"),
        ("pad.max_length", {"low": 1, "high": 2}, "there is no such key of model, train,"),
        ("vectors.window", {"low": 2, "high": 9}, "word vectors of its own, made before the search"),
        ("model.depth", {"low": 1}, "tune.search_space.model.depth.high is missing"),
        ("model.dropout", {"low": 0.0, "high": 0.5, "log": True}, "log needs low above 0 and no step"),
        ("model.masking", {"low": 0, "high": 1}, "False is not a number"),
        ("model.units", {"low": 5, "high": 64, "step": 4}, "model.units is 32, which is not low"),
        ("model.units", {"low": 8, "high": 64, "steps": 2}, "steps"),
        ("model.cell", {"choices": []}, "choices"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(key: str, form: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError) as error:
        parse_params(plain_tree(tune={"search_space": {key: form}}), "params.yaml")
    assert message in str(error.value) and key in str(error.value)
    assert "\n" not in str(error.value)


def test_a_search_space_of_null_is_empty() -> None:
    tree = plain_tree(tune={"search_space": None, "trials": 3})
    assert parse_params(tree, "params.yaml").tune.search_space == {}


def test_every_fault_has_its_line() -> None:
    tree = plain_tree(model={"dropout": -1})
    del tree["pad"]["max_length"]
    tree["colour"] = "blue"
    with pytest.raises(ParamsError) as error:
        parse_params(tree, "params.yaml")
    assert sorted(str(error.value).splitlines()) == [
        "params.yaml: colour: there is no such parameter; take it out, or correct its spelling",
        "params.yaml: model.dropout must be greater than or equal to 0, but got -1",
        "params.yaml: pad.max_length is missing; params.yaml must give it a value",
    ]


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: no such file"):
        load_params(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("model: [1,")
    with pytest.raises(ParamsError, match=r"broken\.yaml: not valid YAML"):
        load_params(tmp_path / "broken.yaml")


def test_replace_leaves_the_original_and_the_other_values(params: Params) -> None:
    deeper = params.replace({"model.depth": 3, "model.units": (8, 4, 2), "tune.trials": 1})
    assert deeper.model.layer_units == (8, 4, 2)
    assert params.model.depth == 2
    unchanged = {key for key, value in deeper.flat().items() if params.flat()[key] == value}
    assert params.flat().keys() - unchanged == {"model.depth", "model.units", "tune.trials"}


def test_bidirectional_layers_are_twice_as_wide(params: Params) -> None:
    assert params.replace({"model.bidirectional": True, "model.units": 5}).model.layer_widths == (10, 10)


@pytest.mark.parametrize("command", ["download", "pad", "train", "evaluate"])
def test_every_stage_judges_every_value_before_any_work(here: Path, command: str) -> None:
    (here / "params.yaml").write_text(plain_text(model={"dropout": 1.2}))
    done = CliRunner().invoke(cli, [command])
    assert done.exit_code == 1
    assert done.stderr == "Error: params.yaml: model.dropout must be less than 1, but got 1.2\n"
    assert [path.name for path in here.iterdir()] == ["params.yaml"]


def test_auto_values_follow_the_number_of_training_reviews_and_a_set_value_stays(params: Params) -> None:
    names = ("train.batch_size", "train.epochs", "train.patience", "tune.epochs")
    auto = params.replace(dict.fromkeys(names, "auto"))
    small, large = auto.resolve(240, 100), auto.resolve(20_000, 100)
    assert (small.train.rows, small.train.num_epochs, small.trial_epochs) == (8, 30, 10)
    assert (small.train.stop_after, large.train.stop_after) == (10, None)
    assert (large.train.rows, large.train.num_epochs, large.trial_epochs) == (64, 5, 1)
    of_rows = params.replace({"model.step_words": "auto"})
    assert [of_rows.resolve(240, length).model.words_a_step for length in (100, 101)] == [1, 2]
    assert auto.replace({"train.epochs": 3}).resolve(240, 100).train.num_epochs == 3
    assert auto.replace({"train.patience": None}).resolve(240, 100).train.stop_after is None
    assert params.resolve(240, 100) is params
    assert params.trial_epochs == params.train.epochs  # a trial is a whole fit where tune.epochs is null
    with pytest.raises(TypeError, match="is auto"):
        auto.train.num_epochs  # noqa: B018


def test_class_weights_by_name_follow_the_labels_order(params: Params) -> None:
    by_name = params.replace({"train.class_weights": {"Spam": 5.0}})
    assert by_name.of_labels(("ham", "spam", "news")).train.class_weights == (1.0, 5.0, 1.0)
    assert params.of_labels(("ham", "spam")) is params
    with pytest.raises(ParamsError, match=r"class_weights: there is no label 'Spam', only 'neg', 'pos'"):
        by_name.of_labels(("neg", "pos"))
    with pytest.raises(ParamsError, match=r"train.class_weights"):
        params.replace({"train.class_weights": {"spam": 0.0}})


def test_the_file_is_read_as_dvc_reads_it(tmp_path: Path) -> None:
    """YAML 1.2: of what DVC notes down and what runs one is never a number and the other a text."""
    text = plain_text().replace("learning_rate: 0.001", "learning_rate: 1e-3", 1)
    text = text.replace("  labels: null", "  labels: {no: bad, yes: good, 3: on}")
    (tmp_path / "params.yaml").write_text(text)
    read = load_params(tmp_path / "params.yaml")
    assert read.train.learning_rate == 0.001
    assert read.data.labels == {"no": "bad", "yes": "good", "3": "on"}
    by_dvc = load_yaml(tmp_path / "params.yaml")
    assert by_dvc["train"]["learning_rate"] == 0.001
    assert {str(key): value for key, value in by_dvc["data"]["labels"].items()} == read.data.labels


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{2026-02-13: bad}", "data.labels: 2026-02-13 is a date in YAML: quote it"),
        ("[good, 2026-02-13]", "data.labels: 2026-02-13 is a date in YAML: quote it"),
        ("[true, false]", "data.labels.0 must be a valid string, but got True: quote it"),
        ("{a: 1, b: good}", "data.labels.a must be a valid string, but got 1: quote it"),
    ],
)
def test_a_label_that_is_no_text_to_yaml_is_to_be_quoted(labels: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(plain_text().replace("labels: null", f"labels: {labels}"))
    with pytest.raises(ParamsError, match=message):
        load_params(tmp_path / "params.yaml")


def test_a_trial_is_no_longer_than_the_training_and_a_single_one_is_the_training(params: Params) -> None:
    few = params.replace({"train.epochs": 2, "tune.epochs": "auto"})
    assert few.resolve(240, 100).trial_epochs == 2
    assert few.replace({"train.epochs": "auto"}).resolve(240, 100).trial_epochs == 10
    alone = few.replace({"tune.trials": 1}).resolve(240, 100)
    assert (alone.tune.epochs, alone.trial_epochs) == (None, 2)


@pytest.mark.parametrize("section", ["data", "pretrain", "cluster", "depth", "evaluate", "mlflow"])
def test_where_the_plain_network_differs_in_nothing_it_has_the_values_of_params_yaml(section: str) -> None:
    """Else ``pipeline.load_reviews`` would fetch another file than `make run`."""
    ours = load_params(Path(__file__).parents[2] / "params.yaml")
    assert getattr(Params(), section) == getattr(ours, section)
