#!/usr/bin/env bash
# Train the packaged model as the customers of a group, on a CPU.
#
#   bash train.sh GROUP OUT [overrides of full's customer_grpo]
#
# Writes a LoRA for each method to a folder of OUT:
#   without_rl  supervised fine-tuning with guidance
#   full        without_rl, then GRPO with the three rewards
#   userlm      supervised fine-tuning without guidance
#   usp         userlm, then GRPO by cycle consistency
# OUT/methods.toml defines the methods for `gsim evaluate run`.
#
# Resumes after an interruption: rerun the same command. Finished methods are skipped.
#
# Environment: DISCRIMINATOR (default: GROUP), STEPS of full (20), USP_STEPS of usp (10), EPOCHS (2) and CALLS (100) of
# supervised fine-tuning.
set -euo pipefail

group=$1
named=$2
out=$(realpath -m "$2")
python=${PYTHON:-python}
export GSIM_VERL_CPU=1   # for verl.model_merger; the launcher sets it itself
supervised=(--group "$group" --epochs "${EPOCHS:-2}" --calls "${CALLS:-100}" --held-out 0.02)
base=$("$python" -c 'from gsim_env.models.weights import pull_base_model; print(pull_base_model())')
mkdir -p "$out"

# supervise NAME [options]: train a LoRA by supervised fine-tuning.
supervise() {
  [ ! -f "$out/$1/training.json" ] || return 0
  "$python" -m gsim_recipes.embedded_lora.train --base "$base" --out "$out/$1" "${supervised[@]}" "${@:2}"
}

# reinforce NAME START RECIPE STEPS [overrides]: train a second LoRA on START's model and join both to one.
reinforce() {
  local name=$1 start=$2 recipe=$3 steps=$4
  local checkpoints="$out/$name.checkpoints"
  [ ! -f "$out/$name/adapter_config.json" ] || return 0

  if [ ! -d "$out/${start}_model" ]; then
    gsim models export "$out/${start}_model" --adapter "$out/$start"
  fi

  # Both models in bf16: with fp32 weights and bf16 passes, the backward pass of a LoRA fails in torch's FSDP2.
  mkdir -p "$out/$name.metrics"
  VERL_FILE_LOGGER_PATH="$out/$name.metrics/$(date +%s).jsonl" "$python" -m gsim_recipes.train "$recipe" machine=cpu \
    actor_rollout_ref.model.path="$out/${start}_model" \
    actor_rollout_ref.model.lora_rank=16 \
    actor_rollout_ref.model.lora_alpha=32 \
    actor_rollout_ref.model.lora.merge=true \
    actor_rollout_ref.actor.optim.lr=1e-4 \
    actor_rollout_ref.actor.fsdp_config.model_dtype=bf16 \
    actor_rollout_ref.ref.fsdp_config.model_dtype=bf16 \
    'actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra]' \
    trainer.default_local_dir="$checkpoints" \
    trainer.total_training_steps="$steps" \
    trainer.test_freq="$steps" \
    "${@:5}"

  "$python" -m verl.model_merger merge --backend fsdp \
    --local_dir "$checkpoints/global_step_$steps/actor" --target_dir "$out/$name.rl"
  "$python" -m gsim_recipes.embedded_lora.stack "$out/$start" "$out/$name.rl/lora_adapter" --out "$out/$name"
}

supervise without_rl
[ -d "$out/data" ] || gsim group data "$group" --out "$out/data"
reinforce full without_rl customer_grpo "${STEPS:-20}" \
  data.max_prompt_length=640 \
  data.train_files="$out/data/d_sim/train.parquet" \
  data.val_files="$out/data/d_sim/test.parquet" \
  reward.custom_reward_function.reward_kwargs.discriminator="${DISCRIMINATOR:-$group}" \
  "${@:3}"
supervise userlm --style userlm
reinforce usp userlm usp_grpo "${USP_STEPS:-10}" gsim.group="$group"

cat > "$out/methods.toml" <<METHODS
without_rl = { customer = { backend = "embedded", adapter = "$named/without_rl" }, guidance = true }
userlm = { customer = { backend = "embedded", adapter = "$named/userlm" }, guidance = false }
usp = { customer = { backend = "embedded", adapter = "$named/usp" }, guidance = false }
METHODS
