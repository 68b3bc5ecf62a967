"""Fine-tune a small model to word the customers of a group."""
