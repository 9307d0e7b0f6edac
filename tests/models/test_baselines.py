"""The baselines learn, reload with the same logits, and read the files of earlier versions."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from core.config import make_config
from core.data.splits import DataSet, Split
from core.models.baselines import fit_tfidf
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
