import math

import pytest

from core import formatting as f


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f.percent(0.8236), "82.4"),
        (f.score(0.824, 0.80, 0.847), "82.4 (80.0–84.7)"),
        (f.score(None, None, None), "—"),
        (f.score(math.nan, 0.1, 0.2), "—"),
        (f.score(0.5, None, None), "50.0"),
        (f.number(0.4312, 0.40, 0.46), "0.431 (0.400–0.460)"),
        (f.points(0.059, 0.033, 0.085), "+5.9 (+3.3 to +8.5)"),
        (f.points(-0.0213), "−2.1"),
        (f.points(-0.0001), "0.0"),
        (f.p_value(0.00002), "< .0001"),
        (f.p_value(0.032), "= .032"),
        (f.p_value(1.0), "= 1.00"),
        (f.duration(0.44), "0.4 s"),
        (f.duration(64), "1 m 04 s"),
        (f.duration(59.7), "1 m 00 s"),
        (f.duration(7500), "2 h 05 m"),
        (f.duration(None), "—"),
        (f.milliseconds(0.00674), "6.7 ms"),
        (f.milliseconds(0.00001), "under 0.1 ms"),
        (f.milliseconds(2.5), "2.5 s"),
        (f.milliseconds(None), "—"),
        (f.count(12345), "12,345"),
        (f.parameters(74498, 22_788_484), "74.5 k (0.33 %)"),
        (f.parameters(0, 100), "0"),
        (f.parameters(35_592, 35_592), "35.6 k"),
        (f.parameters(None), "—"),
        (f.megabytes(601_520), "0.6 MB"),
        (f.megabytes(1764), "2 kB"),
        (f.setting(["a", "b"]), "a,b"),
        (f.setting(0.001), "0.001"),
        (f.setting(None), "—"),
    ],
)
def test_numbers_read_alike_everywhere(written, expected):
    assert written == expected
