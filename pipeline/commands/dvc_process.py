"""`python -m pipeline.commands.dvc_process ...`: dvc, without what would mislead whoever runs `make`."""

from __future__ import annotations

import logging
import sys
from typing import Any

from dvc.cli import main
from dvc.ui import ui

# `dvc exp run` checks out all outputs first, and warns of each that a first run lacks; after a run `git add`
# is advised, of which `launch.NEXT` has one line.
for name in ("dvc_data.hashfile.checkout", "dvc_data.index.checkout", "dvc.repo.scm_context"):
    logging.getLogger(name).setLevel(logging.ERROR)

_PUSH = "Use `dvc push`"  # said after every run, though this project has no remote storage


def _write(*objects: Any, write: Any = ui.write, **named: Any) -> None:
    if not str(objects[0] if objects else "").startswith(_PUSH):
        write(*objects, **named)


ui.write = _write

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
