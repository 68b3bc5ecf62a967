"""Train the profile model on D_gen by supervised fine-tuning (section 3.1)."""
