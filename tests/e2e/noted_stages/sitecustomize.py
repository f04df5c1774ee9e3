"""Found by every Python with this folder on PYTHONPATH: the stages judge their values and note them, no more.

What they would make is what an earlier run has left. So the guides' experiments take seconds: the command
line, git, DVC and the values are real, and other tests run the stages.
"""

import json
import os
import sys
from pathlib import Path

STAGES = ("download", "pad", "train", "evaluate")
NOTED = Path(".dvc/tmp/noted.jsonl")


def note(stage: str) -> None:
    """Appends the stage's name and values."""
    from pipeline.params import load_params  # noqa: PLC0415 - of the project, and only where a stage runs
    from pipeline.stages import refuse_varied  # noqa: PLC0415

    params = load_params()
    refuse_varied(params)
    with NOTED.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"stage": stage, "values": params.flat()}, default=str) + "\n")


if sys.orig_argv[1:3] == ["-m", "pipeline"] and sys.orig_argv[3:] in [[stage] for stage in STAGES]:
    sys.path.insert(0, str(Path.cwd()))
    note(sys.orig_argv[3])
    os._exit(0)
