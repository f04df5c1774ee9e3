"""The structure that the code must keep: who imports whom, what dvc.yaml and params.yaml name."""

import ast
import runpy
from pathlib import Path

import grimp
import pytest
import yaml

from pipeline import __main__
from pipeline.params import Params

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "pipeline"
STAGES = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
IMPORTS = grimp.build_graph("pipeline", include_external_packages=True, cache_dir=None)

# What changes no result, so that a change there needs no stage to run again. But `train` uses values that
# params derives from others, the `auto` ones and how recurrent weights start; and it asks for rights before
# it starts, which no number of its depends on.
NOT_A_DEP = {"cluster", "params", "runtime", "tracking", "stages"}
ASIDE = dict.fromkeys(STAGES, NOT_A_DEP) | {"train": NOT_A_DEP - {"params"} | {"registry"}}


def room(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("optuna", {"tuning"}),
        ("distributed", {"cluster"}),
        ("mlflow", {"tracking", "registry", "serving", "interface", "commands"}),
        ("keras", {"networks", "training", "stages", "serving", "registry", "interface"}),
        ("sklearn", {"evaluation", "monitoring"}),
        ("matplotlib", {"runtime", "reporting", "tuning"}),
    ],
)
def test_a_library_is_imported_in_its_room_only(library: str, rooms: set[str]) -> None:
    assert set(map(room, IMPORTS.find_modules_that_directly_import(library))) <= rooms


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_deps_are_the_real_imports(stage: str) -> None:
    module = f"pipeline/stages/{stage}.py"
    assert (PROJECT / module).is_file()
    needed = {module}
    for name in IMPORTS.find_upstream_modules(f"pipeline.stages.{stage}"):
        if name.startswith("pipeline.") and room(name) not in ASIDE[stage]:
            is_package = (PACKAGE / room(name)).is_dir()
            needed.add(f"pipeline/{room(name)}{'' if is_package else '.py'}")
    assert {dep for dep in STAGES[stage]["deps"] if dep.startswith("pipeline/")} == needed


def test_the_command_line_has_the_stages_of_dvc_yaml() -> None:
    assert list(__main__.STAGES) == list(STAGES)


def test_every_parameter_is_read_somewhere() -> None:
    """A key of params.yaml that no code reads as an attribute is dead."""
    read = {
        node.attr
        for path in [*PACKAGE.rglob("*.py"), *(PROJECT / "studies").rglob("*.py")]
        if "params" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    # Read in the schema itself: by a property of the section, or by the check of a combination.
    through_property = {"units", "source", "skip_projection", "patience"}
    tree = yaml.safe_load((PROJECT / "params.yaml").read_text())
    assert set(tree) == set(Params.model_fields)
    keys = [key for values in tree.values() if isinstance(values, dict) for key in values]
    assert [key for key in keys if key not in read | through_property] == []


def test_the_drawing_of_the_rooms_is_of_the_real_imports() -> None:
    rooms = runpy.run_path(str(PROJECT / "docs" / "rooms.py"))
    assert rooms["DRAWING"].read_text(encoding="utf-8") == rooms["draw"](), "run python docs/rooms.py"
