"""Draw text of unknown content: as it is, or as harmless Markdown; right-to-left letters reorder nothing else."""

import re
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.text.sanitize import escape_invisible, isolate_rtl
from dashboard.components.text import describe_subset

_WORD_JOINER = "\u2060"  # has no width; breaks up what Streamlit's Markdown extensions look for
_AUTOLINKS = re.compile(
    r"(?=https?://|www\.)|(?=@)|(?<=:)(?=[^\s:]*[a-z][^\s:]*:)|(?<!\S)(?=(?:<->|->|<-|--|>=|<=|~=)(?:\s|$))", re.I
)


def escape_markdown(text: object) -> str:
    r"""Return text that Markdown shows literally: ``*a*`` becomes ``\*a\*``.

    URLs do not become links, and ``:streamlit:`` and ``->`` no icons and arrows.
    """
    joined = _AUTOLINKS.sub(_WORD_JOINER, isolate_rtl(" ".join(str(text).split())))
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", joined)


def show_text(text: object, place: DeltaGenerator | None = None, **kwargs: Any) -> None:
    """Draw a sentence, or the exact text of an example, literally; ``kwargs``: as for `st.text`.

    ``place``: the container or placeholder to draw in; the current one by default.
    """
    (place or st).text(isolate_rtl(str(text)), **kwargs)


def show_markdown(text: str) -> None:
    """Draw a text as Markdown. HTML in it is shown as text, and an image as a link, so that nothing is loaded.

    Numeric character references are not decoded: they could stand for control characters.
    """
    st.markdown(isolate_rtl(text).replace("![", f"!{_WORD_JOINER}[").replace("&#", "&amp;#"))


def show_subset(shown: int, total: int, what: str, which: str) -> None:
    """Draw a caption with `describe_subset`; nothing if all are shown."""
    if note := describe_subset(shown, total, what, which):
        st.caption(escape_markdown(note))


def show_code(text: str, **kwargs: Any) -> None:
    """Draw a message, a log or a command in a monospaced font; ``kwargs``: as for `st.code`."""
    st.code(escape_invisible(text), **{"language": None, "wrap_lines": True} | kwargs)
