"""Differences of settings between runs."""

from core.config import make_config
from core.report.settings_differences import UNSET, differing_values


def test_differing_values_are_none_for_an_unused_setting():
    rows = differing_values([make_config({"r": 4}).settings(), make_config({"method": "majority"}).settings()])
    assert rows["method"] == ["lora", "majority"]
    assert rows["r"] == [4, None]
    assert "dataset" not in rows


def test_differing_values_distinguish_unset_from_unused():
    rows = differing_values(
        [make_config(values).settings() for values in ({"quantize": "4bit"}, {"dora": True}, {"method": "ia3"})]
    )
    assert rows["quantize"] == ["4bit", UNSET, UNSET]
    assert rows["dora"] == [UNSET, True, None]
    assert differing_values([{"torch": "1"}, {}]) == {"torch": ["1", None]}
