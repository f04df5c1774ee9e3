"""The stages of dvc.yaml, which alone says what each one reads, makes and asks of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

DVC_FILE = Path("dvc.yaml")


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        deps: the files and folders that it reads.
        params: the keys and sections of params.yaml that change what it makes.
        outs: the files and folders that it makes.
    """

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
    deps = set(stages[name].deps) if name in stages else set()
    return [maker for maker, stage in stages.items() if deps & set(stage.outs)]


def upstream(name: str, stages: dict[str, Stage]) -> list[str]:
    """The same with the makers' own makers, and theirs."""
    found = set(makers(name, stages))
    found |= {earlier for maker in found for earlier in upstream(maker, stages)}
    return [stage for stage in stages if stage in found]
