"""Which commit the code is at, and whether it is that commit's code."""

from __future__ import annotations

import subprocess
from pathlib import Path

# What decides a run's numbers; the params are recorded with it, and the data by its hash.
CODE = ("pipeline", "dvc.yaml", "requirements.txt")


def git(*arguments: str, folder: Path | None = None) -> str:
    """What git prints; nothing where there is no repository or no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def head_commit() -> str:
    """The commit that is checked out; nothing where there is none."""
    return git("rev-parse", "HEAD")


def changed_code() -> list[str]:
    """Files of ``CODE`` that differ from the commit, untracked ones among them."""
    lines = git("status", "--porcelain", "--untracked-files=all", "--", *CODE).splitlines()
    return [line.split(maxsplit=1)[1] for line in lines]
