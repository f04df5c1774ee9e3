#!/usr/bin/env bash
# ONNX Runtime from PyPI, on Linux.
#
# Expected: telemetry is for Windows alone, as its privacy page said for years: on Linux an import writes and sends nothing.
# Seen (onnxruntime 1.32.0): the import alone gives the device a number, in the user's cache, and a database of events beside
# it; sessions send the network's name and hashes to mobile.events.data.microsoft.com. Nothing is printed. In many CI
# systems it is off, so that no test there sees it. ORT_DISABLE_TELEMETRY=1 turns it off, if it is set before the import.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0
unset CI GITHUB_ACTIONS TF_BUILD TRAVIS JENKINS_URL ORT_DISABLE_TELEMETRY
# No server is asked here: requests end at a port of this machine where nobody listens.
export https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
for setting in default ORT_DISABLE_TELEMETRY=1; do
  cache="$folder/$setting"
  mkdir "$cache"
  env "XDG_CACHE_HOME=$cache" "$(if [ "$setting" = default ]; then echo SETTING=none; else echo "$setting"; fi)" \
    "$folder/env/bin/python" -c "import onnxruntime; print('onnxruntime', onnxruntime.__version__)"
  echo "$setting: files in the cache: $(find "$cache" -type f -printf '%P ')"
done
test -s "$folder/default/Microsoft/DeveloperTools/.onnxruntime/deviceid"
test -z "$(ls -A "$folder/ORT_DISABLE_TELEMETRY=1")"
grep --quiet "https://mobile.events.data.microsoft.com" \
  "$folder"/env/lib/python3.11/site-packages/onnxruntime/capi/onnxruntime_pybind11_state*.so
