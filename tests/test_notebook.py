"""The notebook, run from top to bottom in a kernel of its own, on few reviews."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import __all__

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOK = PROJECT / "notebooks/deep_rnns.ipynb"
nbformat = pytest.importorskip("nbformat", reason="the notebook is run with nbformat: pip install '.[dev]'")
nbclient = pytest.importorskip("nbclient", reason="the notebook is run with nbclient: pip install '.[dev]'")
pytest.importorskip("ipykernel", reason="the notebook is run with ipykernel: pip install '.[dev]'")


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_committed_notebook_holds_no_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert outputs_of(notebook) == []
    assert {cell.execution_count for cell in notebook.cells if cell.cell_type == "code"} == {None}


def test_the_notebook_uses_the_python_interface_alone() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert "import pipeline\n" in code and "from pipeline" not in code
    assert {"draw_stack", "gradient_norms"} <= set(re.findall(r"\bpipeline\.(\w+)", code)) <= set(__all__)


@pytest.mark.slow
def test_the_notebook_runs_and_shows_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of this Python, whatever kernels are installed; the package is imported from the checkout."""
    monkeypatch.setenv("LESSON_SIZE", "small")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.km = client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute()
    outputs = outputs_of(notebook)
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert (kinds.count("image/png"), kinds.count("image/svg+xml")) == (5, 1)
    printed = "".join(output.get("text", "") for output in outputs)
    assert [cell for cell in ("simple_rnn", "lstm", "gru") if f"{cell:10}  test accuracy" in printed] == [
        "simple_rnn", "lstm", "gru"
    ]  # fmt: skip
    assert "superb" in printed
    assert (
        "lstm: largest difference" in printed and "gru: largest difference" in printed
    )  # and none is above 1e-5
    assert not [output for output in outputs if output.get("name") == "stderr" and "Error" in output.text]
