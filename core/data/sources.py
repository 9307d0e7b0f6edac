"""Labeled text of a source before it is split: its columns, label names and splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from core.config import RunConfig, flag
from core.data.columns import detect_columns, format_columns
from core.data.labels import (
    find_unlabeled_splits,
    is_missing,
    is_missing_label,
    name_labels,
    require_known_merges,
)
from core.data.sanitize import sanitize_frame, to_json_row
from core.data.source_splits import (
    SPLIT_COLUMN,
    assign_splits,
    find_split_column,
    read_split_names,
    refuse_requested_splits,
)
from core.data.tables import Table, is_same_dataset, load_table
from core.errors import RequestError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Source:
    """Labeled text before it is split.

    ``frame`` has the columns ``text``, ``label`` (names, not codes), ``extra`` (a dict of the other
    columns) and ``split`` (the source's split, or None). ``assigned_splits`` maps the run's splits to
    the source's; it is empty if the source has none. ``labels``: the label names in order.
    ``excluded_rows``: counts of unused rows by reason; ``sanitized_rows``: the number of rows with
    replaced characters; ``merged_labels``: the names that became others by --merge-labels; ``notes``: sentences for
    the user about how the source was read.
    """

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    frame: pd.DataFrame
    labels: tuple[str, ...]
    assigned_splits: dict[str, str]
    excluded_rows: dict[str, int]
    sanitized_rows: int = 0
    merged_labels: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def load_source(config: RunConfig) -> Source:
    """Load the config's data set, combined with the validation and the test data set if the config names them.

    Raises `RequestError` if a data set cannot be found, read, or used as labeled text.
    """
    separate = [name for name in ("validation", "test") if getattr(config, f"{name}_dataset") is not None]
    tables = {name: load_table(config, f"{name}_dataset") for name in separate}
    main = load_table(config, "dataset")
    if not config.splits:
        _require_different_datasets({"dataset": main, **{f"{name}_dataset": table for name, table in tables.items()}})
    if config.dataset_config is not None and not any(
        table.source.startswith("hub:") for table in (main, *tables.values())
    ):
        raise RequestError(
            f"--dataset-config applies to data sets of the Hub only; {config.dataset} is not one.", code="not_from_hub"
        )
    source = make_source(main, config, splits=[name for name in SPLITS if name not in separate])
    reference = source
    for name, table in tables.items():
        other = make_source(table, _config_for(config, table), splits=(name,), reference=reference)
        source = _combine(source, other, name)
    require_known_merges(config.merge_labels, source.merged_labels, source.labels, config.dataset)
    return source


def _require_different_datasets(tables: Mapping[str, Table]) -> None:
    """Raise `RequestError` if two tables, by the field of the config that names them, are the same data set."""
    for (field, table), (other_field, other) in combinations(tables.items(), 2):
        if is_same_dataset(table, other):
            raise RequestError(
                f"{flag(other_field)} {other.requested_name} is the same data set as {flag(field)}: its examples "
                "would be in both. Name another data set, or the splits to use with --splits.",
                code="same_dataset",
            )


def make_source(
    table: Table, config: RunConfig, splits: Sequence[str] = SPLITS, reference: Source | None = None
) -> Source:
    """Return a table's labeled text: detect its columns and splits, name its labels, exclude unusable rows.

    ``splits``: the run's splits to draw from it. ``reference``: the source whose column names take
    precedence. Raises `RequestError` for a table that is not labeled text.
    """
    name = table.requested_name
    frame, sanitized_rows = sanitize_frame(table.frame)
    columns = [column for column in frame.columns if column != SPLIT_COLUMN]
    if frame.empty:
        raise RequestError(f"{name} has no rows.", code="no_rows")
    split_column = find_split_column(frame, columns, config)
    candidates = [column for column in columns if column != split_column]
    reference_columns = None if reference is None else (reference.text_column, reference.label_column)
    text, label = detect_columns(frame, candidates, name, config, reference_columns)
    split_names = read_split_names(frame, columns, name, config)
    assigned, exclusions = _assign_source_splits(frame[label], split_names, columns, name, config, splits)
    usable, excluded_rows = _exclude_rows(frame, text, label, exclusions)
    _require_texts(usable[text], name)
    label_names, labels, merged_labels = name_labels(usable[label], name, config.merge_labels)
    if len(labels) < 2 and reference is None:
        raise _too_few_labels_error(name, label, labels, len(usable), columns)
    extra = usable.drop(columns=[text, label, SPLIT_COLUMN, *([split_column] if split_column else [])], errors="ignore")
    return Source(
        name=table.name,
        source=table.source,
        revision=table.revision,
        text_column=text,
        label_column=label,
        frame=_make_examples(usable[text], label_names, extra, split_names if assigned else None),
        labels=labels,
        assigned_splits=assigned,
        excluded_rows=excluded_rows,
        sanitized_rows=sanitized_rows,
        merged_labels=merged_labels,
        notes=tuple(f"{name}: {note}" for note in table.notes),
    )


def _make_examples(
    texts: pd.Series, label_names: pd.Series, extra: pd.DataFrame, split_names: pd.Series | None
) -> pd.DataFrame:
    """Return the frame of a `Source`; ``split_names``: of all rows of the table, None for no splits."""
    return pd.DataFrame(
        {
            "text": list(map(str, texts)),
            "label": list(label_names),
            "extra": [to_json_row(row) for row in extra.to_dict(orient="records")],
            "split": None if split_names is None else list(split_names[texts.index]),
        }
    )


def _assign_source_splits(
    labels: pd.Series,
    split_names: pd.Series | None,
    columns: Sequence[str],
    dataset: str,
    config: RunConfig,
    splits: Sequence[str],
) -> tuple[dict[str, str], dict[str, pd.Series]]:
    """Return the source's split for each of ``splits``, and masks of the rows to exclude by split, by reason."""
    requested: dict[str, str] = {name: split for name, split in config.splits.items() if name in splits}
    if split_names is None:
        refuse_requested_splits(requested, dataset, columns)
        return {}, {}
    unlabeled = find_unlabeled_splits(labels, split_names)
    names = [str(name) for name in split_names.dropna().unique()]
    assigned = assign_splits(names, unlabeled, dataset, requested, splits, strict=config.split_column is not None)
    exclusions = {f"in the split '{name}', which has no labels": split_names == name for name in unlabeled}
    if assigned:
        exclusions["without a split"] = split_names.isna()
        unused = [name for name in names if name not in {*assigned.values(), *unlabeled}]
        exclusions |= {f"in the split '{name}'": split_names == name for name in unused}
    return assigned, exclusions


def _exclude_rows(
    frame: pd.DataFrame, text: str, label: str, exclusions: dict[str, pd.Series]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the usable rows, and the number of excluded rows by their first reason."""
    usable = pd.Series(True, index=frame.index)
    counts = {}
    missing = {"without text": is_missing(frame[text]), "without label": is_missing_label(frame[label])}
    for reason, rows in (exclusions | missing).items():
        counts[reason] = int((usable & rows).sum())
        usable &= ~rows
    return frame[usable], {reason: count for reason, count in counts.items() if count}


def _require_texts(column: pd.Series, dataset: str) -> None:
    texts = [value for value in column if isinstance(value, str)]
    if not column.empty and (not texts or pd.to_numeric(pd.Series(texts), errors="coerce").notna().all()):
        raise RequestError(
            f"Column '{column.name}' of {dataset} contains values such as {str(column.iloc[0])[:60]}, not texts. "
            "Name the text column with --text-column.",
            code="not_text",
        )
    unsupported = next((value for value in column if not isinstance(value, str | bool | int | float)), None)
    if unsupported is not None:
        raise RequestError(
            f"Column '{column.name}' of {dataset} contains lists, objects or bytes ({str(unsupported)[:60]}) among its "
            "texts. Convert them to text, or name another column with --text-column.",
            code="not_text",
        )


def _config_for(config: RunConfig, table: Table) -> RunConfig:
    """Return the config for a separate data set, without the split column if the table lacks it."""
    if config.split_column in table.frame.columns:
        return config
    return config.model_copy(update={"split_column": None})


def _combine(main: Source, other: Source, split: str) -> Source:
    """Return a source that draws a split from ``other`` and the others from ``main``."""
    unknown = [label for label in other.labels if label not in main.labels]
    if unknown:
        raise RequestError(
            f"{other.source} has labels that {main.source} lacks: {', '.join(unknown)}. "
            f"Labels of {main.source}: {', '.join(main.labels)}. The training split needs every label of the {split} "
            "split.",
            code="unknown_labels",
        )
    place = flag(f"{split}_dataset")
    main_frame = main.frame if main.assigned_splits else main.frame.assign(split="--dataset")
    columns = (other.text_column, other.label_column)
    suffix = "" if columns == (main.text_column, main.label_column) else f" (columns {', '.join(columns)})"
    other_excluded = {f"of the {split} set {reason}": count for reason, count in other.excluded_rows.items()}
    return replace(
        main,
        source=f"{main.source}, {split} {other.source}{suffix}",
        revision=f", {split} ".join(revision for revision in (main.revision, other.revision) if revision) or None,
        frame=pd.concat([main_frame, other.frame.assign(split=place)], ignore_index=True),
        assigned_splits=(main.assigned_splits or {"train": "--dataset"}) | {split: place},
        excluded_rows=main.excluded_rows | other_excluded,
        sanitized_rows=main.sanitized_rows + other.sanitized_rows,
        merged_labels=main.merged_labels | other.merged_labels,
        notes=(*main.notes, *other.notes),
    )


def _too_few_labels_error(
    dataset: str, column: str, labels: tuple[str, ...], rows: int, columns: list[str]
) -> RequestError:
    problem = f"a single label ('{labels[0]}', {rows:,} rows)" if labels else "no row with both a text and a label"
    return RequestError(
        f"{dataset} has {problem}, so there is nothing to learn or measure. "
        f"Is --label-column '{column}' correct? {format_columns(columns)}",
        code="too_few_labels",
    )
