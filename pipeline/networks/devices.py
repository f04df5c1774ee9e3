"""TensorFlow's and XLA's settings, which they read when Keras is imported, and the devices that they find."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from pipeline.runtime.live import without_lines
from pipeline.runtime.machine import cores, hold_threads_to_cores

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")  # is there where the driver of a GPU is loaded

# TensorFlow's native libraries say these on every machine without a GPU, before any level can be set.
NOISE = re.compile(rb"absl::InitializeLog|oneDNN custom operations|(cudart_stub|cuda_platform)\.cc")

# XLA compiles a loop whose steps each touch fewer bytes than this into one function, instead of handing every
# operation of every step to its scheduler. Milliseconds a training step of two layers, 100 time steps, with
# and without: 1.2 and 3.1 (5 LSTM units, batch 32), 4.7 and 8.8 (16 units). Large steps lose the fast matrix
# products: with a limit of 1,000,000 bytes 64 GRU units, batch 128, take 550 and not 54.
_SMALL_LOOP = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=60000"

# XLA hands sums over axes to YNNPACK; a call that finds no free executable makes one. The makers of one sum
# append its constants to one vector without a lock (xla/backends/cpu/ynn_emitter.cc): parts of a batch, which
# call one program side by side, now and then end the process there, by std::bad_alloc or SIGSEGV.
_NO_YNNPACK = "--xla_cpu_experimental_ynn_fusion_type="


def prepare_keras() -> None:
    """Sets the environment for an import of Keras, here or in a process started here; a user's own stays."""
    if "keras" in sys.modules:
        loaded = sys.modules["keras"].config.backend()
        if loaded != "tensorflow":
            raise ValueError(
                f"keras is already imported with the backend {loaded}, but networks are computed with "
                "tensorflow: start a new process, with KERAS_BACKEND=tensorflow"
            )
        return
    hold_threads_to_cores()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # No warnings, and no errors: they come as Python's own, but for XLA's calls for a bug report where a busy
    # machine compiles slowly.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else all of a GPU's memory is taken at once
    flags = os.environ.get("XLA_FLAGS", "").split()
    for flag in (_SMALL_LOOP, _NO_YNNPACK):
        if not any(other.startswith(flag.partition("=")[0]) for other in flags):  # the user's own go first
            flags.append(flag)
    os.environ["XLA_FLAGS"] = " ".join(flags)


def import_keras() -> None:
    """Imports Keras as ``prepare_keras`` sets it up, whatever a user's ``keras.json`` says."""
    prepare_keras()
    with without_lines(NOISE):
        import keras  # noqa: PLC0415 - not before its environment is set

        keras.config.set_floatx("float32")
        keras.config.set_image_data_format("channels_last")
        keras.ops.zeros(())  # the first tensor looks for devices


def gpu_names() -> list[str]:
    """The names of the GPUs that TensorFlow has found; none on a CPU."""
    import tensorflow as tf  # noqa: PLC0415 - slow

    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [str(each.get("device_name", "unnamed")) for each in details]


def describe_device(*_: object) -> str:
    """On what networks are computed, and why not on a GPU where one seems to be; a job of the engine."""
    import_keras()
    if names := gpu_names():
        return f"computed on the GPU: {', '.join(names)}"
    said = f"computed on the CPU, {cores()} core{'' if cores() == 1 else 's'}"
    if not NVIDIA_DRIVER.exists():
        return f"{said}: no NVIDIA driver is loaded"
    return f"{said}, though an NVIDIA driver is loaded: CUDA's libraries are missing; pip install '.[cuda]'"
