"""A study that is stopped, continued, raised, forced again, killed and shared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from stand_in import DATASET, Recorder, StandInFit, run_study

from pipeline.params import Params
from pipeline.tuning import Study, join_study, open_study, search
from pipeline.tuning import study as study_module
from pipeline.tuning.study import base_name, identity


def states(study: Study) -> list[str]:
    return [trial.state.name for trial in study.trials()]


def values(study: Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials()]


def test_the_configured_model_is_the_first_trial(toy: Params) -> None:
    study, _ = run_study(toy, StandInFit())
    assert values(study)[0] == {"model.units": 16, "model.dropout": 0.2}
    assert states(study) == ["COMPLETE"] * 4
    assert len({str(trial) for trial in values(study)}) == 4


def test_the_winner_is_the_best_score(toy: Params) -> None:
    fit = StandInFit()
    study, winner = run_study(toy, fit)
    scores = [trial.value for trial in study.trials()]
    assert winner.best["validation_accuracy"] == max(scores)
    assert winner.number == scores.index(max(scores))
    best = fit.calls[winner.number]
    assert winner.network.read_text() == f"{best['units']} units, dropout {best['dropout']}, seed 42"
    assert winner.params.model.units == best["units"]


def test_raising_trials_adds_only_the_missing_ones(toy: Params) -> None:
    first = StandInFit()
    study, _ = run_study(toy, first)
    before = values(study)
    more = StandInFit()
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
    study = open_study(toy, DATASET)
    first = search(study, StandInFit(), Recorder())
    fit = StandInFit()
    second = search(open_study(toy, DATASET), fit, Recorder())
    assert fit.calls == []
    assert (second.number, second.scores) == (first.number, first.scores)
    assert second.network == first.network


def test_an_interrupted_study_goes_on_where_it_stopped(toy: Params) -> None:
    whole, _ = run_study(toy, StandInFit())

    def interrupt(call: int, epoch: int) -> None:
        if (call, epoch) == (2, 1):
            os.kill(os.getpid(), signal.SIGINT)

    stopped = open_study(toy, DATASET)
    assert stopped.name == f"{whole.name}-2"
    recorder = Recorder()
    with pytest.raises(InterruptedError, match=r"2 of 4 trials finished\n.*\n`dvc repro` goes on"):
        search(stopped, StandInFit(interrupt), recorder)
    assert states(stopped) == ["COMPLETE", "COMPLETE", "FAIL"]
    assert recorder.events[-1] == ("FAIL", 2)

    fit = StandInFit()
    continued = open_study(toy, DATASET)
    winner = search(continued, fit, Recorder())
    assert continued.name == stopped.name
    assert states(continued) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    finished = [trial.params for trial in continued.ranked()]
    assert finished == [trial.params for trial in whole.ranked()], "as if it had never stopped"
    assert len(fit.calls) == 2
    assert winner.best["validation_accuracy"] == whole.ranked()[0].value


def test_settling_for_the_trials_so_far_trains_nothing(toy: Params) -> None:
    def interrupt(call: int, epoch: int) -> None:
        if call == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedError, match=r"-S tune.trials=3"):
        search(open_study(toy, DATASET), StandInFit(interrupt), Recorder())
    fit = StandInFit()
    winner = search(open_study(toy.replace({"tune.trials": 3}), DATASET), fit, Recorder())
    assert fit.calls == []
    assert winner.number in (0, 1, 2)


def test_an_interruption_in_the_last_epoch_lets_the_trial_finish(toy: Params) -> None:
    def interrupt(call: int, epoch: int) -> None:
        if (call, epoch) == (1, 2):
            os.kill(os.getpid(), signal.SIGINT)

    study = open_study(toy, DATASET)
    with pytest.raises(InterruptedError):
        search(study, StandInFit(interrupt), Recorder())
    assert states(study) == ["COMPLETE", "COMPLETE"]


KILLED_IN_TRIAL_2 = """
import os, signal, sys
sys.path[:0] = {path!r}
from stand_in import DATASET, Recorder, StandInFit
from pipeline.params import load_params
from pipeline.tuning import open_study, search

def die(call, epoch):
    if (call, epoch) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)

