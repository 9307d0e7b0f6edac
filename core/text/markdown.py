"""Untrusted text in Markdown."""

import re

from core.text.sanitize import isolate_rtl

_MARKUP = re.compile(r"([\\`*_\[\]<>|~$&#!@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def escape_markdown(text: object) -> str:
    """Return text on one line that GitHub's Markdown shows literally: no markup, HTML, table cell or link."""
    return _MARKUP.sub(r"\\\1", isolate_rtl(" ".join(str(text).split())))
