"""Read Excel workbooks."""

import io
import warnings
import zipfile

import pandas as pd

from core.data.file_tables import FileTable, ReadOptions

_MAX_UNPACKED_BYTES = 1 << 28
"""Workbooks need several times their unpacked size in memory."""


def read_excel(content: bytes, options: ReadOptions) -> FileTable:
    """Read the first sheet with rows; formulas are read by their stored values."""
    try:
        sheets = _read_sheets(content, options)
    except ValueError:
        raise
    except Exception as error:  # the library raises many types for damaged content
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from None
    filled = [name for name, frame in sheets.items() if len(frame)]
    name = filled[0] if filled else next(iter(sheets))
    frame = sheets[name]
    if options.no_header:
        frame = frame.set_axis(range(1, frame.shape[1] + 1), axis=1)
    others = len(filled) - 1
    note = f"Sheet '{name}' is read; {others} other sheets with rows are not."
    return FileTable(frame.rename(columns=str), (note,) if others > 0 else ())


def _read_sheets(content: bytes, options: ReadOptions) -> dict[str, pd.DataFrame]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise ValueError(f"it exceeds {_MAX_UNPACKED_BYTES >> 20} MB unpacked. Save it as CSV.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and other parts that are not read
        sheets: dict[str, pd.DataFrame] = pd.read_excel(
            io.BytesIO(content),
            sheet_name=None,
            header=None if options.no_header else 0,
            dtype=str if options.as_text else None,
            keep_default_na=False,
            na_values=[""],
            engine="openpyxl",
        )
    return sheets
