"""The commands that README and the guides show, and what a test does with each.

A command is run as it stands, unless ``NOT_RUN`` says why not: a new one needs no line here.
"""

import ast
import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "examples").glob("*.md"))]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
HEREDOC = re.compile(r"<<'(\w+)'")
SAME = re.compile(r" PORT=\d+$|(?<=tcp://)[\w.]+")  # commands that differ in this alone are run once
PROGRAMS = ("make", "python", "stacked-rnn", "dvc", "mlflow", "dask", "pip", "docker", "optuna-dashboard")

# What a command begins with, and why no test runs it on an ordinary machine. The longest that fits counts.
NOT_RUN = {
    **dict.fromkeys(("docker ", "mlflow models build-docker"), "needs a Docker daemon"),
    **dict.fromkeys(
        ("helm ", "kubectl ", "python - <<'END'\nfrom dask_kubernetes"), "needs a Kubernetes cluster"
    ),
    **dict.fromkeys(
        ("pip install dask-", "pip install '.[", "~/stacked-rnn-env/bin/pip"), "brings packages from an index"
    ),
    "python3.11 -m venv": "makes an environment in the home folder",
    "~/stacked-rnn-env/bin/dask ssh": "needs a second host",
    **dict.fromkeys(("dask scheduler --host one", "dask worker tcp://one"), "needs a host of that name"),
    **dict.fromkeys(("cat > scheduler.py", "python scheduler.py"), "needs Slurm and dask-jobqueue"),
    "optuna-dashboard ": "needs the extra `dashboard`; its second form a PostgreSQL server",
    "dvc exp run -S data.url=": "its hashes are for the reader to fill in",
    **dict.fromkeys(("make bench", "python -m benchmarks."), "measures for minutes"),
    "make accurate": "is `python -m pipeline run --preset accurate`",
    "make test": "runs this test",
    "make lint": "checks the code, as `.ci/run` does before this test",
    "make docs": ".ci/run builds the site",
    "make setup": "installs the environment that this test runs in",
    "make clean": "removes what the next commands need",
    "mlflow models generate-dockerfile": "registry/test_packaging runs it",
    "mlflow run .": "e2e/test_pipeline runs it, with other values",
    **dict.fromkeys(("python -m pipeline rebuild", "curl "), "e2e/test_serving runs it"),
    **dict.fromkeys(("dvc exp show --only", "dvc metrics diff", "dvc plots"), "e2e/test_pipeline runs it"),
}
# Names of commands that stand in a sentence without what they need, or are another project's.
NAMES = {
    "dask ssh",
    "dask worker",
    "dvc checkout",
    "dvc exp run",
    "dvc exp run --temp",
    "dvc exp show",
    "mlflow models serve",
    "mlflow run .",
    "mlflow ui",
    "python -m pipeline",
    "python -m studies compare-cells",
    "python -m pipeline export",
}


@dataclass(frozen=True)
class Command:
    """One command of a page: a line with those that continue it, or with the text that it reads."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """As a shell splits its first line."""
        return shlex.split(self.text.splitlines()[0], comments=True)

    @property
    def reason(self) -> str | None:
        """Why it is not run; None if it is."""
        fitting = [beginning for beginning in NOT_RUN if self.text.startswith(beginning)]
        return NOT_RUN[max(fitting, key=len)] if fitting else None

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0][:60]}"


def commands() -> list[Command]:
    """Every command of every page in its order; one that several pages show is the first page's."""
    found: dict[str, Command] = {}
    for path in PAGES:
        for text in page_commands(path.read_text(encoding="utf-8")):
            found.setdefault(SAME.sub("", text), Command(path.name, text))
    return list(found.values())


def page_commands(page: str, without: Collection[str] = NAMES) -> Iterator[str]:
    """The commands of shell blocks and, between backticks, those of ``PROGRAMS``, in their order."""
    for found in re.finditer(f"{FENCED.pattern}|{INLINE.pattern}", page, FENCED.flags):
        language, block, code = found.groups()
        if language == "sh":
            yield from block_commands(block)
        elif code and code.split()[0] in PROGRAMS and " " in code and code not in without:
            yield code


def block_commands(block: str) -> Iterator[str]:
    """The commands of a shell block, without comments.

    >>> list(block_commands("make ui  # opens\\ncat > a <<'END'\\n# b\\nEND\\ndvc \\\\\\n  dag\\n"))
    ['make ui', "cat > a <<'END'\\n# b\\nEND", 'dvc dag']
    """
    lines = iter(re.sub(r" *\\\n *", " ", block).splitlines())
    for line in lines:
        text = re.sub(r"\s+# .*$", "", line).strip()
        if heredoc := HEREDOC.search(text):
            for inner in lines:
                text += f"\n{inner}"
                if inner == heredoc[1]:
                    break
        if text and not text.startswith("#"):
            yield text


def check_not_run(command: Command) -> None:
    """What can be known of a command without running it, besides its shell syntax and its own options."""
    if HEREDOC.search(command.text):
        ast.parse(command.text.split("\n", 1)[1].rpartition("\n")[0])
    words = command.words
    if words[:2] == ["docker", "build"] and "--target" in words:
        file = (PROJECT / words[words.index("--file") + 1]).read_text(encoding="utf-8")
        assert f" AS {words[words.index('--target') + 1]}\n" in file, words
    for word in words:
        if word.startswith(".["):
            assert f"\n{word[2:-1]} = [" in (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), word
        if word.endswith((".txt", ".py")) and "scheduler.py" not in word:
            assert (PROJECT / word).is_file(), word
    if words[0].rpartition("/")[2] == "dask":
        from distributed.cli import dask_scheduler, dask_ssh, dask_worker  # noqa: PLC0415 - a second

        parsers = {"ssh": dask_ssh, "scheduler": dask_scheduler, "worker": dask_worker}
        parsers[words[1]].main.make_context(words[1], words[2:])
