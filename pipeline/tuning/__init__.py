"""Studies: trials that survive interruption and spread over a cluster. The search of hyperparameters is one.

The only importer of optuna. What is logged goes through tracking.
"""
