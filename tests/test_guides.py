"""README and guides: every command, parameter, YAML block and file that they name exists.

Commands are parsed by the parsers that would run them; ``e2e/test_guides_run`` runs them.
"""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from dvc.cli.parser import get_main_parser

from e2e.guide_commands import FENCED, INLINE, PAGES, page_commands
from pipeline.__main__ import cli
from pipeline.commands.run import parse_options
from pipeline.params import load_params, preset_names

PROJECT = Path(__file__).resolve().parents[1]
GUIDES = [*PAGES, PROJECT / "CONTRIBUTING.md"]
SHIPPED = load_params(PROJECT / "params.yaml")
SEARCHED = {f"tune.search_space.{key}" for key in SHIPPED.flat() if key.startswith(("model.", "train."))}
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
ENTRY_POINTS = yaml.safe_load((PROJECT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
STAGES = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

SECTIONS = "|".join(name for name, value in SHIPPED.model_dump().items() if isinstance(value, dict))
PARAMETER = re.compile(rf"(?!mlflow\.db)((?:{SECTIONS})\.[a-z_0-9.]+)(?:: (.+))?")


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command in shell blocks and between backticks, without what is piped or commented."""
    for command in page_commands(text, without=()):
        for part in re.split(r"&&| \| ", command.splitlines()[0]):
            words = shlex.split(part, comments=True)
            if words and words[0] in CHECKS:
                yield words


def _make(words: list[str]) -> None:
    assert {word for word in words if "=" not in word} <= TARGETS, words


def _python(words: list[str]) -> None:
    if words[:2] == ["-m", "pipeline"]:
        _pipeline(words[2:])
    elif words[0] == "-m" and words[1].startswith("benchmarks."):
        assert (PROJECT / f"{words[1].replace('.', '/')}.py").is_file(), words
    elif words[0].endswith(".py"):
        assert (PROJECT / words[0]).is_file(), words


def _pipeline(words: list[str]) -> None:
    if not words or words[0].startswith("-"):
        cli.make_context("stacked-rnn", words or ["--traceback", "run"])
        return
    name, *arguments = words
    context = click.Context(cli)
    assert name in cli.list_commands(context), f"there is no command {name}"
    command = cli.get_command(context, name) if arguments else None  # which imports what it needs
    if command is None:
        return
    context = command.make_context(name, arguments)
    if name == "run":
        preset = context.params["preset"]
        assert preset is None or preset in preset_names(PROJECT / "presets"), f"there is no preset {preset}"
        SHIPPED.replace(parse_options(context.args))


def _dvc(words: list[str]) -> None:
    parsed = get_main_parser().parse_args(words)
    for target in [word for word in getattr(parsed, "targets", None) or [] if words[0] == "repro"]:
        assert target in STAGES or (PROJECT / target).is_file(), f"there is no stage {target}"
    for change in getattr(parsed, "set_param", None) or []:
        key, _, value = change.lstrip("~").partition("=")
        _check_parameter(key, value)


def _mlflow(words: list[str]) -> None:
    if words[0] != "run":
        return
    entry = ENTRY_POINTS[words[words.index("-e") + 1] if "-e" in words else "main"]
    for option, value in pairwise(words):
        if option == "-P":
            key, _, text = value.partition("=")
            assert key in entry.get("parameters", {}) or "." in key, f"MLproject has no parameter {key}"
            if "." in key:
                _check_parameter(key, text)


CHECKS = {"make": _make, "python": _python, "stacked-rnn": _pipeline, "dvc": _dvc, "mlflow": _mlflow}


def _check_parameter(key: str, value: str = "") -> None:
    """That ``key`` is one, or a part of one; and that ``value``, where it is written out, can be used."""
    keys = SHIPPED.flat()
    if key.startswith("tune.search_space."):  # an end of a range belongs to its key
        key = key.removesuffix(".low").removesuffix(".high")
    assert any(f"{known}.".startswith(f"{key}.") for known in {*keys, *SEARCHED}), key
    if key in keys and value and "..." not in value:
        SHIPPED.replace(parse_options([f"--{key}", value]))


OF_EACH_GUIDE = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)


@OF_EACH_GUIDE
def test_every_command_parses(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    for command, *words in _commands(text):
        if words and f"cat > {words[0]} " in text:
            continue  # a script of the guide's own
        try:
            CHECKS[command](words)
        except (SystemExit, Exception) as error:  # noqa: BLE001 - of click, of DVC, or an assertion of ours
            pytest.fail(f"{shlex.join([command, *words])}: {error or type(error).__name__}")


@OF_EACH_GUIDE
def test_every_parameter_and_linked_file_exists_and_takes_the_value(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    for code in INLINE.findall(FENCED.sub("", text)):
        if named := PARAMETER.fullmatch(code):
            _check_parameter(named[1], named[2] or "")
    for language, block in FENCED.findall(text):
        if language == "yaml":
            SHIPPED.replace(dict(_flat(yaml.safe_load(block))), guide.name)
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("http") or (guide.parent / target).exists(), target


def test_the_checks_find_what_is_wrong() -> None:
    """Else a guide without a recognized command would pass as well as one without a mistake."""
    for wrong in ("make nothing", "python -m pipeline predictt", "python -m pipeline registry --jsonn"):
        (words,) = _commands(f"`{wrong}`")
        with pytest.raises((AssertionError, click.ClickException)):
            CHECKS[words[0]](words[1:])
    for key in ("model.depht", "tune.search_space.model.depht"):
        with pytest.raises(AssertionError):
            _check_parameter(key)


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and key not in ("search_space", "labels"):  # values themselves
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
