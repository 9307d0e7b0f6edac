"""Features of texts that several classifiers of one process share, kept in memory."""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.models.backbone import Backbone

MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class CachedFeatures:
    """Read-only features [n, d], the seconds that it took to compute them, and when (`time.perf_counter`)."""

    values: NDArray[np.float32]
    seconds: float
    computed_at: float


class FeatureCache:
    """A cache of features that drops the least recently used ones when they exceed a number of bytes."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, CachedFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> CachedFeatures | None:
        """Return the features with this key, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def get_or_compute(self, key: str, compute: Callable[[], NDArray[np.float32]]) -> CachedFeatures:
        """Return the features with this key; compute and store them if they are missing."""
        if cached := self.get(key):
            return cached
        start = time.perf_counter()
        return self.put(key, compute(), start)

    def put(self, key: str, values: NDArray[np.float32], start: float) -> CachedFeatures:
        """Store features, whose computation began at this time of `time.perf_counter`, and return them.

        Features that exceed the maximum by themselves are not stored.
        """
        values.flags.writeable = False
        features = CachedFeatures(values, time.perf_counter() - start, computed_at=start)
        if values.nbytes > self._max_bytes:
            return features
        with self._lock:
            self._entries[key] = features
            while sum(entry.values.nbytes for entry in self._entries.values()) > self._max_bytes:
                self._entries.popitem(last=False)
        return features


def feature_key(backbone: Backbone, max_length: int, texts: Sequence[str], dtype: str = "float32") -> str:
    """Return a hash of the model, the maximum length in tokens, the texts and the dtype of the computation.

    A model without a revision is identified by the names, sizes and times of its files.
    """
    files = [] if backbone.revision else sorted(path for path in Path(backbone.path).glob("*") if path.is_file())
    state = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    content = json.dumps([backbone.name, backbone.revision, backbone.path, state, max_length, dtype, list(texts)])
    return hashlib.sha256(content.encode()).hexdigest()


SHARED_FEATURES = FeatureCache()
"""The cache of this process."""
