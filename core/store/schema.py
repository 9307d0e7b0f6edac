"""The database tables. Names and columns are a public contract: people query them with their own tools."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy import DateTime as _DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_LARGE = BigInteger().with_variant(Integer, "sqlite")  # every SQLite integer has 64 bits
_IN_KEY_ORDER = {"sqlite_with_rowid": False}
"""Rows are stored in the index of the primary key: less space, and faster reads by key."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite stores no time zone; it is restored at each read."""

    impl = _DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Convert to UTC. Raise `ValueError` for a time without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time must have a time zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Restore the time zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables; constraints have the same names on every kind of database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON}


class DatasetRow(Base):
    """One version of labeled text with its splits."""

    __tablename__ = "datasets"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    source: Mapped[str]
    revision: Mapped[str | None]
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    evaluation_fingerprint: Mapped[str] = mapped_column(String(64), index=True)
    text_column: Mapped[str]
    label_column: Mapped[str]
    labels: Mapped[list[str]]
    checks: Mapped[dict[str, Any]]


class ClassBalanceRow(Base):
    """The number of examples with a label in a split."""

    __tablename__ = "class_balance"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    share: Mapped[float]


class ExampleRow(Base):
    """One text with its label; ``extra`` contains the source's other columns."""

    __tablename__ = "examples"
    __table_args__ = (UniqueConstraint("dataset_id", "split", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    split: Mapped[str]
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    label: Mapped[str]
    extra: Mapped[dict[str, Any]]


class RunRow(Base):
    """One run: a model, trained or not, and evaluated once.

    ``changed_at`` is updated with every change of the row, so that readers can fetch only changed rows. A run
    with ``deleted_at`` is in the trash: hidden, and restorable. ``parent_id``: the run whose weights it continues to
    train. ``study`` and ``trial``: the Optuna study and the number of the trial that it carries out.
    """

    __tablename__ = "runs"
    __table_args__ = (
        Index("ix_runs_group_key_seed", "group_key", "seed"),
        {"sqlite_autoincrement": True},  # the id of a deleted run is not used again
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    method: Mapped[str]
    status: Mapped[str]
    phase: Mapped[str | None]
    seed: Mapped[int | None]
    model: Mapped[str | None]
    model_revision: Mapped[str | None]
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id"), index=True)
    baseline_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    study: Mapped[str | None]
    trial: Mapped[int | None]
    group_key: Mapped[str | None]
    config: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    host: Mapped[str | None]
    pid: Mapped[int | None]
    trainable_parameters: Mapped[int | None] = mapped_column(_LARGE)
    total_parameters: Mapped[int | None] = mapped_column(_LARGE)
    adapter_path: Mapped[str | None]
    work_path: Mapped[str | None]
    adapter_bytes: Mapped[int | None] = mapped_column(_LARGE)
    adapter_sha256: Mapped[str | None]
    reload_max_difference: Mapped[float | None]
    train_seconds: Mapped[float | None]
    evaluation_seconds: Mapped[float | None]
    train_examples_per_second: Mapped[float | None]
    peak_memory_bytes: Mapped[int | None] = mapped_column(_LARGE)
    base_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    environment: Mapped[dict[str, Any]]
    error_type: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    traceback: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)
    archived: Mapped[bool] = mapped_column(default=False)
    tags: Mapped[list[str]] = mapped_column(default=list)
    deleted_at: Mapped[datetime | None]
    step: Mapped[int | None]
    total_steps: Mapped[int | None]
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class PredictionRow(Base):
    """A run's prediction for one example; ``probabilities`` is float32, one value per label.

    ``truncated``: whether the text was cut to the model's maximum length; NULL if unknown.
    """

    __tablename__ = "predictions"
    __table_args__ = _IN_KEY_ORDER

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    example_id: Mapped[int] = mapped_column(ForeignKey("examples.id"), primary_key=True, index=True)
    predicted: Mapped[str]
    confidence: Mapped[float]
    true_probability: Mapped[float]
    probabilities: Mapped[bytes] = mapped_column(LargeBinary)
    truncated: Mapped[bool | None]


class MetricRow(Base):
    """One metric of a run on a split, with its 95% interval; NULL if undefined."""

    __tablename__ = "metrics"
    __table_args__ = _IN_KEY_ORDER

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]


class ClassMetricRow(Base):
    """The metrics of one class of a run on a split, with their 95% intervals."""

    __tablename__ = "class_metrics"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    precision: Mapped[float | None]
    precision_low: Mapped[float | None]
    precision_high: Mapped[float | None]
    recall: Mapped[float | None]
    recall_low: Mapped[float | None]
    recall_high: Mapped[float | None]
    f1: Mapped[float | None]
    f1_low: Mapped[float | None]
    f1_high: Mapped[float | None]
    support: Mapped[int]


class HistoryRow(Base):
    """One value logged during training."""

    __tablename__ = "history"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[float]
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float | None]


class LogRow(Base):
    """One line of a run's log."""

    __tablename__ = "log"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)


class RecheckRow(Base):
    """The result of predicting a run's test set again at a later time."""

    __tablename__ = "rechecks"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    changed_labels: Mapped[int]
    max_difference: Mapped[float]
    drifted: Mapped[bool]
    environment: Mapped[dict[str, Any]]


class AnnotationRow(Base):
    """A person's annotation of a text; it belongs to the text, not to a run.

    The newest row of a text applies; earlier ones are kept. ``tag``: its tags, see `core.store.tags`.
    """

    __tablename__ = "annotations"

    id: Mapped[int] = mapped_column(primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64), index=True)
    tag: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(Text)
    proposed_label: Mapped[str | None]
    created_at: Mapped[datetime]


class SavedViewRow(Base):
    """A named view of a dashboard page; ``parameters``: the values of each URL parameter."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("page", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    page: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
