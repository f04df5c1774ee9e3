"""What the workers of the tests run; the module is sent to them, since they have no tests."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def double(number: int, data: Any, say: Any) -> tuple[int, int]:
    """(2 * number + the data's first, the pid); says 1 and 2."""
    for message in (1, 2):
        say(message)
    return 2 * number + int(data["first"][0]), os.getpid()


def die_once(number: int, marker: str, data: Any, say: Any) -> tuple[int, int]:
    """``double``, but the process of number 1 is killed after its first message, once."""
    say(0)
    if number == 1 and not Path(marker).exists():
        Path(marker).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return double(number, data, say)


def environment(name: str, data: Any, say: Any) -> str:
    """What a library finds there when it is loaded; others wait, so that each process has one."""
    time.sleep(1)
    return os.environ[name]


def sleep(data: Any, say: Any) -> None:
    """Says which process it is, and for long nothing more."""
    say(os.getpid())
    time.sleep(600)


def die(data: Any, say: Any) -> None:
    """What no memory is large enough for."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(data: Any, say: Any) -> None:
    """A fault of the values."""
    from pipeline.runtime.errors import UserError  # noqa: PLC0415 - sent to the worker after this module

    raise UserError("no such number")


def allocate(data: Any, say: Any) -> None:
    """More than there is: 2^60 bytes."""
    import numpy as np  # noqa: PLC0415 - sent to the worker after this module

    np.empty(2**60, np.uint8)


def listen(data: Any, say: Any) -> None:
    """Goes on until it is told to stop."""
    while True:
        say("still here")
        time.sleep(0.01)


def fit_formula(params: Any, seed: int, data: Any, listen: Any) -> Any:
    """A network's place taken by a formula; the first process to fit 16 units and epoch 2 is killed."""
    # Sent to the worker after this module.
    from pipeline.training.task import Epoch, Trained  # noqa: PLC0415

    history = []
    for epoch in (1, 2):
        if epoch == 2 and params.model.units == 16:
            _die_but_once(data)
        score = 0.8 - abs(params.model.units - 20) / 1000 - abs(params.model.dropout - 0.3) / 10 + epoch / 100
        history.append({"loss": 1 - score, "validation_loss": 1 - score, "validation_accuracy": score})
        listen(Epoch(epoch, 2, 1.0, history[-1]))
    text = f"{params.model.units} units, dropout {params.model.dropout}, seed {seed}"
    return Trained(text.encode(), tuple(history), 2, "formula")


def _die_but_once(data: Any) -> None:
    """``data`` holds the letters of a file's name, which exists once a process was killed."""
    name = "".join(map(chr, data["marker"]))
    if name and not Path(name).exists():
        Path(name).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
