"""Train the customer by GRPO on cycle consistency (the baseline USP)."""
