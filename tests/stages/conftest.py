from pathlib import Path

import pytest


@pytest.fixture
def own_project(tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the one we are in; what the stages read lies beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
