"""The command line: ``stacked-rnn COMMAND``, or ``python -m pipeline COMMAND`` in a checkout. Thin: it reads
params.yaml and calls one function.

What the user can put right (``UserError``, ``OSError``) ends as one message; ``--traceback`` shows where it
came from. Anything else is a fault of the code and keeps its traceback.
"""

from __future__ import annotations

import importlib

import click
from click.exceptions import NoSuchCommand
from click.shell_completion import CompletionItem

from pipeline import __version__
from pipeline.commands import OneMessage
from pipeline.commands.run import launch, parse_options
from pipeline.params import load_params
from pipeline.stages import run_stage

STAGES = {
    "download": "Bring the reviews: data.source -> data/raw.",
    "pad": "Encode, split and pad them: data/raw -> data/padded.",
    "train": "Tune and train the stack: data/padded -> models, reports/train.json.",
    "evaluate": "Test and register it: -> reports/metrics.json, the MLflow registry.",
}


# Command: the module and name of what it runs, and its line of `--help`. Imported when called, since
# these need MLflow and download and pad do not.
COMMANDS = {
    "check": ("pipeline.commands.check:check", "Look at a file of reviews before training on it."),
    "suggest": ("pipeline.commands.suggest:suggest", "Pick the texts to label next."),
    "predict": ("pipeline.commands.predict:predict", "Label texts with the champion."),
    "monitor": ("pipeline.commands.monitor:monitor", "Compare new reviews with those of a version."),
    "serve": ("pipeline.commands.serve:serve", "Serve the champion over HTTP on loopback."),
    "ui": ("pipeline.commands.serve:ui", "Open MLflow's pages: runs, trials, registered models."),
    "compare": ("pipeline.commands.compare:compare", "Show experiments beside each other."),
    "export": ("pipeline.commands.registry:export", "Write a version as ONNX, with an example."),
    "registry": ("pipeline.commands.registry:list_versions", "List the registered versions."),
    "promote": ("pipeline.commands.registry:promote", "Make a version the champion."),
    "rollback": ("pipeline.commands.registry:rollback", "Make the champion's predecessor champion again."),
    "trace": ("pipeline.commands.registry:trace", "Print what made a version."),
    "rebuild": ("pipeline.commands.registry:rebuild", "Train a version again and compare the metrics."),
}


class Pipeline(OneMessage):
    """The group of all commands; imports those of ``COMMANDS`` when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands."""
        return [*super().list_commands(context), *COMMANDS]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return super().get_command(context, name)
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; where there is none, the error names those with a similar name."""
        try:
            return super().resolve_command(context, args)
        except NoSuchCommand:
            raise NoSuchCommand(args[0], possibilities=self.list_commands(context), ctx=context) from None

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes commands without importing them, since some take seconds."""
        named = [
            CompletionItem(name, help=text)
            for name, text in self._descriptions()
            if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, context, incomplete)]

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(self._descriptions())

    def _descriptions(self) -> list[tuple[str, str]]:
        own = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        return [*own, *((name, text) for name, (_, text) in COMMANDS.items())]


@click.group(cls=Pipeline, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stacked-rnn")
@click.option("--traceback", is_flag=True, help="Show the Python traceback of an error.")
def cli(traceback: bool) -> None:
    """A tuned, tracked, evaluated and registered stacked recurrent network."""
    del traceback  # read from the context, where the group handles errors


def _add_stage(name: str, text: str) -> None:
    @cli.command(name=name, help=text)
    def stage() -> None:
        run_stage(name, load_params())


for _name, _text in STAGES.items():
    _add_stage(_name, _text)


class WithParameters(click.Command):
    """A command that every parameter of params.yaml is an option of."""

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes ``--SECTION.KEY``."""
        keys = (f"--{key}" for key in load_params().flat())
        own = super().shell_complete(context, incomplete)
        return [*own, *(CompletionItem(key) for key in keys if key.startswith(incomplete))]


@cli.command(
    cls=WithParameters,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    short_help="Run the four stages with other values: run --model.depth 3.",
)
@click.option("--until", type=click.Choice(list(STAGES)), help="The last stage to run.")
@click.option("--preset", metavar="NAME", help="Take the values of presets/NAME.yaml; options win.")
@click.pass_context
def run(context: click.Context, until: str | None, preset: str | None) -> None:
    """Run the four stages with DVC; every parameter is an option: --SECTION.KEY VALUE.

    All values are judged before any work. Values that differ from params.yaml go through
    `dvc exp run -S`, which writes them there.
    """
    last = list(STAGES)[-1]  # which is the whole pipeline
    raise SystemExit(launch(parse_options(context.args), None if until == last else until, preset))


def main() -> None:
    """The console command ``stacked-rnn``."""
    cli(prog_name="stacked-rnn")


if __name__ == "__main__":
    cli(prog_name="python -m pipeline")
