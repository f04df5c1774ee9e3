"""The structure that the code must keep: who imports whom, what dvc.yaml and params.yaml name."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest
import yaml

from pipeline import params as params_module

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "pipeline"

# What changes no result, so that a change there needs no stage to run again.
NOT_A_DEP = {"cluster", "params", "runtime", "tracking", "stages"}
# Where values are used that params derives from others: the `auto` ones, and how recurrent weights start.
USES_DERIVED = {"train", "depth"}
ASKED_FOR_RIGHTS = {"train": {"registry"}}  # before it starts: no number of its depends on the answer


def module_name(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(name: str) -> set[str]:
    """Every module named in an import of the module, the functions' own imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports(name: str) -> set[str]:
    return {found for found in imports_of(name) if found in MODULES and found != "pipeline"}


def room(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("optuna", {"tuning"}),
        ("distributed", {"cluster"}),
        ("mlflow", {"tracking", "registry", "serving", "interface", "commands"}),
        (
            "keras",
            {"networks", "training", "stages", "serving", "registry", "interface"},
        ),
        ("sklearn", {"evaluation", "monitoring"}),
        ("matplotlib", {"runtime", "reporting", "tuning"}),
    ],
)
def test_a_library_is_imported_in_its_room_only(library: str, rooms: set[str]) -> None:
    users = {
        room(name)
        for name in MODULES
        if any(found == library or found.startswith(f"{library}.") for found in imports_of(name))
    }
    assert users <= rooms


def closure(name: str) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        for other in own_imports(current) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


STAGES = ("download", "pad", "train", "evaluate")


@pytest.mark.parametrize(
    ("file", "stage", "module"), [("dvc.yaml", stage, f"pipeline.stages.{stage}") for stage in STAGES]
)
def test_dvc_deps_are_the_real_imports(file: str, stage: str, module: str) -> None:
    deps = yaml.safe_load((PROJECT / file).read_text())["stages"][stage]["deps"]
    code = {dep for dep in deps if dep.startswith("pipeline/")}
    needed = {str(MODULES[module].relative_to(PROJECT))}
    for name in closure(module) - {module}:
        aside = NOT_A_DEP | ASKED_FOR_RIGHTS.get(stage, set())
        if room(name) in aside - ({"params"} if stage in USES_DERIVED else set()):
            continue
        path = MODULES[name].relative_to(PROJECT)
        package = Path("pipeline") / room(name)
        needed.add(str(package if (PROJECT / package).is_dir() and room(name) != "stages" else path))
    assert code == needed


def test_stages_are_named_alike_everywhere() -> None:
    stages = list(yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"])
    assert stages == list(STAGES)
    for stage in stages:
        assert (PACKAGE / "stages" / f"{stage}.py").is_file()


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
    unread = [
        f"{section}.{key}"
        for section, values in tree.items()
        if isinstance(values, dict)
        for key in values
        if key not in read | through_property
    ]
    assert unread == []


def test_errors_are_raised_and_caught_narrowly() -> None:
    """No `assert` as a check and no bare or broad `except` in the package."""
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Assert), name
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                assert reraises or caught not in {"everything", "Exception", "BaseException"}, name


def test_params_schema_and_file_have_the_same_keys() -> None:
    tree = yaml.safe_load((PROJECT / "params.yaml").read_text())
    assert set(tree) == set(params_module.Params.model_fields)


def test_the_drawing_of_the_rooms_is_of_the_real_imports() -> None:
    rooms = runpy.run_path(str(PROJECT / "docs" / "rooms.py"))
    assert rooms["DRAWING"].read_text(encoding="utf-8") == rooms["draw"](), "run python docs/rooms.py"
