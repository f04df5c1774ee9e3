"""Keras reads its backend from the environment when it is imported; so it is chosen here, before that."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.networks.devices import gpu_names
from pipeline.params import TrainParams
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import cores, hold_threads_to_cores

# TensorFlow's native libraries say these on every machine without a GPU, before any level can be set.
_NOISE = (b"absl::InitializeLog", b"oneDNN custom operations", b"cudart_stub.cc", b"cuda_platform.cc")

# TensorFlow and JAX would each take all of a GPU's memory at once.
_MEMORY = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

# XLA compiles a loop whose steps each touch fewer bytes than this into one function, instead of handing every
# operation of every step to its scheduler. Milliseconds a training step of two layers, 100 time steps, with
# and without: 1.2 and 3.1 (5 LSTM units, batch 32), 4.7 and 8.8 (16 units). Large steps lose the fast matrix
# products: with a limit of 1,000,000 bytes 64 GRU units, batch 128, take 550 and not 54.
_SMALL_LOOP = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=60000"


def select_backend(train: TrainParams) -> None:
    """Sets the environment for ``train.backend`` and imports Keras with it.

    Raises:
        ValueError: as ``choose_backend`` does.
    """
    choose_backend(train)
    with without_noise():
        import keras  # noqa: PLC0415 - not before its backend is set

        keras.ops.zeros(())  # the first tensor looks for devices


def choose_backend(train: TrainParams) -> None:
    """Sets the environment for ``train.backend``, for an import of Keras here or in a process started here.

    Raises:
        ValueError: if keras is already imported with another backend, or the backend isn't installed.
    """
    backend = train.backend
    if "keras" in sys.modules:
        loaded = sys.modules["keras"].config.backend()
        if loaded != backend:
            raise ValueError(
                f"train.backend is {backend}, but keras is already imported with {loaded}: "
                "select the backend first, in a new process"
            )
        return
    if importlib.util.find_spec(backend) is None:
        raise UserError(
            f"train.backend is {backend}, but {backend} isn't installed: "
            "pip install '.[jax]', or set train.backend to tensorflow"
        )
    hold_threads_to_cores()
    os.environ["KERAS_BACKEND"] = backend
    # Warnings, and errors too: they come as Python's own, but for XLA's calls for a bug report where a busy
    # machine compiles slowly.
    for name, value in {"TF_CPP_MIN_LOG_LEVEL": "3", **_MEMORY}.items():
        os.environ.setdefault(name, value)
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:  # the user's own go first
        os.environ["XLA_FLAGS"] = f"{flags} {_SMALL_LOOP}".strip()


def describe_device(driver: Path = _NVIDIA_DRIVER) -> str:
    """On what the selected backend computes, and why not on a GPU where one seems to be; Keras is imported.

    Args:
        driver: a file that is there where the driver of an NVIDIA GPU is loaded.
    """
    names = gpu_names(sys.modules["keras"].config.backend())
    if names:
        return f"computed on the GPU: {', '.join(names)}"
    said = f"computed on the CPU, {cores()} core{'' if cores() == 1 else 's'}"
    if not driver.exists():
        return f"{said}: no NVIDIA driver is loaded"
    return f"{said}, though an NVIDIA driver is loaded: CUDA's libraries are missing; pip install '.[cuda]'"


@contextmanager
def without_noise() -> Iterator[None]:
    """Holds back what native code writes to standard error, then passes on every line that isn't noise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            lines = [line for line in held if not any(noise in line for noise in _NOISE)]
            os.write(2, b"".join(lines))
