"""Runs one function over many values: in this process, in processes of this machine, or on a Dask cluster.

The only importer of distributed. It knows nothing of networks, studies or stores.
"""
