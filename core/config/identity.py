"""The identity of a run's configuration: a hash of its settings and its data."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def hash_settings(settings: Mapping[str, Any], dataset_fingerprint: str, parent_group_key: str | None = None) -> str:
    """Return the group key of a run with these settings; the seed and ``auto_batch`` do not count.

    ``parent_group_key``: that of the run whose weights the run continues to train.
    """
    shared = {name: value for name, value in settings.items() if name not in ("seed", "auto_batch")}
    parent = [parent_group_key] if parent_group_key else []
    text = json.dumps([shared, dataset_fingerprint, *parent], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
