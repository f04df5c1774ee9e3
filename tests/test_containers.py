"""Containerfile and .dockerignore, read as a builder reads them: no image is built here."""

import ast
import re
import shlex
from collections.abc import Iterable
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import yaml

from pipeline.commands.serve import serve

PROJECT = Path(__file__).resolve().parents[1]
TEXT = (PROJECT / "Containerfile").read_text(encoding="utf-8")
# The command that serves, and what the processes that it starts run.
SERVING = ("__main__.py", "commands/serve.py", "serving/server.py", "serving/pyfunc_model.py")


def instructions() -> dict[str, list[tuple[str, str]]]:
    """Each stage's instructions and their arguments, those of the stages it builds on first."""
    lines = "\n".join(line for line in TEXT.splitlines() if line.strip() and not line.startswith("#"))
    stages: dict[str, list[tuple[str, str]]] = {}
    for line in lines.replace("\\\n", " ").splitlines():
        name, arguments = line.split(maxsplit=1)
        if name == "FROM":
            image, _, stage = arguments.split()
            stages[stage] = [*stages.get(image, [(name, image)])]
        else:
            stages[stage].append((name, arguments))
    return stages


STAGES = instructions()
DISTRIBUTIONS = packages_distributions()


def of(stage: str, name: str) -> list[str]:
    return [arguments for found, arguments in STAGES[stage] if found == name]


def is_let_in(path: str) -> bool:
    """Whether a file reaches the builder: the last pattern that fits it or a folder above it decides."""
    kept = True
    for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        above = [path, *map(str, PurePosixPath(path).parents)][:-1]
        plain = pattern.removeprefix("**/")
        candidates = above if plain == pattern else [PurePosixPath(name).name for name in above]
        if line and not line.startswith("#") and any(fnmatch(name, plain) for name in candidates):
            kept = line.startswith("!")
    return kept


def test_the_images_are_of_the_projects_python_and_run_as_nobody_special() -> None:
    python = yaml.safe_load((PROJECT / "python_env.yaml").read_text(encoding="utf-8"))["python"]
    assert set(STAGES) == {"base", "train", "serve"}
    for stage in ("train", "serve"):
        ((base, tag),) = [image.split(":") for image in of(stage, "FROM")]
        assert (base, tag) == ("python", f"{python.rpartition('.')[0]}-slim")
        assert STAGES[stage][-1][0] in ("CMD", "ENTRYPOINT")
        assert of(stage, "USER") == ["runner"]
    assert "://" not in TEXT.replace("http://127.0.0.1:5001", "")  # no index, no other host


def test_what_is_copied_is_there_and_let_in() -> None:
    copied = [word for stage in STAGES for line in of(stage, "COPY") for word in line.split()[:-1]]
    assert {"requirements.txt", "pipeline", "params.yaml", "."} == {
        word for word in copied if not word.startswith("--")
    }
    code = [str(path.relative_to(PROJECT)) for path in (PROJECT / "studies").rglob("*.py")]
    for name in ("requirements.txt", "dvc.yaml", "pipeline/serving/server.py", ".dvc/config", *code):
        assert (PROJECT / name).exists() and is_let_in(name), name
    assert is_let_in("studies/depth/claims.yaml")


LEFT_OUT = """
.dvc/config.local .dvc/cache/files/md5/ab/cd .env .git/config .venv/bin/python
data/raw/reviews.npz mine.csv mlflow.db mlruns/1/model.onnx models/stacked_rnn.keras
pipeline/serving/__pycache__/server.cpython-311.pyc reports/metrics.json studies/journal.log
"""


def test_no_data_model_store_or_secret_is_let_in() -> None:
    assert [name for name in LEFT_OUT.split() if is_let_in(name)] == []


def test_the_train_image_has_everything_that_dvc_yaml_and_mlproject_name() -> None:
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    made = {next(iter(out)) for stage in stages.values() for out in stage["outs"]}
    needed = {dep for stage in stages.values() for dep in stage["deps"] if not dep.startswith("$")} - made
    assert [name for name in sorted(needed) if not is_let_in(name)] == []


def test_the_serve_image_has_what_serving_imports_and_no_tensorflow() -> None:
    (install,) = [line for line in of("serve", "RUN") if "pip install" in line]
    assert "--constraint requirements.txt" in install
    installed = set(shlex.split(install.partition("requirements.txt")[2]))
    pins = re.findall(r"^([\w.-]+)==", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert installed <= {pin.lower().replace("_", "-") for pin in pins}
    assert not installed & {"tensorflow", "keras", "dvc"}
    needed = {re.sub("[_.]", "-", name.lower()) for name in third_party(SERVING)}
    where_needed = {"joblib", "sentencepiece", "uvicorn", "uvloop", "httptools"}
    assert needed | where_needed == installed


def third_party(files: Iterable[str]) -> set[str]:
    """The packages that are imported with these files of pipeline/, by them or by modules of ours.

    Not those of imports within functions, nor of types alone.
    """
    seen: set[Path] = set()
    waiting = [PROJECT / "pipeline" / file for file in files]
    found: set[str] = set()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        waiting += [
            folder / "__init__.py" for folder in file.parents if folder.is_relative_to(PROJECT / "pipeline")
        ]
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            module = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in [*module, *(".".join([*module, alias.name]) for alias in node.names)]:
                root, path = name.split(".")[0], PROJECT / name.replace(".", "/")
                if root == "pipeline":
                    waiting += [path.with_suffix(".py"), path / "__init__.py"]
                elif root in DISTRIBUTIONS:  # several may give one package: mlflow, mlflow-tracing
                    found.add(root if root in DISTRIBUTIONS[root] else DISTRIBUTIONS[root][0])
    return found


def test_the_serve_image_starts_a_command_that_exists() -> None:
    (entry,) = of("serve", "ENTRYPOINT")
    words = ast.literal_eval(entry)
    assert words[:4] == ["python", "-m", "pipeline", "serve"]
    context = serve.make_context("serve", words[4:])
    assert context.params["host"] == "0.0.0.0"  # noqa: S104 - inside the container
    assert of("serve", "EXPOSE") == [str(context.params["port"])]
    assert f":{context.params['port']}/ping" in of("serve", "HEALTHCHECK")[0]
    assert serve.make_context("serve", []).params["host"] == "127.0.0.1"
