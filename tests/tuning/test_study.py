"""A study that is stopped, continued, raised, forced again, killed and shared."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stand_in import DATASET, Recorder, StandInFit, run_search, run_study, score_of, send

from pipeline.params import Params
from pipeline.tuning import study as study_module
from pipeline.tuning.sampling import grid_space
from pipeline.tuning.storage import hold
from pipeline.tuning.study import Study, identity, open_grid, open_search


def states(study: Study) -> list[str]:
    return [trial.state.name for trial in study.trials()]


def values(study: Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials()]


def test_the_configured_model_is_tried_first_and_the_best_of_all_wins(toy: Params) -> None:
    fit = StandInFit()
    study, winner = run_study(toy, fit)
    assert values(study)[0] == {"model.units": 16, "model.dropout": 0.2}
    assert states(study) == ["COMPLETE"] * len(fit.calls) == ["COMPLETE"] * 4
    assert len({str(trial) for trial in values(study)}) == 4
    scores = [trial.value for trial in study.trials()]
    assert winner.number == scores.index(max(scores))
    assert winner.best["validation_accuracy"] == winner.mean == max(scores)
    assert winner.spread is None, "of a single seed"
    best = fit.calls[winner.number]
    assert winner.params.model.units == best["units"]
    assert winner.network.decode() == f"{best['units']} units, dropout {best['dropout']}, seed 42"
    assert not winner.retrained
    kept = [path.name for path in study.folder.glob("*.keras")]
    assert kept == [f"trial-{winner.number}.keras"], "only networks that may win"


def test_raising_trials_adds_only_the_missing_ones(toy: Params) -> None:
    study, _ = run_study(toy, StandInFit())
    before, more = values(study), StandInFit()
    raised, _ = run_study(toy.replace({"tune.trials": 6}), more)
    assert raised.name == study.name
    assert values(raised)[:4] == before
    assert len(more.calls) == 2


def test_a_delivered_study_that_is_forced_starts_afresh_and_repeats_itself(toy: Params) -> None:
    first, winner = run_study(toy, StandInFit())
    fit = StandInFit()
    second, again = run_study(toy, fit)
    third, _ = run_study(toy, StandInFit())
    assert [second.name, third.name] == [f"{first.name}-2", f"{first.name}-3"]
    assert len(fit.calls) == 4
    assert values(second) == values(first)
    assert again.scores == winner.scores
    assert states(first) == ["COMPLETE"] * 4, "the old one stays as a record"


def test_a_finished_study_that_was_not_delivered_is_delivered_without_training(toy: Params) -> None:
    first, fit = run_search(open_search(toy, DATASET), StandInFit()), StandInFit()
    second = run_search(open_search(toy, DATASET), fit)
    assert fit.calls == []
    assert (second.number, second.scores) == (first.number, first.scores)
    assert second.network == first.network


def test_an_interrupted_study_goes_on_where_it_stopped(toy: Params) -> None:
    whole, _ = run_study(toy, StandInFit())

    stopped = open_search(toy, DATASET)
    assert stopped.name == f"{whole.name}-2"
    recorder = Recorder()
    with pytest.raises(InterruptedError, match=r"2 of 4 trials finished\n.*\n`dvc repro` goes on"):
        run_search(stopped, StandInFit(send(signal.SIGINT, 2, 1)), recorder)
    assert states(stopped) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert recorder.events[-1] == ("FAIL", 2)

    fit = StandInFit()
    continued = open_search(toy, DATASET)
    winner = run_search(continued, fit)
    assert continued.name == stopped.name
    assert states(continued) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    finished = [trial.params for trial in continued.ranked_trials()]
    assert finished == [trial.params for trial in whole.ranked_trials()], "as if it had never stopped"
    assert len(fit.calls) == 2
    assert winner.best["validation_accuracy"] == whole.ranked_trials()[0].value


def test_settling_for_the_trials_so_far_trains_nothing(toy: Params) -> None:
    with pytest.raises(InterruptedError, match=r"-S tune.trials=3"):
        run_search(open_search(toy, DATASET), StandInFit(send(signal.SIGTERM, 3, 1)))
    fit = StandInFit()
    winner = run_search(open_search(toy.replace({"tune.trials": 3}), DATASET), fit)
    assert fit.calls == []
    assert winner.number in (0, 1, 2)


def test_an_interruption_in_the_last_epoch_lets_the_trial_finish(toy: Params) -> None:
    study = open_search(toy, DATASET)
    with pytest.raises(InterruptedError):
        run_search(study, StandInFit(send(signal.SIGINT, 1, 2)))
    assert states(study) == ["COMPLETE", "COMPLETE"]


KILLED_IN_TRIAL_2 = """
import signal, sys
sys.path[:0] = {path!r}
from stand_in import DATASET, StandInFit, run_search, send
from pipeline.params import load_params
from pipeline.tuning.study import open_search

