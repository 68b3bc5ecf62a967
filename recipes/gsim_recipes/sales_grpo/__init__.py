"""GRPO of a salesperson against the simulated customer."""
