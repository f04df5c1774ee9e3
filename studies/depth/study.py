"""The whole study: fit what is missing, judge the claims, draw, and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.probabilities import right
from pipeline.params import Params
from pipeline.reviews.ragged import Ragged
from pipeline.reviews.splitting import SPLITS
from pipeline.runtime.files import read_arrays, read_json, write_json, write_text
from pipeline.runtime.live import wrap
from pipeline.runtime.paths import DEPTH_DIR, DEPTH_REPORT, DEPTH_SUMMARY, PADDED_DATASET, padded_split
from pipeline.training.task import data_of
from studies.depth import pictures, report, tables
from studies.depth.claims import guess_scores, judge
from studies.depth.fits import grid, last_words, run_study


def run(params: Params) -> None:
    """Reads data/padded; fits what the study lacks; writes reports/depth and logs it all to MLflow.

    Raises:
        ParamsError: if the params can't be used for one of the fits.
        InterruptedError, UserError: see ``run_study``.
    """
    dataset = read_json(PADDED_DATASET)
    params = params.of_labels(dataset["labels"])
    fitted = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    fits = grid(params.depth)
    for fit in fits:
        fit.configure(params)  # all are judged before any is run
    splits = {split: read_arrays(padded_split(split)) for split in SPLITS}
    with run_study("depth", fitted, dataset, fits, data_of(splits)) as (parent, records):
        baseline, findings = _baseline(params, splits), judge(records, dataset)
        tables.write(records, findings, DEPTH_DIR)
        drawn = pictures.write(records, dataset["name"], baseline["validation_accuracy"], DEPTH_DIR)
        write_json(DEPTH_SUMMARY, tables.summary(records, findings, baseline, guess_scores(dataset)))
        page = report.render_report(params, dataset, records, findings, baseline, drawn)
        write_text(DEPTH_REPORT, page)
        parent.log_file(DEPTH_DIR, DEPTH_DIR.name)
        p_values = {f"claim_{finding.claim.key}_p": finding.corrected for finding in findings}
        parent.log_metrics({key: value for key, value in p_values.items() if value is not None})
        parent.log_metrics({f"baseline_{key}": value for key, value in baseline.items()})
        parent.set_tags({f"claim.{finding.claim.key}": finding.verdict for finding in findings})
        for finding in findings:
            print(wrap(f"{finding.verdict:>12}  {finding.claim.statement}"))
        print(f"the report is {DEPTH_REPORT}")


def _baseline(params: Params, arrays: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Validation and test accuracy of the better n-gram baseline on validation."""
    reviews = {
        split: Ragged.from_padded(last_words(values["token_ids"], params.depth.tokens))
        for split, values in arrays.items()
    }
    labels = arrays["train"]["labels"]
    fitted = fit_baselines(reviews["train"], labels, params.evaluate.baseline_ngrams, params.seed)
    scores = []
    for model in fitted.values():
        hits = {
            name: right(arrays[name]["labels"], model.predict_proba(reviews[name])) for name in SPLITS[1:]
        }
        scores.append({f"{split}_accuracy": float(found.mean()) for split, found in hits.items()})
    return max(scores, key=lambda score: score["validation_accuracy"])
