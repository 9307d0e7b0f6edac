"""The path of a run, the evidence, and the store. Knows nothing of the command line or the screens."""
