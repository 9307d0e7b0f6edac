"""Refuse label names that look alike, and names that are several labels in one."""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable
from shlex import quote

from core.errors import RequestError

_SEPARATORS = ",;|#/+&"
_LIST = re.compile(r"\s*[\[({](\s*['\"].*|.*,.*)[\])}]\s*", re.DOTALL)
"""A list as Python or JSON write it."""
_WORD_BREAK = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
_MAX_LISTED = 5


def require_single_labels(counts: Counter[str], column: Hashable, dataset: str) -> None:
    """Raise `RequestError` if label names are lists, or labels joined by a separator; ``counts``: rows per name."""
    example = next(filter(_LIST.fullmatch, counts), None) or next(
        (joined for separator in _SEPARATORS if (joined := _find_joined(counts, separator))), None
    )
    if example is not None:
        raise RequestError(
            f"Column '{column}' of {dataset} contains several labels per text, such as '{example:.60}'. Multi-label "
            f"data is not supported: keep one label per text, or rename a label that only looks like several, as in: "
            f"--merge-labels {_format_pair(example, 'NAME')}",
            code="multiple_labels",
        )


def _find_joined(names: Iterable[str], separator: str) -> str | None:
    """Return a name that consists of other names; None if not every name with the separator consists of labels.

    A label is a name without the separator, or a part of at least two names. A name such as A+ or C# is not joined.
    """
    parts = {name: [part.strip() for part in name.split(separator)] for name in names}
    joined = {name: name_parts for name, name_parts in parts.items() if len(name_parts) > 1 and all(name_parts)}
    single = parts.keys() - joined.keys()
    uses = Counter(part for name_parts in joined.values() for part in set(name_parts))
    consist_of_labels = all(
        any(part in single for part in name_parts) and all(part in single or uses[part] > 1 for part in name_parts)
        for name_parts in joined.values()
    )
    return next(iter(joined), None) if consist_of_labels else None


def require_distinct_labels(counts: Counter[str], column: Hashable, dataset: str) -> None:
    """Raise `RequestError` if names differ only in case, spaces, hyphens, invisible characters or number format."""
    similar: dict[str, list[str]] = {}
    for name, _ in counts.most_common():
        similar.setdefault(_similarity_key(name), []).append(name)
    groups = [names for names in similar.values() if len(names) > 1]
    if groups:
        listed = "; ".join(", ".join(f"'{name:.60}'" for name in names) for names in groups[:_MAX_LISTED])
        listed += " …" if len(groups) > _MAX_LISTED else ""
        pairs = " ".join(_format_pair(name, names[0]) for names in groups for name in names[1:])
        raise RequestError(
            f"Labels in column '{column}' of {dataset} look alike: {listed}. "
            f"Merge them with: --merge-labels {pairs:.1000}\n"
            "If they are different labels, rename one of them with --merge-labels.",
            code="similar_labels",
        )


def _similarity_key(name: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    try:
        return str(float(visible)) if "_" not in visible else _fold(visible)
    except ValueError:
        return _fold(visible)


def _fold(name: str) -> str:
    return _WORD_BREAK.sub(" ", " ".join(name.casefold().split()))


def _format_pair(name: str, target: str) -> str:
    return quote(f"{name}={target}")
