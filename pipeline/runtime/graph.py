"""The stages of dvc.yaml, which alone says what each one reads, makes and asks of params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml

DVC_FILE = Path("dvc.yaml")


class Stage(NamedTuple):
    """The files and folders that a stage reads and makes, and the params that change what it makes."""

    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]


def read_stages(file: Path = DVC_FILE) -> dict[str, Stage]:
    """The stages by name, in the file's order; none where there is no such file."""
    if not file.exists():
        return {}
    stages = yaml.safe_load(file.read_text(encoding="utf-8"))["stages"]
    return {
        name: Stage(
            tuple(entry.get("deps", ())),
            tuple(entry.get("params", ())),
            tuple(path for kind in ("outs", "metrics") for out in entry.get(kind, ()) for path in out),
        )
        for name, entry in stages.items()
    }


def makers(name: str, stages: dict[str, Stage]) -> list[str]:
    """The stages that make what stage ``name`` reads, in the file's order."""
    deps = stages[name].deps if name in stages else ()
    return [maker for maker, stage in stages.items() if set(deps) & set(stage.outs)]


def upstream(name: str, stages: dict[str, Stage]) -> list[str]:
    """The same with the makers' own makers, and theirs."""
    found = set(makers(name, stages))
    found |= {earlier for maker in found for earlier in upstream(maker, stages)}
    return [stage for stage in stages if stage in found]
