"""Fine-tuning of a classifier on the Hugging Face Trainer."""
