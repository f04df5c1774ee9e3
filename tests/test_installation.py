"""The project as a package: what `pip install .` brings."""

import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import pipeline

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from the files that git would have, so that nothing else can slip in."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "pipeline"]
    names = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in ("pyproject.toml", "README.md", "LICENSE", *filter(None, names)):
        if (PROJECT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((PROJECT / name).read_bytes())
    build = "import setuptools.build_meta as backend; backend.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=folder / "source", capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    files = {path for path in (PROJECT / "pipeline").rglob("*") if path.is_file()}
    expected = {str(path.relative_to(PROJECT)) for path in files if "__pycache__" not in path.parts}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected
    assert "pipeline/py.typed" in expected  # PEP 561: without it an installed package counts as untyped


def test_the_wheel_has_the_command_the_extras_and_the_version(wheel: zipfile.ZipFile) -> None:
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "stacked-rnn = pipeline.__main__:main" in wheel.read(points).decode()
    (described,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(described))
    assert metadata["Version"] == pipeline.__version__
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    assert len(metadata.get_all("Requires-Dist", [])) >= len(project["dependencies"])
