"""Runs one function over many values: here, in processes of this machine, or on a Dask cluster.

It knows nothing of networks, studies or stores.
"""
