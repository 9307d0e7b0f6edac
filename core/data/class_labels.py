"""Class labels of the library datasets, which are stored as codes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pyarrow import Schema

_METADATA_KEY = b"huggingface"


def name_class_labels(frame: pd.DataFrame, features: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table with class labels by name, ordered by their codes; a hidden label (-1) is missing.

    ``features``: those of the library datasets, by column.
    """
    names = {column: feature.names for column, feature in features.items() if hasattr(feature, "int2str")}
    return frame.assign(**{column: _to_names(frame[column], labels) for column, labels in names.items()})


def read_features(schema: Schema) -> Mapping[str, Any]:
    """Return the features in the metadata of an Arrow schema; empty without any.

    Raises `ValueError` for malformed metadata.
    """
    if _METADATA_KEY not in (schema.metadata or {}):
        return {}
    from datasets import Features  # slow to import

    try:
        features: Mapping[str, Any] = Features.from_arrow_schema(schema)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"its label names are damaged ({type(error).__name__}: {error})") from None
    return {name: feature for name, feature in features.items() if name in schema.names}


def _to_names(codes: pd.Series, names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.fillna(-1).astype(int).clip(lower=-1), names, ordered=True)
