"""Memory over a study: what real networks leave behind in a process, which fits so many."""

import sys
from pathlib import Path

import pytest
import yaml
from toy_project import PROJECT, environment, make_project

from e2e.conftest import Project

FITS = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))["cluster"]["jobs_a_process"]
MEASURE = """
import psutil
from pipeline.params import load_params
from pathlib import Path
from pipeline.stages import train
from pipeline.training.preparation import prepare_data
from pipeline.training.task import fit

params = load_params()
data = prepare_data(params, train.read_splits(), "sha256:1", Path("studies/prepared"))
for trial in range({fits}):
    print(psutil.Process().memory_info().rss, flush=True)
    fit(params, params.seed, data, lambda epoch: None)
"""


@pytest.mark.slow
def test_the_last_fit_of_a_process_starts_with_little_more_memory_than_the_third(tmp_path: Path) -> None:
    tiny = {"cell": "simple_rnn", "depth": 1, "units": 2, "embedding_dim": 2, "dropout": 0.0}
    folder = make_project(tmp_path, {"trials": 1}, model=tiny, train={"epochs": 1})
    measuring = Project(folder, environment(folder, stand_in=False))
    lines = measuring.run(sys.executable, "-c", MEASURE.format(fits=FITS)).stdout.splitlines()
    resident = [int(line) for line in lines if line.isdecimal()]
    assert len(resident) == FITS
    assert resident[-1] <= 1.10 * resident[2]
