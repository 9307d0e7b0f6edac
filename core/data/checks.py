"""What a reader should know of the data before believing a score."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def normalise(text: str) -> str:
    """Return the text without differences of case and white space: what counts as the same text."""
    return " ".join(text.casefold().split())


def check(splits: Mapping[str, Sequence[str]], left_out: Mapping[str, int]) -> dict[str, Any]:
    """Count what was left out, duplicates within each split, and texts that test shares with the others."""
    texts = {name: [normalise(text) for text in part] for name, part in splits.items()}
    seen = {text for name, part in texts.items() if name != "test" for text in part}
    return {
        "left_out": dict(left_out),
        "duplicates": {name: sum(count - 1 for count in Counter(part).values()) for name, part in texts.items()},
        "leaked_test_examples": sum(text in seen for text in texts["test"]),
    }
