"""Search spaces: which settings a search varies, and how a trial's parameters become settings."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from optuna import Trial
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from core.catalog.methods import METHODS
from core.catalog.search_spaces import ALPHA_OVER_R, LAST_HALF, OTHER_MODULES, Choices, Dimension, Range, default_space
from core.models.backbone import build_empty_model, require_backbone
from core.models.targets import ALL_LINEAR, choose_targets
from core.runs.job import Job
from core.training.learning_rates import learning_rates

METHOD = "method"
_MIN_LAYERS = 2
_SIGNIFICANT_DIGITS = 3


@dataclass(frozen=True)
class Space:
    """The distributions of the searched settings, by method; ``ranks``: the rank of each method if it is not searched.

    With several methods, the method is a parameter too, and the names of the others begin with it: ``lora.lr``.
    """

    dimensions: Mapping[str, Mapping[str, BaseDistribution]]
    ranks: Mapping[str, int | None]

    @property
    def methods(self) -> list[str]:
        """The names of the methods."""
        return list(self.dimensions)

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Let the sampler choose a value for every parameter; return the settings."""
        method = self.methods[0]
        if len(self.methods) > 1:
            method = trial.suggest_categorical(METHOD, self.methods)
        for name, distribution in self.dimensions[method].items():
            _suggest(trial, self._parameter(method, name), distribution)
        return self.settings(trial.params)

    def settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that a trial's parameters stand for; an unset one is omitted."""
        method = parameters.get(METHOD, self.methods[0])
        values = {name: parameters[self._parameter(method, name)] for name in self.dimensions[method]}
        if ALPHA_OVER_R in values:
            rank = values.get("r") or self.ranks[method]
            values["alpha"] = values.pop(ALPHA_OVER_R) * rank
        return {METHOD: method, **{name: value for name, value in values.items() if value is not None}}

    def defaults(self, job: Job) -> dict[str, Any]:
        """Return the parameters of a job's settings, each moved to the nearest value of its distribution."""
        method = job.config.method
        parameters = {METHOD: method} if len(self.methods) > 1 else {}
        for name, distribution in self.dimensions[method].items():
            parameters[self._parameter(method, name)] = _nearest(distribution, default_value(job, name))
        return parameters

    def describe(self) -> dict[str, dict[str, str]]:
        """Return the distributions as JSON texts, which identify the space."""
        return {
            method: {name: distribution_to_json(distribution) for name, distribution in dimensions.items()}
            for method, dimensions in self.dimensions.items()
        }

    def _parameter(self, method: str, name: str) -> str:
        return f"{method}.{name}" if len(self.methods) > 1 else name


def default_value(job: Job, name: str) -> Any:
    """Return the value of a dimension in a job's settings, which the method or the model may determine."""
    config = job.config
    if name == ALPHA_OVER_R:
        return config.alpha / config.r if config.alpha and config.r else None
    if name == "head_lr":
        return learning_rates(config, require_backbone(job.backbone).width).head
    value = getattr(config, name)
    return ",".join(value) if isinstance(value, tuple) else value


def default_distributions(job: Job, given: Collection[str]) -> dict[str, BaseDistribution]:
    """Return the default space of a job's method without the ``given`` settings, resolved for its model."""
    dimensions = default_space(METHODS[job.config.method], fixed_epochs=job.config.epochs != "auto")
    omitted = {*given, *([ALPHA_OVER_R] if "alpha" in given else [])}
    resolved = {name: _resolve(job, name, dimensions[name]) for name in dimensions if name not in omitted}
    return {name: distribution for name, distribution in resolved.items() if distribution is not None}


def _resolve(job: Job, name: str, dimension: Dimension) -> BaseDistribution | None:
    """Return the distribution of a dimension for a job's model; None if the model leaves a single value."""
    if isinstance(dimension, Range):
        factor = default_value(job, name) if dimension.relative else 1
        low, high = (_round(factor * end) for end in (dimension.low, dimension.high))
        return FloatDistribution(low, high, log=dimension.log)
    values = _resolve_choices(job, name, dimension)
    return CategoricalDistribution(values) if len(values) > 1 else None


def _resolve_choices(job: Job, name: str, dimension: Choices) -> list[Any]:
    if dimension.relative:
        default = default_value(job, name)
        values = [max(1, round(factor * default)) if name == "r" else factor * default for factor in dimension.values]
    else:
        values = [_SYMBOLS[value](job) if value in _SYMBOLS else value for value in dimension.values]
    return list(dict.fromkeys(values))


def _last_half(job: Job) -> str | None:
    layers = int(require_backbone(job.backbone).config.get_text_config().num_hidden_layers)
    return f"last:{layers // 2}" if layers >= _MIN_LAYERS else None


def _other_modules(job: Job) -> str:
    """Return the modules that a method does not adapt by default."""
    if METHODS[job.config.method].targets != "linear":
        return ALL_LINEAR
    model = build_empty_model(require_backbone(job.backbone))
    return ",".join(choose_targets(model, "attention", None, job.config.model).modules)


_SYMBOLS = {OTHER_MODULES: _other_modules, LAST_HALF: _last_half}


def _round(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    suggest: Any = trial.suggest_float if isinstance(distribution, FloatDistribution) else trial.suggest_int
    return suggest(name, distribution.low, distribution.high, log=distribution.log)


def _nearest(distribution: BaseDistribution, value: Any) -> Any:
    """Return the value of a distribution nearest to a value; its first choice if the value is none of them."""
    if isinstance(distribution, CategoricalDistribution):
        return value if value in distribution.choices else distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if not isinstance(value, int | float):
        return distribution.low
    return min(max(value, distribution.low), distribution.high)
