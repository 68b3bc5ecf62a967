"""Train the customer on recorded calls by supervised fine-tuning, with guidance or without."""
