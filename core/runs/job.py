"""Jobs: run configurations with their data and base model, resolved before anything is written."""

import tempfile
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from core.catalog.baselines import BASELINES, DEFAULT_BASELINES
from core.catalog.methods import rate_for_width, require_installed
from core.config import RunConfig, drop_duplicates, section_of
from core.data import load_data
from core.data.splits import DataSet
from core.data.warnings import describe_dataset
from core.errors import RequestError
from core.models.backbone import Backbone, find_backbone, require_backbone, with_pooling
from core.models.dry_run import dry_run_adapter
from core.models.neural_classifier import is_truncated
from core.models.tokenizers import load_run_tokenizer, load_tokenizer, suggest_max_length
from core.report.truncation import NOTABLE_SHARE
from core.text.formatting import format_percent

_SHARED_SECTIONS = ("data", "model")
"""The sections of settings that the jobs of one search share."""


@dataclass(frozen=True)
class Parent:
    """The complete run whose saved weights, in ``folder``, a run continues to train."""

    run_id: int
    name: str
    group_key: str
    folder: Path


@dataclass(frozen=True)
class Job:
    """A run that is ready to start: every setting has a value, data and base model are resolved.

    ``backbone`` is None for a method without a base model; ``max_length_reason``: how ``auto`` was resolved, None if
    the config set the maximum length; ``continues``: None for a run that starts from the base model.
    """

    config: RunConfig
    data: DataSet
    backbone: Backbone | None
    max_length_reason: str | None = None
    continues: Parent | None = None


def add_baselines(configs: Sequence[RunConfig], names: Sequence[str] = DEFAULT_BASELINES) -> list[RunConfig]:
    """Return the baselines that the configs are compared with, followed by the configs; without duplicates."""
    baselines = [
        config.model_copy(update={"method": baseline.name})
        for baseline in BASELINES
        if baseline.name in names
        for config in configs
        if config.kind != "baseline"
    ]
    return drop_duplicates([*baselines, *configs])


def prepare_jobs(configs: Sequence[RunConfig], store_folder: Path) -> list[Job]:
    """Resolve the base models, data and unset settings of all configs, before anything is written.

    Configs with the same model share its backbone, and configs with the same data settings share the data
    set. Raises `RequestError` for the first problem.
    """
    _check_writable(store_folder)
    for config in configs:
        require_installed(config.method)
    configs = [config.relevant_settings() for config in configs]
    backbones = _find_backbones(configs)
    for config, backbone in zip(configs, backbones, strict=True):
        if config.kind == "adapter":
            dry_run_adapter(config, require_backbone(backbone))
    configs = [_with_model_defaults(config, backbone) for config, backbone in zip(configs, backbones, strict=True)]
    datasets = _load_datasets(configs)
    configs = [_with_split_sizes(config, data) for config, data in zip(configs, datasets, strict=True)]
    return _with_max_lengths(
        [Job(config, data, backbone) for config, data, backbone in zip(configs, datasets, backbones, strict=True)]
    )


def vary_job(job: Job, config: RunConfig) -> Job:
    """Return a job with a config's method, adapter, training settings and seed on the data and base model of ``job``.

    Raises `RequestError` if the method cannot train the model with these settings.
    """
    require_installed(config.method)
    shared = {
        name: getattr(job.config, name) for name in RunConfig.model_fields if section_of(name) in _SHARED_SECTIONS
    }
    config = config.model_copy(update=shared).relevant_settings()
    backbone = with_pooling(require_backbone(job.backbone), config) if config.uses("model") else None
    if config.kind == "adapter":
        dry_run_adapter(config, require_backbone(backbone))
    return Job(_with_model_defaults(config, backbone), job.data, backbone, job.max_length_reason)


def _find_backbones(configs: Sequence[RunConfig]) -> list[Backbone | None]:
    """Return the backbone of each config, None for a method without one; the files of each model are read once."""
    resolved: dict[Hashable, Backbone] = {}
    backbones: list[Backbone | None] = []
    for config in configs:
        if not config.uses("model"):
            backbones.append(None)
            continue
        model = (config.model, config.revision, config.trust_remote_code)
        if model not in resolved:
            resolved[model] = find_backbone(config.model_copy(update={"pooling": "model"}))
        pooled = (*model, config.pooling if config.uses("pooling") else "model")
        if pooled not in resolved:
            resolved[pooled] = with_pooling(resolved[model], config)
        backbones.append(resolved[pooled])
    return backbones


def _with_model_defaults(config: RunConfig, backbone: Backbone | None) -> RunConfig:
    """Return the config with the pooling and, if none is set, the learning rate that fit the model."""
    if backbone is None:
        return config
    load_run_tokenizer(config, backbone)  # raises if the tokenizer does not fit the model or the method
    rate = config.lr or rate_for_width(config.method, backbone.width)
    return config.model_copy(update={"lr": rate, "pooling": backbone.pooling})


def _load_datasets(configs: Sequence[RunConfig]) -> list[DataSet]:
    """Return the data set of each config; each distinct one is loaded once."""
    by_settings = {_data_settings(config): config for config in configs}
    loaded = {settings: load_data(config) for settings, config in by_settings.items()}
    return [loaded[_data_settings(config)] for config in configs]


def _data_settings(config: RunConfig) -> str:
    return str([value for name, value in config.settings().items() if section_of(name) == "data"])


def _with_split_sizes(config: RunConfig, data: DataSet) -> RunConfig:
    """Return the config with the sizes of the drawn splits instead of ``auto``."""
    return config.model_copy(update={f"{name}_size": len(split) for name, split in data.splits.items()})


def describe_data(jobs: Sequence[Job]) -> list[str]:
    """Return sentences for each data set of the jobs: its splits and columns, and warnings."""
    by_data: dict[str, list[Job]] = {}
    for job in jobs:
        by_data.setdefault(job.data.fingerprint, []).append(job)
    return [
        sentence
        for data_jobs in by_data.values()
        for sentence in (*describe_dataset(data_jobs[0].data), *_describe_truncation(data_jobs))
    ]


def _describe_truncation(jobs: Sequence[Job]) -> list[str]:
    """Return a warning if the job with the lowest maximum length reads only the beginnings of many test texts."""
    lengths = {job.config.max_length: job for job in jobs if job.backbone and isinstance(job.config.max_length, int)}
    if not lengths:
        return []
    length, job = min(lengths.items(), key=itemgetter(0))
    share = is_truncated(load_tokenizer(require_backbone(job.backbone), length), job.data.test.texts).mean()
    if share <= NOTABLE_SHARE:
        return []
    return [f"Warning: {format_percent(share)}% of the test texts are truncated to {length} tokens (--max-length)."]


def _with_max_lengths(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs with ``max_length="auto"`` replaced by a length that fits the training texts."""
    suggested: dict[Hashable, tuple[int, str]] = {}
    resolved = []
    for job in jobs:
        if job.config.max_length == "auto" and job.backbone is not None:
            key = (job.backbone.path, job.backbone.revision, id(job.data))  # jobs with the same settings share the data
            if key not in suggested:
                suggested[key] = suggest_max_length(load_tokenizer(job.backbone, "auto"), job.data.train.texts)
            length, reason = suggested[key]
            job = replace(job, config=job.config.model_copy(update={"max_length": length}), max_length_reason=reason)
        resolved.append(job)
    return resolved


def _check_writable(folder: Path) -> None:
    """Raise `RequestError` if no file can be created in the database's folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"The folder {folder} cannot be written to ({error.strerror}). Choose a database in another folder with "
            "--db: its adapters are saved next to it."
        ) from None
