"""Annotations of examples: fields, bulk changes, import and export."""
