"""Do short trials rank networks as full trainings do? Rank correlation over points of the search space.

The configured network and others drawn at random from `tune.search_space` are fitted twice with one seed, on
the data of the last run: as a trial of the study (`tune.epochs`, `tune.reviews`), and in full. What is
compared is what a study sees, the validation reviews. Each fit is kept, and not done again.

    python -m benchmarks.ranks --networks 12
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import optuna
from scipy.stats import spearmanr

from benchmarks.measure import measure
from benchmarks.results import Section, table
from pipeline.params import Params, Value, load_params
from pipeline.runtime.files import read_json, write_json
from pipeline.runtime.paths import PADDED_DATASET
from pipeline.tuning.sampling import decode, search_space

KEPT = Path("studies/ranks")
SCORES = ("validation_accuracy", "validation_loss")
Fits = tuple[dict[str, Value], dict[str, float], dict[str, float]]  # values, of the short and of the full fit


def main() -> None:
    """Fits all, and writes the section after each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=12)
    section = Section("ranks", "Do short trials rank networks as full trainings do?")
    params, dataset = load_params(), read_json(PADDED_DATASET)
    params = params.resolve(dataset["sizes"]["train"], dataset["max_length"]).of_labels(dataset["labels"])
    params = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    fits: list[Fits] = []
    for values in networks(params, parser.parse_args().networks):
        both = (params.replace(values | how) for how in ({}, {"tune.epochs": None}))
        short, full = (measure(fit_network, params=each) for each in both)
        fits.append((values, short, full))
        section.write(*describe(params, dataset["name"], fits))


def networks(params: Params, count: int) -> list[dict[str, Value]]:
    """The values of ``count`` networks, none twice, the configured one first."""
    space = search_space(params)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    drawn = [{key: params.flat()[key] for key in space}]
    while len(drawn) < count:
        if (values := decode(study.ask(dict(space)).params)) not in drawn:
            drawn.append(values)
    return drawn


def fit_network(params: Params) -> dict[str, float]:
    """Scores and CPU seconds of one fit."""
    from pipeline.stages.train import read_splits  # noqa: PLC0415 - in the process that fits
    from pipeline.training.preparation import prepare_data  # noqa: PLC0415
    from pipeline.training.task import fit  # noqa: PLC0415

    digest = read_json(PADDED_DATASET)["padded_digest"]
    described = json.dumps([params.model_dump(mode="json"), digest], sort_keys=True)
    kept = KEPT / f"{hashlib.sha256(described.encode()).hexdigest()[:16]}.json"
    if not kept.exists():
        data = prepare_data(params, read_splits(), digest, Path("studies/prepared"))
        started = time.process_time()
        trained = fit(params, params.seed, data, lambda epoch: None)
        scores = {name: trained.best[name] for name in SCORES}
        write_json(kept, scores | {"seconds": time.process_time() - started})
    return {name: float(value) for name, value in read_json(kept).items()}


def describe(params: Params, name: str, fits: Sequence[Fits]) -> tuple[str, str]:
    """What was measured, with the correlations, and the table."""
    said = []
    for score in SCORES if len(fits) > 2 else ():
        rho, p_value = spearmanr(*([fits_of[how][score] for fits_of in fits] for how in (1, 2)))
        said.append(f"{score.replace('_', ' ')} {rho:.2f} (p = {p_value:.2g})")
    about = (
        f"{name}; a short trial learns {params.tune.reviews} reviews {params.tune.epochs} times, a full one "
        "as `distill` and `train` say; one seed, validation reviews. Spearman's rank correlation over "
        f"{len(fits)} networks: {', '.join(said)}."
    )
    header = [
        *fits[0][0],
        *(f"{score.split('_')[1]}, {how}" for score in SCORES for how in ("short", "full")),
        *("CPU s, short", "CPU s, full"),
    ]
    rows = [
        [
            *(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values.values()),
            *(f"{fit[score]:.4f}" for score in SCORES for fit in (short, full)),
            *(f"{fit['seconds']:,.0f}" for fit in (short, full)),
        ]
        for values, short, full in fits
    ]
    return about, table(header, rows)


if __name__ == "__main__":
    main()
