"""Hyperparameter search: an Optuna study that survives interruption and spreads over processes.

The only importer of optuna. It reports through an observer, so it knows nothing of MLflow.
"""

from pipeline.tuning.explain import pictures, trials_table, write_pictures
from pipeline.tuning.search import search, search_order, work
from pipeline.tuning.storage import studies_folder
from pipeline.tuning.study import SCORE, Study, StudyFinishedError, join_study, open_study
from pipeline.tuning.trials import Fit, Observer
from pipeline.tuning.winner import Winner
from pipeline.tuning.workers import needs_workers

__all__ = [
    "SCORE",
    "Fit",
    "Observer",
    "Study",
    "StudyFinishedError",
    "Winner",
    "join_study",
    "needs_workers",
    "open_study",
    "pictures",
    "search",
    "search_order",
    "studies_folder",
    "trials_table",
    "work",
    "write_pictures",
]
