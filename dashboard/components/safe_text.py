"""Draw text of unknown content: as it is, or as harmless Markdown; right-to-left letters reorder nothing else."""

import re
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.text.sanitize import escape_invisible

_RTL = "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_RTL_STRETCH = re.compile(rf"{_RTL}(?:(?:{_RTL}|[^\S\n]|[\d.,'’\"-])*{_RTL})?")
_WORD_JOINER = "\u2060"  # has no width; breaks up what Streamlit's Markdown extensions look for
_AUTOLINKS = re.compile(
    r"(?=https?://|www\.)|(?=@)|(?<=:)(?=[^\s:]*[a-z][^\s:]*:)|(?<!\S)(?=(?:<->|->|<-|--|>=|<=|~=)(?:\s|$))", re.I
)


def isolate_rtl(text: str) -> str:
    """Return a sentence in which each stretch of right-to-left letters is isolated from the words beside it."""
    return _RTL_STRETCH.sub("\u2067\\g<0>\u2069", escape_invisible(text))


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
    """Draw a text as Markdown. HTML in it is shown as text, and an image as a link, so that nothing is loaded."""
    st.markdown(isolate_rtl(text).replace("![", f"!{_WORD_JOINER}["))


def show_code(text: str, **kwargs: Any) -> None:
    """Draw a message, a log or a command in a monospaced font; ``kwargs``: as for `st.code`."""
    st.code(escape_invisible(text), **{"language": None, "wrap_lines": True} | kwargs)
