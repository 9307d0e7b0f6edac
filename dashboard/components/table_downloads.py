"""Tables to take away: the text that stands on the screen, as CSV, Markdown and LaTeX."""

import re
from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from core.text.formatting import DASH
from core.text.sanitize import escape_formula, to_single_line
from dashboard.components.table_cells import cell_text

_NUMBER = re.compile(r"[<+−-]?\s?[\d.,]+( ?[%A-Za-z]{1,2})?( \(.*\))?")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~$&#!@:])")
_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "%&_#${}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "|": r"\textbar{}"}
    | {"<": "$<$", ">": "$>$", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "↔": r"$\leftrightarrow$"}
    | {"–": "--", "—": "---", "…": r"\dots{}", '"': "''"}
)


def csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV, ready for spreadsheets: no cell that a person wrote is run as a formula."""
    return str(_texts(frame, escape_formula).to_csv(index=False, lineterminator="\r\n"))


def for_spreadsheets(frame: pd.DataFrame) -> str:
    """Return the CSV with the mark by which spreadsheets know UTF-8; without it they garble «±» and «−»."""
    return "\ufeff" + csv(frame)


def markdown(frame: pd.DataFrame, caption: str = "") -> str:
    """Return a table in Markdown (as GitHub reads it), its caption above."""

    def escaped(text: str) -> str:
        return _MARKDOWN.sub(r"\\\1", to_single_line(text))

    safe = _texts(frame, escaped)
    rule = ["---:" if right else "---" for right in _numeric(frame)]
    lines = [f"| {' | '.join(row)} |" for row in (safe.columns, rule, *safe.to_numpy().tolist())]
    return "\n".join([*([escaped(caption), ""] if caption else []), *lines, ""])


def latex(frame: pd.DataFrame, caption: str = "") -> str:
    """Return a table in LaTeX, with the rules of the package booktabs."""

    def escaped(text: str) -> str:
        cell = to_single_line(text).translate(_LATEX)
        # At the start of a row these would be read as the options of the line's end before it.
        return f"{{{cell[0]}}}{cell[1:]}" if cell.startswith(("[", "*")) else cell

    columns = "".join("r" if right else "l" for right in _numeric(frame))
    return str(
        _texts(frame, escaped).to_latex(
            index=False, escape=False, column_format=columns, caption=escaped(caption) or None, position="htbp"
        )
    )


def downloads(frame: pd.DataFrame, name: str, caption: str = "") -> None:
    """Draw the links that download a table as it stands on the screen; each file is made when it is asked for.

    ``frame``: the very cells that are shown. ``name``: of the files, and of the widgets. ``caption``:
    what Markdown and LaTeX say above the table; CSV has the table alone.
    """
    kinds: dict[str, tuple[Callable[[], str], str, str]] = {
        "CSV": (partial(for_spreadsheets, frame), "csv", "text/csv"),
        "Markdown": (partial(markdown, frame, caption), "md", "text/markdown"),
        "LaTeX": (partial(latex, frame, caption), "tex", "application/x-tex"),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption("Download:", width="content")
        for label, (text, suffix, mime) in kinds.items():
            st.download_button(
                label, text, f"{name}.{suffix}", mime, key=f"{name} {suffix}", on_click="ignore", type="tertiary"
            )


def _texts(frame: pd.DataFrame, escaped: Callable[[str], str]) -> pd.DataFrame:
    """Return the cells and the heads as escaped text."""
    cells = [[escaped(cell_text(cell)) for cell in row] for row in frame.itertuples(index=False, name=None)]
    return pd.DataFrame(cells, columns=[escaped(str(name)) for name in frame.columns], dtype=object)


def _numeric(frame: pd.DataFrame) -> list[bool]:
    """Tell for each column whether it holds numbers alone: these stand on the right."""
    columns = ([cell_text(cell) for cell in frame.iloc[:, place]] for place in range(frame.shape[1]))
    return [all(text == DASH or _NUMBER.fullmatch(text) for text in column) for column in columns]
