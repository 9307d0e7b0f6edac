"""Data quality checks count duplicates, conflicts and leaks."""

import json
from random import Random

import numpy as np

from core.data.checks import check_splits

LABELS = {"train": ["a", "b", "a"], "validation": ["a"], "test": ["b", "a", "b"]}


def check(train, validation, test):
    return check_splits({"train": train, "validation": validation, "test": test}, LABELS, {})


def test_text_in_test_and_training_is_a_leak():
    checks = check(["one fine film", "Two  Films", "three"], ["four"], ["two films", "five", "six"])
    assert checks["leaked_test_examples"] == 1
    assert checks["leaks"] == [{"test": 0, "split": "train", "position": 1, "similarity": 1.0}]


def test_near_duplicates_and_exact_ones_are_counted_separately():
    long = "the gorgeously elaborate continuation of a trilogy so huge that words cannot describe it"
    checks = check(["x", "y", long], ["z"], [long + "!", "v", "w"])
    assert (checks["leaked_test_examples"], checks["near_duplicate_test_examples"]) == (0, 1)
    assert 0.8 <= checks["leaks"][0]["similarity"] < 1


def test_near_duplicates_at_the_minimum_similarity_are_found():
    random = Random(0)
    originals = [[f"word{random.randrange(2000)}" for _ in range(20)] for _ in range(200)]
    edited = [" ".join(["new", "words", *words[2:]]) for words in originals]
    checks = check_splits(
        {"train": [" ".join(words) for words in originals], "validation": [], "test": edited},
        {"train": ["a"] * 200, "validation": [], "test": ["a"] * 200},
        {},
    )
    assert np.mean([leak["similarity"] for leak in checks["leaks"]]) < 0.87
    assert len(checks["leaks"]) >= 198


def test_texts_with_common_words_are_not_a_leak():
    checks = check(["a good film about a dog", "b", "c"], ["d"], ["a good film about a cat and war", "e", "f"])
    assert checks["leaks"] == []


def test_text_with_two_labels_is_a_conflict():
    checks = check(["same", "Same", "other"], ["x"], ["y", "same", "z"])
    assert checks["conflicting_texts"] == 1
    assert {place["label"] for place in checks["conflicts"][0]["places"]} == {"a", "b"}
    assert checks["duplicates"] == {"train": 1, "validation": 0, "test": 0}


def test_checks_are_json():
    checks = check(["a", "", "\ud83d"], ["😀"], ["😀", "", "c"])
    assert json.loads(json.dumps(checks)) == checks
