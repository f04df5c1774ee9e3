"""How many cores this process has, and what keeps libraries from taking more of them, or of memory."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import subprocess
import uuid
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError
from pipeline.runtime.paths import project_folder

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def cores() -> int:
    """The cores this process may use: a container's CPU quota and its affinity count, not the machine's.

    Beside an exported model, which needs no joblib, the quota is not known.
    """
    try:
        from joblib import cpu_count  # noqa: PLC0415 - may be missing
    except ImportError:
        return _count_cores()
    return int(cpu_count())


def _count_cores() -> int:
    """The cores that a library counts which knows no quota."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES doesn't hide, by the names it takes."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(place) for place, _ in enumerate(listed.splitlines())]


def hold_threads_to_cores() -> None:
    """Where a quota leaves fewer cores than a library would count, tells those that read it at their start.

    Elsewhere, and where a user or the process that started this one has set a number, it changes nothing.
    """
    if cores() < _count_cores():
        for name in THREAD_LIMITS:
            os.environ.setdefault(name, str(cores()))


def threads() -> int:
    """How many threads this process may compute with: OMP_NUM_THREADS where it is set, else one a core.

    A server and a pool of processes set it to the share of each of their processes.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() and int(limit) > 0 else cores()


def return_memory() -> None:
    """Gives the system back what was freed and glibc keeps: after XLA's compiler, 300 MB a program."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


# Which process owns a run, and whether it still lives. A host's name and a process number don't say: two
# containers of one image share both. A lock in the project's folder does, and ends with its owner.

_OWNERS = Path("studies/owners")
_held: dict[Path, Any] = {}  # this process' lock, by folder


def this_process() -> str:
    """The name of a lock in the project's folder that no other process holds, nor this one after its end."""
    folder = project_folder() / _OWNERS
    if folder not in _held:
        from filelock import FileLock  # noqa: PLC0415 - where an exported classifier runs, it may be missing

        folder.mkdir(parents=True, exist_ok=True)
        _held[folder] = FileLock(folder / uuid.uuid4().hex)
        _held[folder].acquire()
    return Path(_held[folder].lock_file).name


def forget(owner: str) -> None:
    """Removes the lock of a process, this one or one that is gone, which has left no run open."""
    folder = project_folder() / _OWNERS
    (folder / owner).unlink(missing_ok=True)
    if folder in _held and owner == this_process():
        _held.pop(folder).release()


def is_gone(owner: str) -> bool:
    """Whether ``owner`` was a process on this project's folder and has ended; of others we can't know."""
    file = project_folder() / _OWNERS / owner
    if not re.fullmatch("[0-9a-f]{32}", owner) or not file.exists():
        return False
    from filelock import FileLock, Timeout  # noqa: PLC0415 - see above

    try:
        with FileLock(file, timeout=0):
            return True
    except Timeout:
        return False


def require_free_port(port: int) -> None:
    """Raises a ``UserError`` if another process listens on ``port`` of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed one lingers
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"port {port} of 127.0.0.1 can't be taken ({error.strerror}): end what listens there, or "
                "give another --port (make: PORT=)"
            ) from None


def answers(port: int) -> bool:
    """Whether something listens on ``port`` of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
