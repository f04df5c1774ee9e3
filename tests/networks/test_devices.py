"""Keras as the project needs it, and the device that it computes on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.networks import devices
from pipeline.runtime.live import without_lines
from pipeline.runtime.machine import cores

PROJECT = Path(__file__).resolve().parents[2]
SUM = """
import tensorflow as tf
rows = tf.ones((32, 50, 128))
program = tf.function(lambda rows: tf.reduce_sum(rows, axis=1), jit_compile=True)
print("ynn" in program.experimental_get_compiler_ir(rows)(stage="optimized_hlo"))
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, since a process imports Keras once."""
    code = f"import os\nfrom pathlib import Path\nfrom pipeline.networks import devices\n{code}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_what_is_not_noise_still_reaches_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines(devices.NOISE):
        os.write(2, b"I0000 cudart_stub.cc:31] Could not find cuda drivers\nsomething real\n")
    assert capfd.readouterr().err == "something real\n"


def test_another_backend_that_is_there_already_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", loaded)
    with pytest.raises(ValueError, match="already imported with the backend jax"):
        devices.import_keras()


def test_keras_is_as_the_project_needs_it_and_its_device_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {"backend": "jax", "floatx": "float16", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(theirs))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in ("KERAS_BACKEND", "TF_FORCE_GPU_ALLOW_GROWTH", "XLA_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    code = """
devices.import_keras()
import keras
print(keras.config.backend(), keras.layers.Dense(1).compute_dtype, keras.config.image_data_format())
print(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
devices.gpu_names = lambda: []
devices.NVIDIA_DRIVER = Path("none")
print(devices.describe_device())
devices.NVIDIA_DRIVER = Path("params.yaml")
print(devices.describe_device())
devices.gpu_names = lambda: ["H100"]
print(devices.describe_device())
"""
    done = run(code + SUM)
    assert done.stderr == "", "TensorFlow's noise is held back"
    settings, memory, none, unused, used, summed_by_ynnpack = done.stdout.splitlines()
    assert settings.split() == ["tensorflow", "float32", "channels_last"]
    assert memory == "true", "TensorFlow doesn't take all of a GPU's memory"
    count = f"{cores()} core{'' if cores() == 1 else 's'}"
    assert none == f"computed on the CPU, {count}: no NVIDIA driver is loaded"
    assert unused.endswith("CUDA's libraries are missing; pip install '.[cuda]'")
    assert used == "computed on the GPU: H100"
    assert summed_by_ynnpack == "False", "two first calls side by side may end the process"


def test_a_users_own_flag_of_xla_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=reduce")
    assert run(f"devices.import_keras(){SUM}").stdout == "True\n"
