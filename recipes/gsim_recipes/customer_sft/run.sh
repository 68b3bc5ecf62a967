#!/usr/bin/env bash
# CONFIG=cpu_smoke (default), single_gpu or paper; NPROC processes; further arguments are hydra overrides.
set -euo pipefail
export TOKENIZERS_PARALLELISM=false HYDRA_FULL_ERROR=1
exec "${TORCHRUN:-torchrun}" --standalone --nproc_per_node="${NPROC:-1}" -m verl.trainer.sft_trainer \
  --config-path pkg://gsim_recipes.customer_sft.config --config-name "${CONFIG:-cpu_smoke}" "$@"
