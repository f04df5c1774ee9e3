"""A project's folder that was moved, renamed or copied: its store still names the old place of the artifacts.

MLflow keeps absolute addresses of artifacts and has no call that changes them; what its maintainers
recommend is to change them in the database. Only addresses below ``OLD/mlruns`` are changed, and only where
the artifacts have come along to ``NEW/mlruns``, or the old folder is gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

# Where MLflow 3 keeps addresses of artifacts. A version's `source` may be models:/..., which has no folder.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow_folder(database: Path) -> None:
    """Points the addresses in ``database``, the store in a project's folder, to where that lies now."""
    folder = database.parent
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        for old in set(_former_folders(connection, folder)):
            new = folder.as_uri() if old.startswith("file:") else str(folder)
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - names of ours
                    f"WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + len("/mlruns/"), f"{old}/mlruns/"),
                )


def _former_folders(connection: sqlite3.Connection, folder: Path) -> Iterator[str]:
    """The project folders, as a path or a file: URI, in which experiments keep artifacts and we are not."""
    rows = connection.execute("SELECT experiment_id, name, artifact_location FROM experiments")
    for identity, name, location in rows:
        for tail in (f"/mlruns/{name}", f"/mlruns/{quote(name)}", f"/mlruns/{identity}"):
            if not location.endswith(tail):
                continue
            root = location.removesuffix(tail)
            old = Path(unquote(urlsplit(root).path) if root.startswith("file:") else root)
            came_along = (folder / "mlruns").exists() or not (old / "mlruns").exists()
            if old.resolve() != folder.resolve() and came_along:
                yield root
            break
