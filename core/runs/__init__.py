"""Train and evaluate one model, from its configuration to its record."""
