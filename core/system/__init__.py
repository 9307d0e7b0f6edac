"""Files, processes and the compute environment."""
