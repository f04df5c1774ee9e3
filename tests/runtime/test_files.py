import resource
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime.files import read_arrays, read_csv, write_arrays, write_csv, write_json, written_whole


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("size", [200, 100_000])
def test_a_disk_that_takes_no_more_is_told_with_the_files_name(tmp_path: Path, size: int) -> None:
    """A limit of the process stands in for the disk's: Errno 27 instead of 28."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match=rf"\[Errno 27\] File too large: '{tmp_path}/tokens.npz'"):
            write_arrays(tmp_path / "tokens.npz", tokens=np.zeros(size, np.int32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_json_refuses_what_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_arrays_come_back_with_type_and_values_and_the_same_bytes(tmp_path: Path) -> None:
    arrays = {"tokens": np.array([3, 1], np.int32), "labels": np.array([1], np.int8)}
    write_arrays(tmp_path / "a.npz", **arrays)
    write_arrays(tmp_path / "b.npz", **arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = read_arrays(tmp_path / "a.npz")
    assert {name: (array.dtype, array.tolist()) for name, array in back.items()} == {
        "tokens": (np.int32, [3, 1]),
        "labels": (np.int8, [1]),
    }


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", x=np.array([[1], [1, 2]], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_arrays(tmp_path / "evil.npz")


def test_rows_come_back_as_numbers(tmp_path: Path) -> None:
    write_csv(tmp_path / "curve.csv", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    assert (tmp_path / "curve.csv").read_text() == "epoch,loss\n1,0.5\n2,0.25\n"
    assert read_csv(tmp_path / "curve.csv") == [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.25}]
    with pytest.raises(ValueError, match="there are no rows"):
        write_csv(tmp_path / "none.csv", [])


def test_a_table_whose_columns_are_named_may_be_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "none.csv", [], ["row", "text"])
    assert (tmp_path / "none.csv").read_text() == "row,text\n"
