"""The settings of a run: their fields, their flags, and configs made from untrusted values."""

from core.config.defaults import AUTO_SIZES, MAX_COUNT
from core.config.earlier_settings import complete_settings
from core.config.flags import flag, format_flags
from core.config.identity import hash_settings
from core.config.parsing import make_config
from core.config.run_config import (
    PAIR_SETTINGS,
    RunConfig,
    drop_duplicates,
    section_of,
)

__all__ = [
    "AUTO_SIZES",
    "MAX_COUNT",
    "PAIR_SETTINGS",
    "RunConfig",
    "complete_settings",
    "drop_duplicates",
    "flag",
    "format_flags",
    "hash_settings",
    "make_config",
    "section_of",
]
