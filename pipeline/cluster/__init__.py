"""Runs one function over many values: in this process, in processes of this machine, or on a Dask cluster.

The only importer of distributed. It knows nothing of networks, studies or stores.
"""

from pipeline.cluster.jobs import Job, JobList, Jobs, JobStoppedError, OnMessage, Outcome
from pipeline.cluster.pool import Pool, needs_processes, open_pool, worker_count

__all__ = [
    "Job",
    "JobList",
    "JobStoppedError",
    "Jobs",
    "OnMessage",
    "Outcome",
    "Pool",
    "needs_processes",
    "open_pool",
    "worker_count",
]
