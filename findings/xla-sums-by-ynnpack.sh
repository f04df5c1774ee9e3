#!/usr/bin/env bash
# XLA's own help prints the flag xla_cpu_experimental_ynn_fusion_type as "" and says that its default list is empty.
#
# Expected: so no sum is handed to YNNPACK until the flag names one.
# Seen (TensorFlow 2.21.0, Linux, x86-64): a plain sum over an axis is a YNNPACK fusion without any flag, and is XLA's
# own code once the flag is given, with the empty value that the help calls the default. A flag's printed default is no
# evidence of what a program is made of: read the optimized HLO.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
cat >"$folder/sum.py" <<'END'
import tensorflow as tf

program = tf.function(lambda rows: tf.reduce_sum(rows, axis=1), jit_compile=True)
optimized = program.experimental_get_compiler_ir(tf.ones((32, 50, 128)))(stage="optimized_hlo")
print(tf.__version__, "ynn" in optimized)
END
export TF_CPP_MIN_LOG_LEVEL=3
unset XLA_FLAGS
help=$(XLA_FLAGS=--help "$folder/env/bin/python" "$folder/sum.py" 2>&1 | grep -A 4 'xla_cpu_experimental_ynn_fusion_type=' || true)
without=$("$folder/env/bin/python" "$folder/sum.py" 2>/dev/null)
empty=$(XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type= "$folder/env/bin/python" "$folder/sum.py" 2>/dev/null)
echo "$help"
echo "YNNPACK in the program: no flag: $without; the flag, empty: $empty"
grep -q 'ynn_fusion_type=""' <<<"$help"
grep -q 'default list is currently empty' <<<"$help"
[ "$without" = "2.21.0 True" ] && [ "$empty" = "2.21.0 False" ]
