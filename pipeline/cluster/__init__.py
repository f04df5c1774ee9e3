"""Runs one function over many values: in this process, in processes of this machine, or on a Dask cluster.

The only importer of distributed. It knows nothing of networks, studies or stores.
"""

from pipeline.cluster.jobs import Job, JobResult, Pool, Say, call, run_all
from pipeline.cluster.pool import open_pool, worker_count

__all__ = ["Job", "JobResult", "Pool", "Say", "call", "open_pool", "run_all", "worker_count"]
