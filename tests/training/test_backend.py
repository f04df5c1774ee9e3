"""Each case is a process of its own, since a backend is chosen once for a process."""

import subprocess
import sys
from pathlib import Path

from pipeline.runtime.machine import cores

PROJECT = Path(__file__).resolve().parents[2]
START = """
import os, sys
from pipeline.params import load_params
from pipeline.training.backend import select_backend
params = load_params()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code], cwd=PROJECT, capture_output=True, text=True, check=False
    )


def test_what_is_not_noise_still_reaches_standard_error() -> None:
    code = """
from pipeline.training.backend import without_noise
with without_noise():
    os.write(2, b"I0000 cudart_stub.cc:31] Could not find cuda drivers\\nsomething real\\n")
"""
    assert run(code).stderr == "something real\n"


def test_a_backend_that_is_not_installed_is_named() -> None:
    code = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "jax" else found(name)
try:
    select_backend(params.replace({"train.backend": "jax"}).train)
except ValueError as error:
    print(error)
"""
    assert "train.backend is jax, but jax isn't installed" in run(code).stdout


def test_the_chosen_backend_is_keras_and_the_device_is_named_with_the_reason_why_not_a_gpu() -> None:
    code = """
from pathlib import Path
from pipeline.training import backend
select_backend(params.train)
import keras
print(keras.config.backend())
print(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"], os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"])
backend.gpu_names = lambda _: []
print(backend.describe_device(Path("none")))
print(backend.describe_device(Path("params.yaml")))
backend.gpu_names = lambda _: ["H100"]
print(backend.describe_device(Path("params.yaml")))
"""
    done = run(code)
    assert done.stderr == "", "TensorFlow's noise is held back"
    chosen, memory, none, unused, used = done.stdout.splitlines()
    assert chosen == "tensorflow"
    assert memory == "true false", "neither TensorFlow nor JAX takes all of a GPU's memory"
    count = f"{cores()} core{'' if cores() == 1 else 's'}"
    assert none == f"computed on the CPU, {count}: no NVIDIA driver is loaded"
    assert unused.endswith("CUDA's libraries are missing; pip install '.[cuda]'")
    assert used == "computed on the GPU: H100"
