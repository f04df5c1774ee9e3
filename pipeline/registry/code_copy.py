"""The code that a registered version takes along, in a package whose name no other code has.

MLflow puts a version's code first on `sys.path`. Were the package called `pipeline`, the first version loaded
in a process would answer for all later ones, and for anybody's own package of that name.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

_NAME = "stacked_rnn_"  # then a digest of the code


def copy_code(package: Path, module: Path, folder: Path) -> tuple[Path, Path]:
    """Writes a module, and the package of all that it imports of ``package``, into ``folder``.

    The copy's imports name the new package, `stacked_rnn_DIGEST`: the same code has the same name.

    Args:
        package: the folder of the package `pipeline`.
        module: a file in it, which is to be run on its own.
        folder: where to.

    Returns:
        The copy of ``module``, and the new package's folder.
    """
    files = sorted(_imported(package, module, set()) | {package / "__init__.py"})
    sources = {file.relative_to(package): file.read_text(encoding="utf-8") for file in files}
    digest = hashlib.sha256()
    for path, source in sources.items():
        digest.update(f"{path.as_posix()}\0{source}\0".encode())
    name = _NAME + digest.hexdigest()[:16]
    for path, source in sources.items():
        _write(folder / name / path, _renamed(source, package.name, name))
    copied = folder / module.name
    _write(copied, _renamed(module.read_text(encoding="utf-8"), package.name, name))
    return copied, folder / name


def _imported(package: Path, file: Path, seen: set[Path]) -> set[Path]:
    """The package's files that ``file`` imports, and what those import, with the packages they lie in."""
    for imported in _own_imports(package, file):
        if imported in seen:
            continue
        seen.add(imported)
        seen |= {folder / "__init__.py" for folder in imported.parents if package in folder.parents}
        _imported(package, imported, seen)
    return seen


def _own_imports(package: Path, file: Path) -> Iterator[Path]:
    """What ``from pipeline.room.module import ...`` and ``from pipeline.room import module`` name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        root, *parts = node.module.split(".")
        if root != package.name:
            continue
        target = package.joinpath(*parts)
        if target.with_suffix(".py").is_file():
            yield target.with_suffix(".py")
        else:
            yield target / "__init__.py"
            names = (target / f"{alias.name}.py" for alias in node.names)
            yield from (path for path in names if path.is_file())


def _renamed(source: str, old: str, new: str) -> str:
    return re.sub(rf"^(\s*from ){old}\b", rf"\g<1>{new}", source, flags=re.MULTILINE)


def _write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
