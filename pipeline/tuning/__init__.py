"""Studies: trials that survive interruption and spread over a cluster. The search of hyperparameters is one.

The only importer of optuna. What is logged goes through tracking.
"""

from pipeline.tuning.explain import pictures, trials_table, write_pictures
from pipeline.tuning.grid import RECORD, Grid, Point, run_grid
from pipeline.tuning.progress import Progress
from pipeline.tuning.sampling import SearchSpace, grid_space
from pipeline.tuning.search import Winner, search, search_order
from pipeline.tuning.storage import held, studies_folder
from pipeline.tuning.study import Search, Study, open_grid, open_search
from pipeline.tuning.trials import Result

__all__ = [
    "RECORD",
    "Grid",
    "Point",
    "Progress",
    "Result",
    "Search",
    "SearchSpace",
    "Study",
    "Winner",
    "grid_space",
    "held",
    "open_grid",
    "open_search",
    "pictures",
    "run_grid",
    "search",
    "search_order",
    "studies_folder",
    "trials_table",
    "write_pictures",
]
