"""Labeled text: sources, columns, labels, splits, fingerprints and data quality checks."""

from core.config import RunConfig
from core.data.sources import load_source
from core.data.splits import DataSet, draw_splits


def load_data(config: RunConfig) -> DataSet:
    """Load, check and split the config's data set. Raises `RequestError` if it cannot be used."""
    return draw_splits(load_source(config), config)
