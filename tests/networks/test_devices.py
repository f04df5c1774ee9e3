"""Each case is a process of its own, since a process imports Keras once."""

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.runtime.machine import cores

PROJECT = Path(__file__).resolve().parents[2]
START = """
import os
from pathlib import Path
from pipeline.networks import devices
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_not_noise_still_reaches_standard_error() -> None:
    code = """
with devices.without_noise():
    os.write(2, b"I0000 cudart_stub.cc:31] Could not find cuda drivers\\nsomething real\\n")
"""
    assert run(code).stderr == "something real\n"


def test_keras_is_as_the_project_needs_it_whatever_a_users_file_says(tmp_path: Path) -> None:
    theirs = {"backend": "jax", "floatx": "float16", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(theirs))
    code = """
devices.import_keras()
import keras
print(keras.config.backend(), keras.layers.Dense(1).compute_dtype, keras.config.image_data_format())
"""
    done = run(code, KERAS_HOME=str(tmp_path))
    assert done.stdout.split() == ["tensorflow", "float32", "channels_last"]
    late = "import types, sys\nsys.modules['keras'] = types.SimpleNamespace(config=types.SimpleNamespace("
    late += "backend=lambda: 'jax'))\ndevices.import_keras()"
    assert "already imported with the backend jax" in run(late).stderr


def test_the_device_is_named_with_the_reason_why_not_a_gpu() -> None:
    code = """
devices.import_keras()
print(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
devices.gpu_names = lambda: []
devices.NVIDIA_DRIVER = Path("none")
print(devices.describe_device())
devices.NVIDIA_DRIVER = Path("params.yaml")
print(devices.describe_device())
devices.gpu_names = lambda: ["H100"]
print(devices.describe_device())
"""
    done = run(code)
    assert done.stderr == "", "TensorFlow's noise is held back"
    memory, none, unused, used = done.stdout.splitlines()
    assert memory == "true", "TensorFlow doesn't take all of a GPU's memory"
    count = f"{cores()} core{'' if cores() == 1 else 's'}"
    assert none == f"computed on the CPU, {count}: no NVIDIA driver is loaded"
    assert unused.endswith("CUDA's libraries are missing; pip install '.[cuda]'")
    assert used == "computed on the GPU: H100"


def test_programs_hold_no_sum_whose_first_calls_side_by_side_may_end_the_process() -> None:
    code = """
devices.import_keras()
import tensorflow as tf
rows = tf.ones((32, 50, 128))
program = tf.function(lambda rows: tf.reduce_sum(rows, axis=1), jit_compile=True)
print("ynn" in program.experimental_get_compiler_ir(rows)(stage="optimized_hlo"))
"""
    assert run(code, XLA_FLAGS="").stdout == "False\n"
    assert run(code, XLA_FLAGS="--xla_cpu_experimental_ynn_fusion_type=reduce").stdout == "True\n"
