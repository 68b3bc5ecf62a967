"""Train a salesperson by GRPO against the simulated customer."""
