#!/usr/bin/env bash
# bash recipes/grouped_customer/train.sh GROUP OUT [overrides of customer_grpo]
# Trains the packaged model as the customers of GROUP on a CPU: OUT/without_rl (supervised), OUT/full (that, then GRPO), OUT/userlm
# (supervised, without guidance). What is in OUT already is not trained again; a training that was cut off goes on.
# Copy OUT/full's two files into the group's folder adapter/ and it is the group's customer; OUT/methods.toml names the others.
# DISCRIMINATOR (default: GROUP), STEPS of GRPO (20), EPOCHS (2) of CALLS (100) for the supervised ones.
set -euo pipefail
group=$1 named=$2 out=$(realpath -m "$2")
shift 2
discriminator=${DISCRIMINATOR:-$group} steps=${STEPS:-20} python=${PYTHON:-python}
supervised=(--group "$group" --epochs "${EPOCHS:-2}" --calls "${CALLS:-100}" --held-out 0.02)
base=$("$python" -c 'from gsim_env.models.weights import pull_base; print(pull_base())')
mkdir -p "$out"

"$python" -m recipes.embedded_lora.train --base "$base" --out "$out/without_rl" "${supervised[@]}"
"$python" -m recipes.embedded_lora.train --base "$base" --out "$out/userlm" --style userlm "${supervised[@]}"

[ -d "$out/data" ] || gsim group data "$group" --out "$out/data"
[ -d "$out/without_rl_model" ] || "$python" -m recipes.embedded_lora.export --adapter "$out/without_rl" --out "$out/without_rl_model"
# Both models in bf16: with weights in fp32 and passes in bf16 the backward pass of a LoRA fails in torch's FSDP2.
CONFIG=cpu VERL_FILE_LOGGER_PATH="$out/metrics.jsonl" bash "$(dirname "$0")/../customer_grpo/run.sh" \
  data.train_files="$out/data/d_sim/train.parquet" data.val_files="$out/data/d_sim/test.parquet" data.max_prompt_length=640 \
  actor_rollout_ref.model.path="$out/without_rl_model" actor_rollout_ref.model.lora_rank=16 actor_rollout_ref.model.lora_alpha=32 \
  actor_rollout_ref.model.lora.merge=true actor_rollout_ref.actor.optim.lr=1e-4 \
  actor_rollout_ref.actor.fsdp_config.model_dtype=bf16 actor_rollout_ref.ref.fsdp_config.model_dtype=bf16 \
  'actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra]' \
  reward.custom_reward_function.reward_kwargs.discriminator="$discriminator" \
  trainer.default_local_dir="$out/checkpoints" trainer.total_training_steps="$steps" trainer.test_freq="$steps" "$@"
"$python" -m verl.model_merger merge --backend fsdp --local_dir "$out/checkpoints/global_step_$steps/actor" --target_dir "$out/rl"
"$python" -m recipes.embedded_lora.stack "$out/without_rl" "$out/rl/lora_adapter" --out "$out/full"

cat > "$out/methods.toml" <<METHODS
without_rl = { customer = { backend = "embedded", adapter = "$named/without_rl" }, guidance = true }
userlm = { customer = { backend = "embedded", adapter = "$named/userlm" }, guidance = false }
METHODS