run_search(open_search(load_params(), DATASET), StandInFit(send(signal.SIGKILL, 2, 2)))
"""


def test_a_killed_trial_is_tried_again_and_no_finished_one_is(toy: Params, project: Path) -> None:
    (project / "params.yaml").write_text(toy.model_dump_json())
    code = KILLED_IN_TRIAL_2.format(path=sys.path)
    killed = subprocess.run([sys.executable, "-c", code], cwd=project, check=False)
    assert killed.returncode == -signal.SIGKILL
    study = open_search(toy, DATASET)
    assert states(study) == ["COMPLETE", "COMPLETE", "RUNNING"]
    fit, recorder = StandInFit(), Recorder()
    run_search(study, fit, recorder)
    assert states(study) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert values(study)[3] == values(study)[2]
    assert recorder.events[:3] == [("opened", 2), ("lost", 2), ("started", 3)]
    assert len(fit.calls) == 2


def test_a_study_that_another_process_runs_is_left_alone(toy: Params) -> None:
    study = open_search(toy, DATASET)
    with hold(study.folder, study.name), pytest.raises(ValueError, match=r"run by another process"):
        run_search(study, StandInFit())


def test_a_loss_that_is_not_a_number_fails_its_trial_and_nothing_is_chosen(
    toy: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stand_in.score_of", lambda params, seed, epoch: float("nan"))
    study = open_search(toy.replace({"tune.trials": 1}), DATASET)
    with pytest.raises(ValueError, match=r"trial 0 failed: loss is nan after epoch 1: lower train"):
        run_search(study, StandInFit())
    assert states(study) == ["FAIL"]
    assert list(study.folder.glob("*.keras")) == []


def test_the_winner_of_short_trials_is_trained_in_full(toy: Params) -> None:
    params = toy.replace({"tune.epochs": 1, "train.epochs": 3})
    fit = StandInFit()
    study, winner = run_study(params, fit)
    assert [trial.last_step for trial in study.trials()] == [1] * 4
    assert len(fit.calls) == 5
    assert len(winner.history) == 3
    assert winner.best["validation_accuracy"] == score_of(winner.params, 42, 3)


def test_a_time_limit_lets_the_trial_in_progress_finish(toy: Params) -> None:
    study = open_search(toy.replace({"tune.timeout": 1e-9}), DATASET)
    with pytest.raises(ValueError, match=r"no complete trial: raise tune.trials or tune.timeout"):
        run_search(study, StandInFit())
    fit = StandInFit(lambda call, epoch: time.sleep(0.4))
    winner = run_search(open_search(toy.replace({"tune.timeout": 0.5}), DATASET), fit)
    assert (len(fit.calls), winner.number) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"tune.trials": 9}, True),
        ({"tune.workers": 3}, True),
        ({"tune.timeout": 5.0}, True),
        ({"model.units": 24}, True),  # searched, so only the first trial would differ
        ({"model.cell": "lstm"}, False),
        ({"train.batch_size": 8}, False),
        ({"seed": 1}, False),
        ({"model.units": 64}, False),  # widens the range
    ],
)
def test_the_name_is_made_of_what_makes_trials_comparable(
    toy: Params, changes: dict[str, object], same: bool
) -> None:
    assert (identity(toy.replace(changes), "d") == identity(toy, "d")) == same
    assert identity(toy, "other data") != identity(toy, "d")


def test_a_new_configured_model_is_tried_even_if_the_study_is_full(toy: Params) -> None:
    run_search(open_search(toy, DATASET), StandInFit())
    moved = open_search(toy.replace({"model.units": 24}), DATASET)
    assert moved.name.endswith("-2")
    run_search(moved, StandInFit())
    assert values(moved)[0]["model.units"] == 24


def test_a_setting_of_the_libraries_that_changes_digits_is_part_of_the_code_version(
    toy: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = study_module.code_version()
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    assert study_module.code_version() == before
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert study_module.code_version() != before


def test_other_code_starts_afresh(
    toy: Params, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_search(toy, DATASET)
    monkeypatch.setattr(study_module, "code_version", lambda: "0123456789ab")
    assert open_search(toy, DATASET).name == f"{study.name}-2"
    assert "other code" in capsys.readouterr().out


def test_a_grid_of_the_same_code_goes_on_and_another_begins_with_a_word(
    toy: Params, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(identity: dict[str, int], version: str) -> tuple[str, str]:
        monkeypatch.setattr(study_module, "code_version", lambda *_: version)
        study = open_grid(toy, "depth-toy", identity, grid_space(seed=(0, 9)), ())
        return study.name, " ".join(capsys.readouterr().out.split())

    first, said = opened({"units": 4}, "a")
    assert (first[:10], said) == ("depth-toy-", "")
    assert opened({"units": 4}, "a") == (first, "")
    of_other_code, said = opened({"units": 4}, "b")
    assert of_other_code == f"{first}-2"
    assert f"study {first} was run with other code or libraries: a fresh one begins" in said
    assert opened({"units": 4}, "b") == (of_other_code, "")
    other, said = opened({"units": 5}, "b")
    assert said == f"study {other} begins: {of_other_code} was of other reviews, parameters or code"
