"""Studies: trials that survive interruption and spread over a cluster. The search of hyperparameters is one.

The only importer of optuna. It reports through an observer, so it knows nothing of MLflow.
"""

from optuna import Trial

from pipeline.tuning.explain import pictures, trials_table, write_pictures
from pipeline.tuning.search import needs_workers, search, search_order
from pipeline.tuning.search_space import SearchSpace, grid_space
from pipeline.tuning.storage import held, studies_folder
from pipeline.tuning.study import SCORE, Search, Study, base_name, code_version, open_grid, open_search
from pipeline.tuning.trials import Observer, Plan, Result, run_trials
from pipeline.tuning.winner import Winner

__all__ = [
    "SCORE",
    "Observer",
    "Plan",
    "Result",
    "Search",
    "SearchSpace",
    "Study",
    "Trial",
    "Winner",
    "base_name",
    "code_version",
    "grid_space",
    "held",
    "needs_workers",
    "open_grid",
    "open_search",
    "pictures",
    "run_trials",
    "search",
    "search_order",
    "studies_folder",
    "trials_table",
    "write_pictures",
]
