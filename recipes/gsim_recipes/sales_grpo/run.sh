#!/usr/bin/env bash
# CONFIG=cpu_smoke (default), single_gpu or paper; further arguments are hydra overrides.
set -euo pipefail
export TOKENIZERS_PARALLELISM=false RAY_USAGE_STATS_ENABLED=0 HYDRA_FULL_ERROR=1
exec "${PYTHON:-python}" -m verl.trainer.main_ppo \
  --config-path pkg://gsim_recipes.sales_grpo.config --config-name "${CONFIG:-cpu_smoke}" "$@"
