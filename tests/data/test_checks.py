import json

from core.data.checks import check_splits

LABELS = {"train": ["a", "b", "a"], "validation": ["a"], "test": ["b", "a", "b"]}


def checked(**texts):
    return check_splits({name: texts[name] for name in ("train", "validation", "test")}, LABELS, {})


def test_duplicate_of_a_training_text_in_test_is_a_leak():
    found = checked(
        train=["one fine film", "Two  Films", "three"], validation=["four"], test=["two films", "five", "six"]
    )
    assert found["leaked_test_examples"] == 1
    assert found["leaks"] == [{"test": 0, "split": "train", "position": 1, "similarity": 1.0}]


def test_near_duplicates_are_counted_apart_from_duplicates():
    long = "the gorgeously elaborate continuation of a trilogy so huge that words cannot describe it"
    found = checked(train=["x", "y", long], validation=["z"], test=[long + "!", "v", "w"])
    assert (found["leaked_test_examples"], found["near_duplicate_test_examples"]) == (0, 1)
    assert 0.8 <= found["leaks"][0]["similarity"] < 1


def test_texts_that_merely_share_words_do_not_leak():
    found = checked(
        train=["a good film about a dog", "b", "c"],
        validation=["d"],
        test=["a good film about a cat and war", "e", "f"],
    )
    assert found["leaks"] == []


def test_text_with_two_labels_is_a_conflict_with_its_positions():
    found = checked(train=["same", "Same", "other"], validation=["x"], test=["y", "same", "z"])
    assert found["conflicting_texts"] == 1
    assert {place["label"] for place in found["conflicts"][0]["places"]} == {"a", "b"}
    assert found["duplicates"] == {"train": 1, "validation": 0, "test": 0}


def test_checks_are_json():
    found = checked(train=["a", "", "\ud83d"], validation=["😀"], test=["😀", "", "c"])
    assert json.loads(json.dumps(found)) == found
