"""Strangers' texts on the screen, as text: what `st.text` and `st.code` would hand on as it came."""

from typing import Any

import streamlit as st

from core.text.sanitize import escape_invisible
from dashboard.components.text import isolated


def say(text: object, **more: Any) -> None:
    """Draw a sentence, or a whole text, that holds what strangers wrote; ``more``: as for `st.text`."""
    st.text(isolated(str(text)), **more)


def quote(text: str, **more: Any) -> None:
    """Draw a message, a log or a file in letters of one width; ``more``: as for `st.code`."""
    st.code(escape_invisible(text), **{"language": None, "wrap_lines": True} | more)
