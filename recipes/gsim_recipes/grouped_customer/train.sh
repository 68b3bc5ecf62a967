#!/usr/bin/env bash
# bash recipes/grouped_customer/train.sh GROUP OUT [overrides of customer_grpo]
# Trains the packaged model as the customers of GROUP on a CPU, a folder of OUT each: without_rl (supervised), full (that, then GRPO), userlm
# (supervised, without guidance), usp (that, then cycle consistency). What is trained is not trained again; a training that was cut off goes on.
# Copy OUT/full's two files into the group's folder adapter/ and it is the group's customer; OUT/methods.toml names the others.
# DISCRIMINATOR (default: GROUP), STEPS of full's GRPO (20) and USP_STEPS of usp's (10), EPOCHS (2) of CALLS (100) for the supervised ones.
set -euo pipefail
group=$1 named=$2 out=$(realpath -m "$2") recipes=$(dirname "$(realpath "$0")")/.. python=${PYTHON:-python}
supervised=(--group "$group" --epochs "${EPOCHS:-2}" --calls "${CALLS:-100}" --held-out 0.02)
base=$("$python" -c 'from gsim_env.models.weights import pull_base; print(pull_base())')
mkdir -p "$out"

supervise() {  # NAME [options]
  [ ! -f "$out/$1/training.json" ] || return 0
  "$python" -m gsim_recipes.embedded_lora.train --base "$base" --out "$out/$1" "${supervised[@]}" "${@:2}"
}

reinforce() {  # NAME START RECIPE STEPS [overrides]: a second LoRA on START's model, and both as one
  local name=$1 start=$2 recipe=$3 steps=$4
  [ ! -f "$out/$name/adapter_config.json" ] || return 0
  [ -d "$out/${start}_model" ] || gsim models export "$out/${start}_model" --adapter "$out/$start"
  mkdir -p "$out/$name.metrics"
  # Both models in bf16: with weights in fp32 and passes in bf16 the backward pass of a LoRA fails in torch's FSDP2.
  CONFIG=cpu VERL_FILE_LOGGER_PATH="$out/$name.metrics/$(date +%s).jsonl" bash "$recipes/$recipe/run.sh" \
    actor_rollout_ref.model.path="$out/${start}_model" actor_rollout_ref.model.lora_rank=16 actor_rollout_ref.model.lora_alpha=32 \
    actor_rollout_ref.model.lora.merge=true actor_rollout_ref.actor.optim.lr=1e-4 \
    actor_rollout_ref.actor.fsdp_config.model_dtype=bf16 actor_rollout_ref.ref.fsdp_config.model_dtype=bf16 \
    'actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra]' \
    trainer.default_local_dir="$out/$name.checkpoints" trainer.total_training_steps="$steps" trainer.test_freq="$steps" "${@:5}"
  "$python" -m verl.model_merger merge --backend fsdp --local_dir "$out/$name.checkpoints/global_step_$steps/actor" --target_dir "$out/$name.rl"
  "$python" -m gsim_recipes.embedded_lora.stack "$out/$start" "$out/$name.rl/lora_adapter" --out "$out/$name"
}

supervise without_rl
[ -d "$out/data" ] || gsim group data "$group" --out "$out/data"
reinforce full without_rl customer_grpo "${STEPS:-20}" data.max_prompt_length=640 \
  data.train_files="$out/data/d_sim/train.parquet" data.val_files="$out/data/d_sim/test.parquet" \
  reward.custom_reward_function.reward_kwargs.discriminator="${DISCRIMINATOR:-$group}" "${@:3}"
supervise userlm --style userlm
reinforce usp userlm usp_grpo "${USP_STEPS:-10}" gsim.group="$group"

cat > "$out/methods.toml" <<METHODS
without_rl = { customer = { backend = "embedded", adapter = "$named/without_rl" }, guidance = true }
userlm = { customer = { backend = "embedded", adapter = "$named/userlm" }, guidance = false }
usp = { customer = { backend = "embedded", adapter = "$named/usp" }, guidance = false }
METHODS
