"""The baselines learn, reload with the same logits, and read the files of earlier versions."""

import json
import os
import shutil
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from core.catalog.baselines import BASELINES, select_baselines
from core.config import make_config
from core.data.splits import DataSet, Split
from core.errors import RequestError
from core.models.backbone import find_backbone
from core.models.baselines import IMPLEMENTATIONS, fit_tfidf
from core.models.baselines.ngrams import ANALYZERS, NgramFeatures
from core.models.feature_cache import FeatureCache, feature_key
from core.models.frozen_encoder import FrozenEncoder
from core.runs.job import prepare_jobs
from core.serving.inference import load_classifier
from tests.small_runs import job_for, saved_as

LABELS = ("bad", "fine", "good")
WORDS = (("awful", "boring"), ("average", "ordinary"), ("charming", "lovely"))
PROBE = ("an awful film", "charmingly filmed", "", "nothing known")


def make_films(classes):
    texts = [f"{word} film {n}" for n in range(20) for words in WORDS[:classes] for word in words]
    part = Split(tuple(texts), np.arange(len(texts)) // 2 % classes, ({},) * len(texts))
    splits = dict.fromkeys(("train", "validation", "test"), part)
    return DataSet("films", "films", None, "text", "label", LABELS[:classes], splits, {})


@pytest.mark.parametrize("classes", [2, 3])
def test_tfidf_reloads_with_the_same_log_probabilities(classes, tmp_path):
    config, films = make_config({"method": "tfidf"}), make_films(classes)
    classifier = fit_tfidf(job_for(config, films)).classifier
    classifier.save(tmp_path)
    logits = classifier.logits(PROBE)
    assert np.exp(logits).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (classifier.logits(films.test.texts).argmax(axis=1) == films.test.labels).all()
    reloaded = load_classifier(saved_as(config, films.labels, tmp_path))
    assert np.abs(reloaded.logits(PROBE) - logits).max() < 1e-5


def test_tfidf_knows_a_word_by_its_characters():
    films = make_films(3)
    logits = fit_tfidf(job_for(make_config({"method": "tfidf"}), films)).classifier.logits(["charmingly", "boringness"])
    assert [LABELS[code] for code in logits.argmax(axis=1)] == ["good", "bad"]


@pytest.mark.parametrize("analyzer", ANALYZERS)
@pytest.mark.parametrize("max_features", [100, 1000])
def test_ngram_features_equal_those_of_scikit_learn(analyzer, max_features):
    films = [
        "A good, good film: 10/10!",
        "good\u2003Film\n'good' ...",
        "\u039f\u0394\u039f\u03a3 \u0130stanbul \U0001f600",
        "a\x1cb  c",
    ]
    unseen = ["a Good stanbul film", "", " ", "new"]
    reference = TfidfVectorizer(**ANALYZERS[analyzer], sublinear_tf=True, max_features=max_features)
    expected = reference.fit_transform(films).toarray()
    features, values = NgramFeatures.fit(analyzer, films, max_features)
    assert features.terms == reference.get_feature_names_out().tolist()
    assert values.toarray() == pytest.approx(expected)
    assert features.transform(films).toarray() == pytest.approx(expected)
    assert features.transform(unseen).toarray() == pytest.approx(reference.transform(unseen).toarray())


@pytest.mark.parametrize("classes", [2, 3])
def test_tfidf_run_of_an_earlier_version_is_loaded(classes, tmp_path):
    films = make_films(classes)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
    regression = LogisticRegression().fit(vectorizer.fit_transform(films.train.texts), films.train.labels)
    (tmp_path / "vocabulary.json").write_text(json.dumps(vectorizer.get_feature_names_out().tolist()))
    weights = np.ascontiguousarray(regression.coef_)
    tensors = {"coefficients": weights, "intercept": regression.intercept_, "classes": regression.classes_}
    save_file(tensors | {"idf": vectorizer.idf_}, tmp_path / "tfidf.safetensors")
    loaded = load_classifier(saved_as(make_config({"method": "tfidf"}), films.labels, tmp_path))
    expected = regression.predict_log_proba(vectorizer.transform(PROBE))
    assert np.abs(loaded.logits(PROBE) - expected).max() < 1e-5


@pytest.mark.parametrize("method", ["frozen", "knn"])
@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers_on_frozen_features_learn_and_reload(method, classes, tiny_bert, tmp_path):
    config, films = make_config({"method": method, "model": str(tiny_bert), "max_length": 32}), make_films(classes)
    fitted = IMPLEMENTATIONS[method].fit(job_for(config, films))
    fitted.classifier.save(tmp_path)
    logits = fitted.classifier.logits(PROBE)
    assert np.isfinite(logits).all() and np.exp(logits).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (fitted.classifier.logits(films.test.texts).argmax(axis=1) == films.test.labels).mean() > 0.9
    reloaded = load_classifier(saved_as(config, films.labels, tmp_path))
    assert np.abs(reloaded.logits(PROBE) - logits).max() < 1e-4
    assert fitted.train_seconds > 0


def test_frozen_run_of_an_earlier_version_uses_the_mean(tiny_bert, tmp_path):
    config, films = make_config({"method": "frozen", "model": str(tiny_bert), "max_length": 32}), make_films(2)
    encoder = FrozenEncoder(config, find_backbone(config))
    mean = [encoder.features(texts)[:, : encoder.model.config.hidden_size] for texts in (films.train.texts, PROBE)]
    regression = LogisticRegression().fit(mean[0], films.train.labels)
    tensors = {"coefficients": regression.coef_, "intercept": regression.intercept_, "classes": regression.classes_}
    save_file(tensors, tmp_path / "regression.safetensors")
    loaded = load_classifier(saved_as(config, films.labels, tmp_path))
    assert np.abs(loaded.logits(PROBE) - regression.predict_log_proba(mean[1])).max() < 1e-5


@pytest.mark.parametrize(("fixture", "position"), [("tiny_bert", 0), ("tiny_gpt2", -1)])
def test_features_are_the_mean_and_one_token_without_padding(fixture, position, request):
    config = make_config({"model": str(request.getfixturevalue(fixture)), "max_length": 32})
    encoder = FrozenEncoder(config, find_backbone(config))
    features = encoder.features(["a good film", "bad"])
    for text, row in zip(["a good film", "bad"], features, strict=True):
        hidden = encoder.model(**encoder.tokenizer(text, return_tensors="pt")).last_hidden_state[0].detach().numpy()
        assert np.abs(row - np.concatenate([hidden.mean(axis=0), hidden[position]])).max() < 1e-5


def test_features_are_computed_once_and_the_oldest_are_dropped():
    cache = FeatureCache(max_bytes=200)
    features = {name: np.full((4, 5), n, dtype=np.float32) for n, name in enumerate("abc")}
    first = cache.get_or_compute("a", features["a"].copy)
    assert cache.get_or_compute("a", lambda: pytest.fail("computed twice")) is first
    cache.get_or_compute("b", features["b"].copy)
    cache.get("a")
    cache.get_or_compute("c", features["c"].copy)
    assert cache.get("b") is None
    assert [cache.get(name).values.tolist() for name in "ac"] == [features[name].tolist() for name in "ac"]
    cache.get_or_compute("too large", lambda: np.zeros((8, 8), dtype=np.float32))
    assert cache.get("too large") is None and cache.get("a") is first


def test_features_of_other_texts_lengths_and_files_are_not_shared(tiny_bert, tmp_path):
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    backbone = find_backbone(make_config({"model": str(model)}))
    keys = [feature_key(backbone, 32, ["a"]), feature_key(backbone, 32, ["b"]), feature_key(backbone, 16, ["a"])]
    os.utime(model / "model.safetensors", ns=(0, 0))
    assert len({*keys, feature_key(backbone, 32, ["a"])}) == 4


def test_baselines_are_selected_by_name():
    assert select_baselines(["knn", "tfidf"]) == ("tfidf", "knn")
    assert select_baselines(["none"]) == ()
    assert select_baselines(["all"]) == tuple(baseline.name for baseline in BASELINES)


@pytest.mark.parametrize("method", ["model2vec", "setfit"])
def test_baseline_of_an_optional_package_learns_and_reloads(tiny_bert, tmp_path, method):
    config, films = make_config({"method": method, "model": str(tiny_bert)}), make_films(3)
    classifier = IMPLEMENTATIONS[method].fit(job_for(config, films)).classifier
    classifier.save(tmp_path)
    logits = classifier.logits(PROBE)
    assert (classifier.logits(films.test.texts).argmax(axis=1) == films.test.labels).mean() > 0.9
    assert np.abs(load_classifier(saved_as(config, films.labels, tmp_path)).logits(PROBE) - logits).max() < 1e-5


def test_method_without_its_package_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "model2vec", None)  # as if it were not installed
    with pytest.raises(RequestError, match="adapter-bench.model2vec."):
        prepare_jobs([make_config({"method": "model2vec"})], tmp_path)
    with pytest.raises(RequestError) as refusal:
        load_classifier(saved_as(make_config({"method": "model2vec"}), LABELS, tmp_path))
    assert refusal.value.code == "missing_package"


@pytest.mark.parametrize("names", [["tfdif"], ["all", "knn"], ["none", "knn"]])
def test_names_of_no_baseline_are_refused(names):
    with pytest.raises(RequestError, match=names[0]):
        select_baselines(names)
