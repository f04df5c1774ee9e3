"""Registered versions: packaging, aliases, lineage, rebuilding, and who is champion.

With tracking, serving and commands the only importers of mlflow.
"""
