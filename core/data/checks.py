"""Data quality checks: duplicates, leaks between splits and conflicting labels."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from datasketch import MinHash, MinHashLSH

SHINGLE = 5  # characters
SIMILARITY = 0.8
"""Minimum Jaccard similarity of the five-character shingles of near duplicates."""
_PERMUTATIONS = 64
_MAX_CONFLICTS = 200
"""Number of conflicts that are stored with their positions."""


def normalize_text(text: str) -> str:
    """Normalize case and white space: texts that are equal then are duplicates."""
    return " ".join(text.casefold().split())


def check_splits(
    texts: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]], excluded: Mapping[str, int]
) -> dict[str, Any]:
    """Check the splits, given the texts and labels of each split in order.

    Returns JSON: ``left_out`` (excluded rows by reason), ``duplicates`` (within each split), ``conflicts`` (texts with
    several labels), ``leaks`` (test examples with an exact or near duplicate in another split, with its position and
    similarity), and their counts.
    """
    normalized = {name: [normalize_text(text) for text in part] for name, part in texts.items()}
    conflicts, leaks = _find_conflicts(normalized, labels), _find_leaks(normalized)
    return {
        "left_out": dict(excluded),
        "duplicates": {name: sum(count - 1 for count in Counter(part).values()) for name, part in normalized.items()},
        "conflicting_texts": len(conflicts),
        "conflicts": conflicts[:_MAX_CONFLICTS],
        "leaked_test_examples": sum(leak["similarity"] == 1 for leak in leaks),
        "near_duplicate_test_examples": sum(leak["similarity"] < 1 for leak in leaks),
        "leaks": leaks,
    }


def _find_conflicts(texts: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the texts with more than one label, with their positions."""
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for split, part in texts.items():
        for position, (text, label) in enumerate(zip(part, labels[split], strict=True)):
            places[text].append({"split": split, "position": position, "label": label})
    return [
        {"text": text, "places": occurrences}
        for text, occurrences in places.items()
        if len({place["label"] for place in occurrences}) > 1
    ]


def _find_leaks(texts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the most similar example of another split for each leaked test example.

    Candidates come from MinHash (Broder 1997); their similarity is then computed exactly.
    """
    others = [
        (split, position, text)
        for split, part in texts.items()
        if split != "test"
        for position, text in enumerate(part)
    ]
    index = MinHashLSH(threshold=SIMILARITY, num_perm=_PERMUTATIONS)
    for number, (_, _, text) in enumerate(others):
        index.insert(number, _min_hash(text))
    leaks = []
    for test, text in enumerate(texts["test"]):
        candidates = [(_similarity(text, others[number][2]), -number) for number in index.query(_min_hash(text))]
        similarity, number = max(candidates, default=(0.0, 0))
        if similarity >= SIMILARITY:
            split, position, _ = others[-number]
            leaks.append({"test": test, "split": split, "position": position, "similarity": round(similarity, 4)})
    return leaks


def _shingles(text: str) -> set[str]:
    return {text[start : start + SHINGLE] for start in range(max(1, len(text) - SHINGLE + 1))}


def _min_hash(text: str) -> MinHash:
    min_hash = MinHash(num_perm=_PERMUTATIONS, seed=1)
    min_hash.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in sorted(_shingles(text))])
    return min_hash


def _similarity(text: str, other: str) -> float:
    if text == other:
        return 1.0
    a, b = _shingles(text), _shingles(other)
    return min(len(a & b) / len(a | b), 0.9999)  # 1 is reserved for equal texts
