"""Backbones, adapters on them, and baselines: everything that turns a text into logits."""
