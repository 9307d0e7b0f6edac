"""Fallback databases: each stores one run whose own database refused a write.

A run switches to a fallback database automatically (`writer`), `list_fallbacks` finds it (`location`), and
`import_fallback` merges it back (`importer`).
"""

from core.store.fallback.importer import import_fallback, is_recorded
from core.store.fallback.location import Fallback, discard_fallback, list_fallbacks
from core.store.fallback.writer import open_fallback

__all__ = ["Fallback", "discard_fallback", "import_fallback", "is_recorded", "list_fallbacks", "open_fallback"]
