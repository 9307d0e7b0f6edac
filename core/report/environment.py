"""The recorded environment of a run as readable names and values."""

from collections.abc import Mapping
from typing import Any

from core.text.formatting import format_percent, format_setting


def format_environment(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the hardware, versions, commit and truncation of a run, by readable name."""
    packages = environment.get("packages", {})
    facts = {name: value for name, value in environment.items() if not isinstance(value, dict)}
    is_dirty = facts.pop("git_dirty", None)
    truncated = environment.get("truncated", {})
    facts |= {f"truncated texts, {split}": f"{format_percent(share)}%" for split, share in truncated.items()}
    commit = str(environment.get("git_commit") or "")[:10]
    facts["git_commit"] = f"{commit}, with changes" if commit and is_dirty else commit
    return {name.replace("_", " "): format_setting(value) for name, value in (facts | packages).items()}
