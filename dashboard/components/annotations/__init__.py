"""Annotations of examples: form, import and export."""