search(open_study(load_params(), DATASET), StandInFit(die), Recorder())
"""


def run_code(code: str, params: Params, project: Path) -> subprocess.Popen[bytes]:
    """Runs ``code`` in a process of its own with ``params`` as params.yaml."""
    (project / "params.yaml").write_text(params.model_dump_json())
    return subprocess.Popen([sys.executable, "-c", code.format(path=sys.path)], cwd=project)


def test_a_killed_trial_is_tried_again_and_no_finished_one_is(toy: Params, project: Path) -> None:
    process = run_code(KILLED_IN_TRIAL_2, toy, project)
    assert process.wait() == -signal.SIGKILL
    study = open_study(toy, DATASET)
    assert states(study) == ["COMPLETE", "COMPLETE", "RUNNING"]
    fit, recorder = StandInFit(), Recorder()
    search(study, fit, recorder)
    assert states(study) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert values(study)[3] == values(study)[2]
    assert recorder.events[:3] == [("opened", 2), ("lost", 2), ("started", 3)]
    assert len(fit.calls) == 2


def test_a_trial_of_a_living_process_is_left_alone(toy: Params) -> None:
    study = open_study(toy, DATASET)
    study.set_attribute("trials", 4)
    assert study.claim(study.optuna.ask())
    assert study.reclaim() == []
    assert states(study) == ["RUNNING"]


def test_a_trial_that_was_killed_before_it_was_claimed_is_given_up_after_a_while(
    toy: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(toy, DATASET)
    study.optuna.ask()
    assert study.reclaim() == []
    monkeypatch.setattr(study_module, "UNCLAIMED", timedelta(0))
    assert study.reclaim() == [0]
    assert states(study) == ["FAIL", "WAITING"]


def test_of_two_processes_that_take_the_last_place_one_stands_down(toy: Params) -> None:
    study = open_study(toy, DATASET)
    study.set_attribute("trials", 2)
    trials = [study.optuna.ask() for _ in range(3)]
    assert [study.claim(trial) for trial in trials] == [True, True, False]
    study.optuna.tell(trials[2], state=study_module.TrialState.FAIL)
    study.reclaim()
    assert states(study) == ["RUNNING", "RUNNING", "FAIL"], "what stood down isn't tried again"


JOIN_IN = """
import sys
sys.path[:0] = {path!r}
import time
from stand_in import DATASET, Recorder, StandInFit
from pipeline.params import load_params
from pipeline.tuning import open_study, search

search(open_study(load_params(), DATASET), StandInFit(lambda call, epoch: time.sleep(0.05)), Recorder())
"""


def test_processes_that_start_the_same_study_at_once_share_it(toy: Params, project: Path) -> None:
    params = toy.replace({"tune.trials": 6})
    processes = [run_code(JOIN_IN, params, project) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    study = open_study(params, DATASET)
    assert study.name == base_name("toy", identity(params, DATASET["padded_digest"]))
    finished = [trial for trial in study.trials() if trial.state.name == "COMPLETE"]
    assert len(finished) == 6
    configured = {"model.units": 16, "model.dropout": 0.2}
    assert [trial.params for trial in finished].count(configured) == 1
    assert len({trial.user_attrs["process"] for trial in finished}) > 1


def test_a_time_limit_lets_the_trial_in_progress_finish(toy: Params) -> None:
    study = open_study(toy.replace({"tune.timeout": 1e-9}), DATASET)
    with pytest.raises(ValueError, match=r"no complete trial: raise tune.trials or tune.timeout"):
        search(study, StandInFit(), Recorder())
    fit = StandInFit(lambda call, epoch: time.sleep(0.4))
    winner = search(open_study(toy.replace({"tune.timeout": 0.5}), DATASET), fit, Recorder())
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
    changed = toy.replace(changes)  # type: ignore[arg-type]
    assert (identity(changed, "d") == identity(toy, "d")) == same
    assert identity(toy, "other data") != identity(toy, "d")


def test_a_new_configured_model_is_tried_even_if_the_study_is_full(toy: Params) -> None:
    search(open_study(toy, DATASET), StandInFit(), Recorder())
    moved = open_study(toy.replace({"model.units": 24}), DATASET)
    assert moved.name.endswith("-2")
    search(moved, StandInFit(), Recorder())
    assert values(moved)[0]["model.units"] == 24


def test_other_code_starts_afresh(
    toy: Params, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(toy, DATASET)
    monkeypatch.setattr(study_module, "code_version", lambda params: "0123456789ab")
    assert open_study(toy, DATASET).name == f"{study.name}-2"
    assert "other code" in capsys.readouterr().out


def test_a_worker_says_why_it_cannot_join(toy: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no study to join: start one"):
        join_study(toy, DATASET)
    study = open_study(toy, DATASET)
    study.set_attribute("trials", 4)
    assert join_study(toy, DATASET).name == study.name
    with pytest.raises(ValueError, match=r"runs on padded data sha256:abab.*, but here it is sha256:cd"):
        join_study(toy, DATASET | {"padded_digest": "sha256:cd"})
    with pytest.raises(ValueError, match=r"train.batch_size is 64 there and 8 here"):
        join_study(toy.replace({"train.batch_size": 8}), DATASET)
    monkeypatch.setattr(study_module, "code_version", lambda params: "0123456789ab")
    with pytest.raises(ValueError, match=r"runs code version \w{12}, but here it is 0123456789ab"):
        join_study(toy, DATASET)


def test_concurrent_claims_never_exceed_the_trials_wanted(toy: Params) -> None:
    study = open_study(toy, DATASET)
    study.set_attribute("trials", 3)
    with ThreadPoolExecutor(8) as threads:
        trials = list(threads.map(lambda _: study.optuna.ask(), range(8)))
        claimed = list(threads.map(study.claim, trials))
    assert sum(claimed) == 3
