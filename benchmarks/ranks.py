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
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import optuna
from scipy.stats import spearmanr

from benchmarks.results import machine, table, write_section
from pipeline.params import Params, Value, load_params
from pipeline.runtime.files import read_json, write_json
from pipeline.runtime.paths import PADDED_DATASET
from pipeline.tuning.sampling import decode, search_space

KEPT = Path("studies/ranks")
SCORES = ("validation_accuracy", "validation_loss")


def main() -> None:
    """Fits all, and writes the section after each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=12)
    found, params, dataset = machine(), load_params(), read_json(PADDED_DATASET)
    params = params.resolved(dataset["sizes"]["train"], dataset["max_length"]).of_labels(dataset["labels"])
    params = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    fits: list[tuple[dict[str, Value], dict[str, float], dict[str, float]]] = []
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for values in networks(params, parser.parse_args().networks):
            short, full = (
                pool.submit(measure, params.replace(values | how)).result()
                for how in ({}, {"tune.epochs": None})
            )
            fits.append((values, short, full))
            print(fits[-1], flush=True)
            write_section("ranks", render(found, params, dataset["name"], fits))


def networks(params: Params, count: int) -> list[dict[str, Value]]:
    """The values of ``count`` networks, none twice, the configured one first."""
    space = search_space(params)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    drawn = [{key: params.flat()[key] for key in space}]
    while len(drawn) < count:
        if (values := decode(study.ask(dict(space)).params)) not in drawn:
            drawn.append(values)
    return drawn


def measure(params: Params) -> dict[str, float]:
    """Scores and seconds of one fit."""
    from pipeline.stages.train import data_of_fits, read_splits  # noqa: PLC0415 - in the process that fits
    from pipeline.training.task import fit  # noqa: PLC0415

    digest = read_json(PADDED_DATASET)["padded_digest"]
    described = json.dumps([params.model_dump(mode="json"), digest], sort_keys=True)
    kept = KEPT / f"{hashlib.sha256(described.encode()).hexdigest()[:16]}.json"
    if not kept.exists():
        data = data_of_fits(params, read_splits(), {"padded_digest": digest})
        started = time.process_time()
        trained = fit(params, params.seed, data, lambda epoch: None)
        scores = {name: trained.best[name] for name in SCORES}
        write_json(kept, scores | {"seconds": time.process_time() - started})
    return {name: float(value) for name, value in read_json(kept).items()}


def render(
    found: str,
    params: Params,
    name: str,
    fits: list[tuple[dict[str, Value], dict[str, float], dict[str, float]]],
) -> str:
    """The section."""
    rows = [
        [
            *(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values.values()),
            *(f"{fit[score]:.4f}" for score in SCORES for fit in (short, full)),
            *(f"{fit['seconds']:,.0f}" for fit in (short, full)),
        ]
        for values, short, full in fits
    ]
    said = []
    for score in SCORES if len(fits) > 2 else ():
        rho, p_value = spearmanr(
            *([fit[score] for fit in each] for each in list(zip(*fits, strict=True))[1:])
        )
        said.append(f"{score.replace('_', ' ')} {rho:.2f} (p = {p_value:.2g})")
    header = [
        *fits[0][0],
        *(f"{score.split('_')[1]}, {how}" for score in SCORES for how in ("short", "full")),
    ]
    about = (
        f"`python -m benchmarks.ranks`; {found}. {name}; a short trial learns {params.tune.reviews} reviews "
        f"{params.tune.epochs} times, a full one as `distill` and `train` say; one seed, validation reviews. "
        f"Spearman's rank correlation over {len(fits)} networks: {', '.join(said)}."
    )
    heading = "## Do short trials rank networks as full trainings do?"
    return f"{heading}\n\n{about}\n\n{table([*header, 'CPU s, short', 'CPU s, full'], rows)}"


if __name__ == "__main__":
    main()
