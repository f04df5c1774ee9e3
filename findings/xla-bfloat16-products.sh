#!/usr/bin/env bash
# Products in bfloat16 on a processor that multiplies bfloat16 numbers itself (AVX512-BF16), with and without jit_compile.
#
# Expected: both ways are faster than in float32, since both know the instructions.
# Seen (TensorFlow 2.21.0, one core of an AMD EPYC with AVX512-BF16): TensorFlow's own op, which oneDNN computes, does 1.4 to 1.7
# times as many operations a second in bfloat16; the same product compiled by XLA as many as in float32, or fewer. A network that
# trains in compiled steps gains nothing by bfloat16 on a CPU.
set -euo pipefail
grep -q avx512_bf16 /proc/cpuinfo || { echo "not run: this processor has no AVX512-BF16"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
cat >"$folder/products.py" <<'END'
import time

import tensorflow as tf

ROWS, MIDDLE, COLUMNS, PRODUCTS = 4096, 256, 512, 10


def speed(kind, compiled):
    """Billions of operations a core's second, the best of five."""
    left = tf.cast(tf.random.normal((ROWS, MIDDLE)), kind)
    right = tf.cast(tf.random.normal((MIDDLE, COLUMNS)), kind)

    @tf.function(jit_compile=compiled, autograph=False)
    def products(left, right):
        def body(count, last):  # each takes a number of the one before, so that none can be left out
            left_now = left + tf.cast(last[0, 0] * 0, kind)
            return count + 1, tf.cast(tf.matmul(left_now, right), "float32")

        return tf.while_loop(lambda count, _: count < PRODUCTS, body, (0, tf.zeros((ROWS, COLUMNS))))[1]

    products(left, right)
    times = []
    for _ in range(5):
        started = time.process_time()
        products(left, right)
        times.append(time.process_time() - started)
    return 2 * ROWS * MIDDLE * COLUMNS * PRODUCTS / min(times) / 1e9


print("TensorFlow", tf.__version__)
gains = {}
for name, compiled in (("its own op", False), ("XLA", True)):
    speeds = [speed(kind, compiled) for kind in ("float32", "bfloat16")]
    gains[name] = speeds[1] / speeds[0]
    print(f"{name}: float32 {speeds[0]:.0f}, bfloat16 {speeds[1]:.0f} GFLOP/s: {gains[name]:.2f} times")
raise SystemExit(not (gains["its own op"] > 1.25 and gains["XLA"] < 1.15))
END
export TF_CPP_MIN_LOG_LEVEL=3
taskset -c "$(taskset -pc $$ | sed 's/.*: *//; s/[,-].*//')" "$folder/env/bin/python" "$folder/products.py" 2>/dev/null
