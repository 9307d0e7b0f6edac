"""Annotations: controls, import and export."""
