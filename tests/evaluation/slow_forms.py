"""Slow public forms that fast ones are checked against."""

import numpy as np
from scipy.stats import bootstrap
from scipy.stats._resampling import BootstrapResult


def bca_interval(data, statistic, replicates, level=0.95):
    """Return SciPy's BCa interval for an already drawn bootstrap distribution of a statistic of paired samples."""
    drawn = BootstrapResult(None, np.asarray(replicates), None)
    options = {"n_resamples": 0, "bootstrap_result": drawn, "method": "BCa", "confidence_level": level}
    interval = bootstrap(data, statistic, paired=True, vectorized=False, **options).confidence_interval
    return float(interval.low), float(interval.high)
