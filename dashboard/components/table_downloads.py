"""Downloads of tables: the text on the screen as CSV, Markdown and LaTeX."""

import re
from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.text.formatting import DASH
from core.text.markdown import escape_markdown
from core.text.sanitize import escape_formula, to_single_line
from dashboard.components.table_cells import cell_text

_NUMBER = re.compile(r"[<+−-]?\s?[\d.,]+( ?[%A-Za-z]{1,2})?( \(.*\))?")
_LATEX = str.maketrans(
    {symbol: f"\\{symbol}" for symbol in "%&_#${}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "|": r"\textbar{}"}
    | {"<": "$<$", ">": "$>$", "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "↔": r"$\leftrightarrow$"}
    | {"–": "--", "—": "---", "…": r"\dots{}", '"': "''"}
)


def to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV in which no cell is run as a formula by a spreadsheet."""
    return str(_escape_cells(table, escape_formula).to_csv(index=False, lineterminator="\r\n"))


def spreadsheet_csv(table: pd.DataFrame) -> str:
    """Return the CSV with a byte order mark: without it spreadsheets garble symbols such as ± and −."""
    return "\ufeff" + to_csv(table)


def to_markdown(table: pd.DataFrame, caption: str = "") -> str:
    """Return a table in GitHub's Markdown with its caption above."""
    cells = _escape_cells(table, escape_markdown)
    rule = ["---:" if is_numeric else "---" for is_numeric in _numeric_columns(table)]
    lines = [f"| {' | '.join(row)} |" for row in (cells.columns, rule, *cells.to_numpy().tolist())]
    return "\n".join([*([escape_markdown(caption), ""] if caption else []), *lines, ""])


def to_latex(table: pd.DataFrame, caption: str = "") -> str:
    """Return a table in LaTeX for the package booktabs."""

    def escape(text: str) -> str:
        cell = to_single_line(text).translate(_LATEX)
        # At the start of a row, LaTeX would read these as an option of the preceding line break.
        return f"{{{cell[0]}}}{cell[1:]}" if cell.startswith(("[", "*")) else cell

    alignment = "".join("r" if is_numeric else "l" for is_numeric in _numeric_columns(table))
    latex = _escape_cells(table, escape).to_latex(
        index=False, escape=False, column_format=alignment, caption=escape(caption) or None, position="htbp"
    )
    return str(latex)


def draw_downloads(table: pd.DataFrame | Callable[[], pd.DataFrame], name: str, caption: str = "") -> None:
    """Draw the downloads of a table as it is shown; each file is created on demand.

    ``table``: the shown cells, or a function that returns them. ``name``: of the files and the widgets.
    ``caption``: above the table in Markdown and LaTeX.
    """

    def cells() -> pd.DataFrame:
        return table() if callable(table) else table

    kinds: dict[str, tuple[Callable[[], str], str, str]] = {
        "CSV": (lambda: spreadsheet_csv(cells()), "csv", "text/csv"),
        "Markdown": (lambda: to_markdown(cells(), caption), "md", "text/markdown"),
        "LaTeX": (lambda: to_latex(cells(), caption), "tex", "application/x-tex"),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption("Download", width="content")
        for label, (text, suffix, mime) in kinds.items():
            st.download_button(
                label, text, f"{name}.{suffix}", mime, key=f"{name} {suffix}", on_click="ignore", type="tertiary"
            )


def _escape_cells(table: pd.DataFrame, escape: Callable[[str], str]) -> pd.DataFrame:
    """Return the cells and the titles as escaped text."""
    cells = [[escape(cell_text(cell)) for cell in row] for row in table.itertuples(index=False, name=None)]
    return pd.DataFrame(cells, columns=[escape(str(name)) for name in table.columns], dtype=object)


def _numeric_columns(table: pd.DataFrame) -> list[bool]:
    """Return for each column whether it contains only numbers; these are right-aligned."""
    columns = ([cell_text(cell) for cell in table.iloc[:, place]] for place in range(table.shape[1]))
    return [all(text == DASH or _NUMBER.fullmatch(text) for text in column) for column in columns]
