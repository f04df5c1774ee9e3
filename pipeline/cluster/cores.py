"""How many processes this machine runs side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Literal

from pipeline.runtime.cores import cores


def gpus() -> list[str]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES doesn't hide, by the names it takes."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(place) for place, _ in enumerate(listed.splitlines())]


def worker_count(workers: int | Literal["auto"]) -> int:
    """``workers``; ``auto`` is one a GPU, or one a core, since a small network doesn't use a second one."""
    return (len(gpus()) or cores()) if workers == "auto" else workers
