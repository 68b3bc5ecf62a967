"""Fine-tune, stack and compress the LoRA of an embedded customer."""
