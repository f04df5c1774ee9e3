"""`python -m pipeline.commands.dvc_process ...`: dvc, without a warning for each file yet to be made."""

from __future__ import annotations

import logging
import sys

from dvc.cli import main

# `dvc exp run` checks out all outputs first, and warns of each that a first run lacks.
for name in ("dvc_data.hashfile.checkout", "dvc_data.index.checkout"):
    logging.getLogger(name).setLevel(logging.ERROR)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
