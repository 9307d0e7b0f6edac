"""Read Parquet files."""

import io

from pyarrow.parquet import ParquetFile

from core.data.class_labels import name_class_labels, read_features
from core.data.file_tables import MAX_FILE_BYTES, MAX_ROWS, FileTable, ReadOptions

_PANDAS_INDEX = "__index_level_0__"


def read_parquet(content: bytes, options: ReadOptions) -> FileTable:
    """Read a Parquet file; class labels that the library datasets wrote are returned by name."""
    file = ParquetFile(io.BytesIO(content))
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    if file.metadata.num_rows > MAX_ROWS or sum(group.total_byte_size for group in groups) > MAX_FILE_BYTES:
        raise ValueError(f"its {file.metadata.num_rows:,} rows do not fit into memory. Use a part of the file")
    table = file.read()
    table.validate(full=True)  # detect texts that are not UTF-8 here, not when they are used
    # The metadata of pandas (index, types) may be damaged and is not needed.
    frame = table.to_pandas(ignore_metadata=True).drop(columns=_PANDAS_INDEX, errors="ignore")
    return FileTable(name_class_labels(frame, read_features(table.schema)))
