#!/usr/bin/env bash
# A signal that is blocked when a process starts stays blocked in it (POSIX: the mask is inherited over fork and exec). So
# whoever wants Ctrl-C to reach the parent alone blocks SIGINT, starts workers, and puts the mask back.
#
# Expected: SIGINT is blocked in every process that multiprocessing's `spawn` starts in between.
# Seen (CPython 3.11; 3.12.1 and 3.13.0 too): in all but the first. That one starts multiprocessing's resource tracker on its
# way, which blocks SIGINT and SIGTERM around its own start and then UNBLOCKS them, where it could put back the mask that it
# found (as the tracker of joblib's loky 3.6 does). So the first worker takes Ctrl-C and the others don't. After
# resource_tracker.ensure_running() all are alike.
# Nothing is installed: it is Python's own library.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/start.py" <<'END'
import multiprocessing
import platform
import signal
import sys
from multiprocessing import resource_tracker
from pathlib import Path


def tell(file):
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    Path(file).write_text("blocked" if blocked else "NOT blocked")


if __name__ == "__main__":
    folder, is_prepared = Path(sys.argv[1]), sys.argv[2:] == ["prepared"]
    print("Python", platform.python_version(), *sys.argv[2:])
    if is_prepared:
        resource_tracker.ensure_running()
    for number in (1, 2):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        process = multiprocessing.get_context("spawn").Process(target=tell, args=(folder / str(number),))
        process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        process.join()
        print(f"process {number}: SIGINT is {(folder / str(number)).read_text()}")
END
seen=$(python3.11 "$folder/start.py" "$folder"; python3.11 "$folder/start.py" "$folder" prepared)
echo "$seen"
[ "$(grep -c 'is NOT blocked' <<<"$seen")" = 1 ]
sed -n 2p <<<"$seen" | grep -q '^process 1: SIGINT is NOT blocked'
