"""Scripts of `benchmarks.store` that run in the environments of other trackers."""
