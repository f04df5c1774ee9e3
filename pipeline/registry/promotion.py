"""A model is registered, and takes the champion's place if it is surely better."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipeline.evaluation.promotion import Comparison, Predictions, Registration, Rule, compare
from pipeline.registry.names import CHALLENGER, CHAMPION, registered_name
from pipeline.registry.versions import (
    DECISION_TAG,
    SOURCE_TAG,
    champions_so_far,
    crown,
    find_champion,
    one_at_a_time,
    reason_of,
    set_tags,
)
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.tracking import DIGEST_TAG, RefusedError

if TYPE_CHECKING:
    from pipeline.registry.packaging import Candidate
    from pipeline.tracking import PipelineRun

PREDICTIONS = "held_back_predictions.npz"
MOST_UNKNOWN = 0.5  # of the tokens that a champion reads, on average of the held-back reviews
_ATTEMPTS = 20  # each is lost only to another model that was crowned meanwhile


def register(parent: PipelineRun, candidate: Candidate, predictions: Predictions, rule: Rule) -> Registration:
    """Registers a model from the parent run and moves an alias to it.

    It becomes champion if the data set has none, or if ``rule`` finds it better than the champion on the
    reviews that were held back from both; else challenger. The decision, both scores and the p-value become
    tags of the version. If another model was crowned while it was compared, it is compared again, with that.
    """
    from pipeline.registry.packaging import log_models  # noqa: PLC0415 - only here are models logged

    client, dataset = parent.client, candidate.record["dataset"]
    name = registered_name(dataset["name"])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PREDICTIONS
        write_arrays(file, **{key: np.asarray(value) for key, value in vars(predictions).items()})
        parent.log_file(file)
    version = log_models(candidate, name)
    tags = {
        DIGEST_TAG: dataset["digest"],
        SOURCE_TAG: dataset["source"].get("hash", ""),
        "dataset.name": dataset["name"],
        "validation_accuracy": f"{candidate.record['trained']['validation_accuracy']:.6f}",
    }
    set_tags(client, name, version, tags)
    by_hand = f"`python -m pipeline promote models:/{name}/{version}` makes this one champion"
    with one_at_a_time():
        for _ in range(_ATTEMPTS):
            history, champion = champions_so_far(client, name), find_champion(client, name)
            alias, reason, comparison = _judge(client, champion, by_hand, tags, predictions, rule)
            set_tags(client, name, version, _decision_tags(champion, reason, comparison))
            if alias == CHALLENGER or crown(client, name, version, champion, history):
                break
        else:
            alias, comparison = CHALLENGER, None
            reason = f"the champion changed {_ATTEMPTS} times during the comparison: {by_hand}"
            set_tags(client, name, version, {DECISION_TAG: reason})
        if alias == CHALLENGER:
            client.set_registered_model_alias(name, CHALLENGER, str(version))
    return Registration(name, version, alias, reason, comparison)


def _judge(
    client: MlflowClient,
    champion: ModelVersion | None,
    by_hand: str,
    tags: Mapping[str, str],
    mine: Predictions,
    rule: Rule,
) -> tuple[str, str, Comparison | None]:
    """The alias for the version of ``tags``, the reason for it, and the comparison where there is one."""
    if not len(mine.labels):
        return CHALLENGER, "no review was held back to show that it is better than a guess", None
    if mine.unknown_share > MOST_UNKNOWN:
        unread = f"{mine.unknown_share:.0%} of what it reads is unknown to it"
        return CHALLENGER, f"{unread}, so never a champion", None
    if not mine.better_than_a_guess(rule.objective):
        return CHALLENGER, "no better than always giving one label, so never a champion", None
    if champion is None:
        return CHAMPION, f"the first version for {tags['dataset.name']} that is better than a guess", None
    rival, other_data, comparison = f"champion version {champion.version}", "", None
    if champion.tags.get(DIGEST_TAG) == tags[DIGEST_TAG]:
        theirs = predictions_of(client, str(champion.run_id))
        comparison = compare(mine, theirs, rule) if theirs else None
        lacking = "shares no held-back review with it" if theirs else "has no predictions on such reviews"
    elif champion.tags.get(SOURCE_TAG) == tags[SOURCE_TAG] != "":
        lacking = "saw the same reviews divided or read in another way"
    else:
        lacking = "was trained on other reviews"
        other_data = ". If they are another data set, data.name gives it a champion of its own"
    if comparison is None:
        return CHALLENGER, f"{rival} {lacking}; not compared: {by_hand}{other_data}", None
    better = comparison.challenger_is_better
    reason = f"{'better' if better else 'not surely better'} than {rival}: {comparison}"
    return CHAMPION if better else CHALLENGER, reason, comparison


def predictions_of(client: MlflowClient, run_id: str) -> Predictions | None:
    """Those that a run kept of its held-back reviews; None where it was deleted or isn't ours to read.

    Raises:
        UserError: if they are there and can't be fetched, as where the disk is full: that decides nothing.
    """
    try:
        files = {file.path for file in client.list_artifacts(run_id)}
    except (MlflowException, RefusedError):
        return None
    if PREDICTIONS not in files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            arrays = read_arrays(Path(client.download_artifacts(run_id, PREDICTIONS, folder)))
        except (MlflowException, OSError) as error:
            raise UserError(f"{PREDICTIONS} of run {run_id} can't be fetched: {reason_of(error)}") from None
    threshold, unknown = (float(arrays.pop(key)) for key in ("threshold", "unknown_share"))
    return Predictions(**arrays, threshold=threshold, unknown_share=unknown)


def _decision_tags(
    champion: ModelVersion | None, reason: str, comparison: Comparison | None
) -> dict[str, Any]:
    tags: dict[str, Any] = {DECISION_TAG: reason} | ({"compared_with": champion.version} if champion else {})
    if comparison is None:
        return tags
    return tags | {
        "comparison.reviews": comparison.reviews,
        "comparison.objective": comparison.rule.objective,
        "comparison.score": f"{comparison.score:.6f}",
        "comparison.champion_score": f"{comparison.champion_score:.6f}",
        "comparison.p_value": f"{comparison.p_value:.6g}",
        "comparison.least_gain": f"{comparison.least_gain:.6f}",
        "comparison.margin": comparison.rule.margin,
        "comparison.level": comparison.rule.level,
    }
