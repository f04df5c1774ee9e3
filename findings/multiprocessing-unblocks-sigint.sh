#!/usr/bin/env bash
# A signal that is blocked when a process starts stays blocked in it (POSIX: the mask is inherited over fork and exec). So
# whoever wants Ctrl-C to reach the parent alone blocks SIGINT, starts workers, and puts the mask back.
#
# Expected: SIGINT is blocked in every process that multiprocessing's `spawn` starts in between.
# Seen (CPython 3.11; 3.12.1 and 3.13.0 too): in all but the first. That one starts multiprocessing's resource tracker on its
# way, which blocks SIGINT and SIGTERM around its own start and then UNBLOCKS them, where the tracker of loky 3.7.0, made after
# it, puts back the mask that it found. So the first worker takes Ctrl-C and the others don't; once
# resource_tracker.ensure_running() was called before, all are alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check loky==3.7.0 cloudpickle==3.1.2
cat >"$folder/start.py" <<'END'
import importlib.metadata
import multiprocessing
import platform
import signal
import sys
from multiprocessing import resource_tracker
from pathlib import Path

import loky.backend.resource_tracker


def is_blocked():
    return "blocked" if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()) else "NOT blocked"


def tell(file):
    Path(file).write_text(is_blocked())


if __name__ == "__main__":
    folder, is_prepared = Path(sys.argv[1]), sys.argv[2:] == ["prepared"]
    print("Python", platform.python_version(), "loky", importlib.metadata.version("loky"), *sys.argv[2:])
    if is_prepared:
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    loky.backend.resource_tracker.ensure_running()
    print(f"after loky's tracker has started: SIGINT is {is_blocked()}")
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for number in (1, 2):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        process = multiprocessing.get_context("spawn").Process(target=tell, args=(folder / str(number),))
        process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        process.join()
        print(f"process {number}: SIGINT is {(folder / str(number)).read_text()}")
END
seen=$(for way in "" prepared; do "$folder/env/bin/python" "$folder/start.py" "$folder" $way; done)
echo "$seen"
[ "$(grep -c 'is NOT blocked' <<<"$seen")" = 1 ]
sed -n 3p <<<"$seen" | grep -q '^process 1: SIGINT is NOT blocked'
