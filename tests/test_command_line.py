"""What the command line says and how it ends, whichever command it is."""

import errno
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

import pipeline
from pipeline.__main__ import cli
from pipeline.runtime.errors import UserError
from plain import plain_text

PROJECT = Path(__file__).resolve().parents[1]


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="stacked-rnn")


def failing(error: BaseException) -> Any:
    """Lets the command line have a command `fail` that raises it."""
    command = click.Command("fail", callback=Mock(side_effect=error))
    return patch.dict(cli.commands, fail=command)


def fail(error: BaseException, *options: str) -> Result:
    with failing(error):
        return call(*options, "fail")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("predict --input in --output out --workers 0", "a number from 1 on, or auto, but is 0"),
        ("predict --input in --output out --workers many", "a number from 1 on, or auto, but is many"),
        ("predict '-- not one good scene' '-bad film'", "A text that begins with a dash goes behind two"),
        ("evalute", "No such command 'evalute'. Did you mean 'evaluate'?"),
        ("registery", "No such command 'registery'. Did you mean 'registry'?"),
        ("roll-back", "No such command 'roll-back'. Did you mean 'rollback'?"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_what_can(words: str, said: str) -> None:
    result = call(*shlex.split(words))
    assert result.exit_code == 2
    assert said.lower() in result.output.lower()


def test_the_version_is_the_packages() -> None:
    assert call("--version").output == f"stacked-rnn, version {pipeline.__version__}\n"


def error_of(number: int, file: str, target: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), file, None, target)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("params.yaml: model.depth is 9: give 8 or less"), "params.yaml: model.depth is 9: give 8"),
        (error_of(errno.ENOSPC, "m.keras"), "m.keras: No space left on device: free some space"),
        (error_of(errno.ENOSPC, "source", "copy"), "copy: No space left on device: free some space"),
        (MemoryError("Unable to allocate 9 GiB"), "memory is short: Unable to allocate 9 GiB; run fewer"),
    ],
)
def test_what_the_user_can_put_right_is_one_line(error: Exception, said: str) -> None:
    result = fail(error)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {said}")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "options"),
    [(ValueError("shapes (3,)"), ()), (KeyError("digest"), ()), (UserError("9"), ("--traceback",))],
)
def test_a_fault_of_the_code_keeps_its_traceback(error: Exception, options: tuple[str, ...]) -> None:
    """It leaves the command line as it was raised, so Python prints where."""
    assert fail(error, *options).exception is error


def test_a_broken_pipe_that_is_not_of_what_is_printed_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is a file here, as CliRunner's isn't."""
    broken = pytest.raises(click.ClickException, match="worker: Broken pipe")
    with failing(error_of(errno.EPIPE, "worker")), broken:
        cli.main(["fail"], standalone_mode=False)


@pytest.mark.parametrize("printed", ["click.echo(line)", "Console().print(line)"])
def test_a_command_whose_reader_leaves_ends_without_a_word(printed: str) -> None:
    """As in `trace | head -1`."""
    code = f"""
import click
from rich.console import Console
from pipeline.__main__ import cli

@cli.command()
def much():
    for line in map(str, range(100_000)):
        {printed}

cli(["much"])
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 128 + signal.SIGPIPE)


def completions(*words: str, incomplete: str) -> list[str]:
    completer = ShellComplete(cli, {}, "stacked-rnn", "_STACKED_RNN_COMPLETE")
    return [item.value for item in completer.get_completions(list(words), incomplete)]


def test_the_shell_completes_commands_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert completions(incomplete="re") == ["registry", "rebuild"]
    assert completions("run", incomplete="--model.dep") == ["--model.depth"]
    assert "--until" in completions("run", incomplete="--u")


@pytest.mark.parametrize(
    ("code", "slow"),
    [
        ("import pipeline", {"numpy", "pydantic", "keras"}),
        (
            "import pipeline.stages.download, pipeline.stages.pad",  # they start in well under a second
            {"tensorflow", "keras", "mlflow", "sklearn", "scipy", "optuna", "pandas"},
        ),
        (
            "from click.shell_completion import ShellComplete; from pipeline.__main__ import cli;"
            "ShellComplete(cli, {}, 'stacked-rnn', '_STACKED_RNN_COMPLETE').get_completions([], 'pre')",
            {"mlflow", "tensorflow", "keras"},
        ),
    ],
)
def test_nothing_slow_is_imported_before_it_is_needed(code: str, slow: set[str]) -> None:
    words = [sys.executable, "-c", f"import sys; {code}; print({slow} & set(sys.modules))"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("stage", "missing", "maker"),
    [("train", "data/padded/train.npz", "pad"), ("evaluate", "data/raw/reviews.npz", "download")],
)
def test_a_stage_without_its_inputs_is_told_the_maker(
    stage: str, missing: str, maker: str, here: Path
) -> None:
    for file in ("params.yaml", "dvc.yaml"):
        (here / file).write_text((PROJECT / file).read_text())
    result = call(stage)
    assert result.exit_code == 1
    said = f"Error: {stage} needs {missing}, which is not there: run `dvc repro {maker}`"
    assert result.output.startswith(said)
    assert {path.name for path in here.iterdir()} == {"params.yaml", "dvc.yaml"}


def test_a_fault_in_the_users_file_is_two_lines(here: Path) -> None:
    """The row's, and what to do with such rows."""
    (here / "params.yaml").write_text(plain_text(data={"source": "file", "path": "mine.csv"}))
    (here / "mine.csv").write_text("text,label\nFine.,1\nDull.,0\nBad, bad,0\n")
    result = call("download")
    assert result.exit_code == 1
    assert result.output.startswith("Error: mine.csv, line 4: has 3 fields, but the first has 2")
    assert result.output.count("\n") == 2
