"""Texts appear literally in Markdown."""

import pytest

from core.text.markdown import escape_markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b *c* <d>", r"a\|b \*c\* \<d\>"),
        ("[x](http://a.org)", r"\[x\](http\://a.org)"),
        ("see www.a.org at 10:20", r"see www\.a.org at 10:20"),
        ("two\nlines # 1", r"two lines \# 1"),
        ("\u202eevil", "⟨U+202E⟩evil"),
    ],
    ids=["markup", "link", "www", "lines", "bidirectional"],
)
def test_markup_is_escaped(text, escaped):
    assert escape_markdown(text) == escaped
