"""Which label a run took for which."""

import pandas as pd

from dashboard import data


def confusion(run_id: int) -> pd.DataFrame:
    """Return a row a cell of the confusion matrix: true, predicted, count, and share of its row."""
    names, frame = data.labels(run_id), data.judged(run_id)
    counts = pd.crosstab(frame["label"], frame["predicted"]).reindex(index=names, columns=names, fill_value=0)
    counts.index.name, counts.columns.name = "true", "predicted"
    cells = counts.stack().rename("count").reset_index()
    total = cells.groupby("true")["count"].transform("sum")
    cells["share"] = (cells["count"] / total).where(total > 0)
    return cells
