"""Labelled text: where it comes from, how it is split and named, and what is wrong with it."""

from core.config import RunConfig
from core.data.sources import load_source
from core.data.splits import DataSet, draw_splits


def load_data(config: RunConfig) -> DataSet:
    """Load, check and split the config's data set. Raises `RequestError` where it can't be used."""
    return draw_splits(load_source(config), config)
