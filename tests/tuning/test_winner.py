"""Which network wins, and that it is the kept one."""

import statistics

import pytest
from stand_in import DATASET, Recorder, StandInFit, run_search, run_study, score_of

from pipeline.params import Params
from pipeline.tuning.explain import trials_table
from pipeline.tuning.study import open_search


def test_a_network_that_is_missing_is_trained_again_to_the_same_digits(
    toy: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_search(open_search(toy, DATASET), StandInFit())
    open_search(toy, DATASET).network_file(first.number).unlink()
    fit = StandInFit()
    second = run_search(open_search(toy, DATASET), fit)
    assert second.retrained
    assert (second.network, second.best) == (first.network, first.best)
    assert len(fit.calls) == 1
    assert "the same digits as before" in capsys.readouterr().out


def test_a_network_that_scores_otherwise_when_trained_again_is_reported_as_it_is(
    toy: Params, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_search(open_search(toy, DATASET), StandInFit())
    open_search(toy, DATASET).network_file(first.number).unlink()
    monkeypatch.setattr("stand_in.score_of", lambda params, seed, epoch: 0.5)
    second = run_search(open_search(toy, DATASET), StandInFit())
    assert second.best["validation_accuracy"] == 0.5
    assert second.scores == (0.5,)
    assert f"scores 0.5, not {first.scores[0]}" in capsys.readouterr().out


def test_the_finalist_with_the_best_mean_wins(toy: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured 16 units have a lucky seed 42; without luck they lose 0.05 to their formula's score."""

    def lucky(params: Params, seed: int, epoch: int) -> float:
        luck = 0.1 if (params.model.units, seed) == (16, 42) else 0.0
        return score_of(params, seed, epoch) - 0.05 * (params.model.units == 16) + luck

    monkeypatch.setattr("stand_in.score_of", lucky)
    recorder, fit = Recorder(), StandInFit()
    study, winner = run_study(toy.replace({"tune.finalists": 2, "tune.seeds": 3}), fit, recorder)
    runner_up = study.ranked_trials()[1]
    assert study.ranked_trials()[0].number == 0
    assert winner.number == runner_up.number
    expected = [lucky(winner.params, seed, 2) for seed in (42, 43, 44)]
    assert winner.scores == pytest.approx(expected)
    assert winner.mean == pytest.approx(sum(expected) / 3)
    assert winner.spread == pytest.approx(statistics.stdev(expected))
    assert len(fit.calls) == 4 + 2 * 2
    repeats = [(f"seed {seed}", number) for number in (0, runner_up.number) for seed in (43, 44)]
    assert [event for event in recorder.events if event[0].startswith("seed")] == repeats
    assert winner.network.decode().endswith("seed 42")


def test_seeds_that_were_trained_are_not_trained_again(toy: Params) -> None:
    run_study(toy.replace({"tune.finalists": 2, "tune.seeds": 2}), StandInFit())
    fit = StandInFit()
    run_study(toy.replace({"tune.finalists": 2, "tune.seeds": 3}), fit)
    assert [call["seed"] for call in fit.calls] == [44, 44]


def test_a_pruned_trial_cannot_win(toy: Params) -> None:
    params = toy.replace({"tune.pruner": "median", "tune.trials": 10, "train.epochs": 5})
    study, winner = run_study(params, StandInFit())
    pruned = [trial for trial in study.trials() if trial.state.name == "PRUNED"]
    assert pruned, "the median pruner ended some trials"
    assert all(trial.last_step < 5 for trial in pruned)
    assert winner.number not in {trial.number for trial in pruned}
    row = trials_table(study)[pruned[0].number]
    assert row["validation_accuracy"] == pruned[0].intermediate_values[row["epochs"]]
    assert study.counts() == {"complete": 10 - len(pruned), "pruned": len(pruned), "fail": 0}


def test_hyperband_prunes_alike_in_a_fresh_study_of_another_name(toy: Params) -> None:
    params = toy.replace({"tune.pruner": "hyperband", "tune.trials": 12, "train.epochs": 9})
    first, _ = run_study(params, StandInFit())
    second, _ = run_study(params, StandInFit())
    outcome = [[(trial.params, trial.state) for trial in study.trials()] for study in (first, second)]
    assert outcome[0] == outcome[1]
    assert first.counts()["pruned"] > 0
    assert len({str(values) for values, _ in outcome[0]}) == 12, "each bracket draws values of its own"


def test_another_objective_ranks_trials_by_another_score(toy: Params) -> None:
    """The formula's loss is 1 less its score: the same trials win, in a study of their own."""
    by_accuracy, first = run_study(toy, StandInFit())
    by_loss, second = run_study(toy.replace({"tune.objective": "log_loss"}), StandInFit())
    assert by_accuracy.name != by_loss.name
    assert by_loss.score_name == "validation_neg_log_loss"
    assert second.number == first.number
    assert second.scores == pytest.approx([first.scores[0] - 1])
    row = trials_table(by_loss)[second.number]
    assert (row["validation_neg_log_loss"], row["validation_accuracy"]) == pytest.approx(
        (second.scores[0], first.scores[0])
    )
