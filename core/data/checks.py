"""Data quality checks: duplicates, conflicting labels, and leaks from the test split."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from datasketch import MinHash, MinHashLSH

SHINGLE_LENGTH = 5
"""Characters per shingle."""
MIN_SIMILARITY = 0.8
"""Minimum Jaccard similarity of the shingles of near duplicates."""
_BANDS, _ROWS = 12, 5
"""Bands of the signatures, and hashes per band: 99% of the pairs at the minimum similarity are found."""
_MAX_CONFLICTS = 200
"""Maximum number of conflicts to store with their positions."""


def normalize_text(text: str) -> str:
    """Return the text case-folded with single spaces; duplicates are texts for which this is equal."""
    return " ".join(text.casefold().split())


def check_splits(
    texts: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]], excluded_rows: Mapping[str, int]
) -> dict[str, Any]:
    """Check the splits; ``texts`` and ``labels``: of the examples of each split.

    Returns JSON: ``left_out`` (excluded rows by reason), ``duplicates`` (within each split), ``conflicts``
    (texts with several labels), ``leaks`` (test examples with an exact or near duplicate in another
    split, with its position and similarity), and the number of each.
    """
    normalized = {name: [normalize_text(text) for text in split] for name, split in texts.items()}
    conflicts, leaks = _find_conflicts(normalized, labels), _find_leaks(normalized)
    return {
        "left_out": dict(excluded_rows),
        "duplicates": {name: sum(count - 1 for count in Counter(split).values()) for name, split in normalized.items()},
        "conflicting_texts": len(conflicts),
        "conflicts": conflicts[:_MAX_CONFLICTS],
        "leaked_test_examples": sum(leak["similarity"] == 1 for leak in leaks),
        "near_duplicate_test_examples": sum(leak["similarity"] < 1 for leak in leaks),
        "leaks": leaks,
    }


def _find_conflicts(texts: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the texts with more than one label, with the places of their examples."""
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for split, split_texts in texts.items():
        for position, (text, label) in enumerate(zip(split_texts, labels[split], strict=True)):
            places[text].append({"split": split, "position": position, "label": label})
    return [
        {"text": text, "places": text_places}
        for text, text_places in places.items()
        if len({place["label"] for place in text_places}) > 1
    ]


def _find_leaks(texts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the most similar example of another split for each test example that leaks.

    MinHash finds the candidates (Broder 1997); their similarity is then computed exactly.
    """
    candidates = [
        (split, position, text)
        for split, split_texts in texts.items()
        if split != "test"
        for position, text in enumerate(split_texts)
    ]
    index = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
    for number, (_, _, text) in enumerate(candidates):
        index.insert(number, _min_hash(text))
    leaks = []
    for test_position, text in enumerate(texts["test"]):
        matches = [(_similarity(text, candidates[number][2]), -number) for number in index.query(_min_hash(text))]
        similarity, negative_number = max(matches, default=(0.0, 0))
        if similarity >= MIN_SIMILARITY:
            split, position, _ = candidates[-negative_number]
            leak = {"test": test_position, "split": split, "position": position, "similarity": round(similarity, 4)}
            leaks.append(leak)
    return leaks


def _shingles(text: str) -> set[str]:
    return {text[start : start + SHINGLE_LENGTH] for start in range(max(1, len(text) - SHINGLE_LENGTH + 1))}


_EMPTY_MIN_HASH = MinHash(num_perm=_BANDS * _ROWS, seed=1, hashfunc=crc32)


def _min_hash(text: str) -> MinHash:
    min_hash = _EMPTY_MIN_HASH.copy()  # its permutations are drawn once
    min_hash.update_batch(shingle.encode("utf-8", "surrogatepass") for shingle in _shingles(text))
    return min_hash


def _similarity(text: str, other: str) -> float:
    """Return the Jaccard similarity of two texts' shingles; 1 for equal texts only."""
    if text == other:
        return 1.0
    a, b = _shingles(text), _shingles(other)
    return min(len(a & b) / len(a | b), 0.9999)
