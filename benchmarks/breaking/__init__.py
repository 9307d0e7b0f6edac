"""What is done to runs and their store by `benchmarks.faults`, one file a kind of fault."""
