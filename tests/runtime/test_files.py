import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime.files import (
    read_arrays,
    read_csv,
    read_json,
    replaced_together,
    write_arrays,
    write_csv,
    write_json,
    written_whole,
)


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


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


def test_arrays_come_back_with_type_and_values_and_the_same_bytes(tmp_path: Path) -> None:
    arrays = {"tokens": np.array([3, 1], np.int32), "labels": np.array([1], np.int8)}
    write_arrays(tmp_path / "a.npz", **arrays)
    write_arrays(tmp_path / "b.npz", **arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = {name: (array.dtype, array.tolist()) for name, array in read_arrays(tmp_path / "a.npz").items()}
    assert back == {"tokens": (np.int32, [3, 1]), "labels": (np.int8, [1])}
    np.savez(tmp_path / "evil.npz", x=np.array([[1], [1, 2]], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_arrays(tmp_path / "evil.npz")


def test_rows_come_back_as_numbers(tmp_path: Path) -> None:
    write_csv(tmp_path / "curve.csv", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    assert (tmp_path / "curve.csv").read_text() == "epoch,loss\n1,0.5\n2,0.25\n"
    assert read_csv(tmp_path / "curve.csv") == [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.25}]
    with pytest.raises(ValueError, match="there are no rows"):
        write_csv(tmp_path / "none.csv", [])
    write_csv(tmp_path / "none.csv", [], ["row", "text"])
    assert (tmp_path / "none.csv").read_text() == "row,text\n"


def test_files_change_together_or_not_at_all(tmp_path: Path) -> None:
    paths = first, second = tmp_path / "model.json", tmp_path / "reports" / "train.json"
    for path in paths:
        write_json(path, "old")
    with pytest.raises(RuntimeError), replaced_together():
        for path in paths:
            write_json(path, "new")
        raise RuntimeError
    assert [read_json(path) for path in paths] == ["old", "old"]
    with replaced_together():
        with replaced_together():  # a function that does it may call another that does
            write_json(first, "newer")
            write_json(first, "newest")
        assert read_json(first) == "old"
        write_json(second, "newest")
    assert [read_json(path) for path in paths] == ["newest", "newest"]
    assert {path.name for path in tmp_path.rglob("*")} == {"model.json", "reports", "train.json"}


def test_ctrl_c_waits_until_all_files_are_renamed(
    tmp_path: Path, ctrl_c: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def interrupted_rename(self: Path, target: Path) -> Path:
        if target.name == "a.json":
            ctrl_c()
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupted_rename)
    targets = [tmp_path / "a.json", tmp_path / "b.json"]
    with pytest.raises(KeyboardInterrupt), replaced_together():
        for target in targets:
            write_json(target, "new")
    assert [read_json(path) for path in targets] == ["new", "new"]


def test_content_reaches_the_disk_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut can leave the new name with no content."""
    path, seen = tmp_path / "record.json", []

    def fsync(handle: int) -> None:
        status = os.fstat(handle)
        seen.append(("folder" if stat.S_ISDIR(status.st_mode) else "file", path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_json(path, {"accuracy": 0.5})
    assert seen == [("file", False), ("folder", True)]
