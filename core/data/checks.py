"""What a reader should know of the data before believing a score."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from datasketch import MinHash, MinHashLSH

SHINGLE = 5  # characters
SIMILARITY = 0.8
"""From this Jaccard similarity of their five-character pieces on, two texts are near duplicates."""
_PERMUTATIONS = 64
_MOST_TOLD = 200  # conflicts and leaks that are kept with their places


def normalize_text(text: str) -> str:
    """Return the text without differences of case and white space: what counts as the same text."""
    return " ".join(text.casefold().split())


def check_splits(
    texts: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]], left_out: Mapping[str, int]
) -> dict[str, Any]:
    """Check the splits; texts and labels by split, in their order.

    Returns plain JSON: ``left_out`` (rows by reason), ``duplicates`` (within each split),
    ``conflicts`` (texts with two labels or more), ``leaks`` (test examples with an exact or near
    duplicate in another split, with its place and similarity), and how many there are of each.
    """
    same = {name: [normalize_text(text) for text in part] for name, part in texts.items()}
    conflicts, leaks = _conflicts(same, labels), _leaks(same)
    return {
        "left_out": dict(left_out),
        "duplicates": {name: sum(count - 1 for count in Counter(part).values()) for name, part in same.items()},
        "conflicting_texts": len(conflicts),
        "conflicts": conflicts[:_MOST_TOLD],
        "leaked_test_examples": sum(leak["similarity"] == 1 for leak in leaks),
        "near_duplicate_test_examples": sum(leak["similarity"] < 1 for leak in leaks),
        "leaks": leaks,
    }


def _conflicts(same: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the texts that stand with more than one label, with their places."""
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for split, part in same.items():
        for position, (text, label) in enumerate(zip(part, labels[split], strict=True)):
            places[text].append({"split": split, "position": position, "label": label})
    return [
        {"text": text, "places": found}
        for text, found in places.items()
        if len({place["label"] for place in found}) > 1
    ]


def _leaks(same: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return for each test example that leaks its most similar twin in another split.

    Candidates come from MinHash (Broder 1997); their similarity is then counted exactly.
    """
    others = [
        (split, position, text) for split, part in same.items() if split != "test" for position, text in enumerate(part)
    ]
    index = MinHashLSH(threshold=SIMILARITY, num_perm=_PERMUTATIONS)
    for number, (_, _, text) in enumerate(others):
        index.insert(number, _hashed(text))
    leaks = []
    for test, text in enumerate(same["test"]):
        twins = [(_similarity(text, others[number][2]), -number) for number in index.query(_hashed(text))]
        similarity, number = max(twins, default=(0.0, 0))
        if similarity >= SIMILARITY:
            split, position, _ = others[-number]
            leaks.append({"test": test, "split": split, "position": position, "similarity": round(similarity, 4)})
    return leaks


def _pieces(text: str) -> set[str]:
    return {text[start : start + SHINGLE] for start in range(max(1, len(text) - SHINGLE + 1))}


def _hashed(text: str) -> MinHash:
    hashed = MinHash(num_perm=_PERMUTATIONS, seed=1)
    hashed.update_batch([piece.encode("utf-8", "surrogatepass") for piece in sorted(_pieces(text))])
    return hashed


def _similarity(text: str, other: str) -> float:
    if text == other:
        return 1.0
    ours, theirs = _pieces(text), _pieces(other)
    return min(len(ours & theirs) / len(ours | theirs), 0.9999)  # 1 is kept for the same text
