"""Features of the frozen base model are computed once for all classifiers that read them."""

import numpy as np
import pytest
import torch

from core.config import make_config
from core.models import frozen_encoder
from core.models.backbone import find_backbone
from core.models.baselines import fit_frozen, fit_untrained
from core.models.build import build_trainable
from core.models.feature_cache import SHARED_FEATURES, FeatureCache, feature_key
from core.models.frozen_encoder import FrozenEncoder
from tests.small_runs import SIZES, job_for, write_films


@pytest.fixture
def encoded(monkeypatch):
    """The number of texts of each pass through a frozen encoder, with an empty cache."""
    passes = []
    encode = frozen_encoder._encode
    monkeypatch.setattr(frozen_encoder, "_encode", lambda *args: passes.append(len(args[3])) or encode(*args))
    monkeypatch.setattr(SHARED_FEATURES, "_entries", FeatureCache()._entries)
    return passes


def job(folder, model, **settings):
    config = {"dataset": write_films(folder), "model": str(model), "max_length": 32, **SIZES, **settings}
    return job_for(make_config(config))


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_gpt2"])
def test_untrained_model_leaves_the_features_of_its_texts(name, request, tmp_path, encoded):
    untrained = job(tmp_path, request.getfixturevalue(name), method="untrained")
    classifier, data = fit_untrained(untrained).classifier, untrained.data
    encoder = FrozenEncoder(untrained.config, find_backbone(untrained.config))
    for split in (data.validation, data.test):
        expected = encoder.compute_features(split.texts)
        classifier.logits(split.texts)
        assert np.abs(encoder.features(split.texts) - expected).max() < 1e-5
    assert encoded == [len(data.validation), len(data.test)]


def test_frozen_baseline_and_new_head_share_one_pass(tiny_bert, tmp_path, encoded):
    frozen = job(tmp_path, tiny_bert, method="frozen")
    fit_untrained(frozen).classifier.logits(frozen.data.validation.texts)
    fit_frozen(frozen)
    build_trainable(job(tmp_path, tiny_bert, pooling="mean"))
    assert encoded == [len(frozen.data.train)]


def test_new_head_is_the_same_without_the_shared_features(tiny_bert, tmp_path, encoded):
    heads = []
    for has_baseline in (True, False):
        SHARED_FEATURES._entries.clear()
        if has_baseline:
            fit_frozen(job(tmp_path, tiny_bert, method="frozen"))
        model = build_trainable(job(tmp_path, tiny_bert, pooling="mean")).classifier.model
        heads.append(next(p.detach() for name, p in model.named_parameters() if "modules_to_save" in name))
    assert torch.equal(*heads)


def test_dtypes_have_features_of_their_own(tiny_bert):
    backbone = find_backbone(make_config({"model": str(tiny_bert)}))
    assert feature_key(backbone, 32, ["a"]) != feature_key(backbone, 32, ["a"], "bfloat16")
