"""The results of data quality checks are sentences that say what they do to the scores."""

import pandas as pd
import pytest

from core.report.data_quality import quality_checks


def no_rare_classes():
    return pd.DataFrame(columns=["label", "count", "share", "half"])


def test_quality_checks_name_what_inflates_scores():
    checks = {
        "left_out": {"without text": 2},
        "mended": 1,
        "duplicates": {"test": 1, "train": 0},
        "leaked_test_examples": 3,
    }
    rare = pd.DataFrame({"label": ["neutral"], "count": [53], "share": [0.053], "half": [0.092]})
    assert quality_checks(checks, rare) == [
        "2 rows without text were dropped.",
        "In 1 rows \ufffd replaces characters that cannot be stored.",
        "Duplicates within a split: 1 in test.",
        "Leakage: 3 test examples are also in the training or validation split: scores are inflated.",
        "Rare class neutral: 53 test examples (5.3% of the test set). F1 is known to within ±9.2 points.",
    ]
    clean = quality_checks({}, no_rare_classes())
    assert clean[0] == "No duplicates within a split."
    assert len(clean) == 2


def test_class_below_minimum_support_has_no_reliable_metrics():
    rare = pd.DataFrame({"label": ["odd"], "count": [4], "share": [0.04], "half": [0.3]})
    assert "Too few for reliable metrics" in quality_checks({}, rare)[-1]


@pytest.mark.parametrize(
    ("shares", "named"), [({"train": 0.2, "test": 0.0}, ["20.0% of train texts"]), ({"train": 0.0}, [])]
)
def test_truncated_splits_are_named(shares, named):
    sentence = quality_checks({}, no_rare_classes(), shares)[-1]
    assert [part for part in ("20.0% of train texts", "test texts") if part in sentence] == named
