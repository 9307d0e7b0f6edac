"""Word importance by occlusion, and loading of recorded runs."""

import json
import shutil

import numpy as np
import pytest

from core.config import make_config
from core.data.splits import DataSet, Split
from core.errors import RequestError
from core.models.backbone import find_backbone
from core.models.baselines import MajorityClassifier, fit_frozen, fit_tfidf
from core.models.baselines.untrained import load_untrained
from core.runs.job import prepare_jobs
from core.runs.pipeline import run_jobs
from core.runs.progress import Progress
from core.serving.inference import MAX_SPANS, LoadedRun, load_run
from core.store.engine import open_store
from core.store.run_writer import RunWriter
from tests.error_codes import raises_code
from tests.small_runs import create_store, job_for, record_run

LABELS = ("bad", "good")
UNUSUAL_TEXTS = {
    "empty": "",
    "blank": " \n ",
    "word": "film",
    "spaces": " film\n",
    "emojis": "🎬🍿 film",
    "hebrew": "הסרט לא טוב",
    "chinese": "电影很好",
    "long": "a" * 5000,
}


def make_films(size=60):
    endings, words = ("was shown", "was seen today", "had a song"), ("dreadful", "superb")
    split = Split(
        tuple(f"The film {endings[i % 3]} and was {words[i % 2]} to all" for i in range(size)),
        np.array([i % 2 for i in range(size)]),
        tuple({} for _ in range(size)),
    )
    splits = dict.fromkeys(("train", "validation", "test"), split)
    return DataSet("films", "file:films.csv", None, "text", "label", LABELS, splits, {})


@pytest.fixture(scope="module")
def tfidf():
    return LoadedRun(1, LABELS, fit_tfidf(job_for(make_config({"method": "tfidf"}), make_films())).classifier)


@pytest.fixture(scope="module", params=["majority", "tfidf", "frozen", "bert", "gpt2"])
def run(request, tfidf, tiny_bert, tiny_gpt2):
    config = make_config({"model": str(tiny_gpt2 if request.param == "gpt2" else tiny_bert), "max_length": 32})
    classifiers = {
        "majority": lambda: MajorityClassifier(np.array([0.25, 0.75])),
        "tfidf": lambda: tfidf.classifier,
        "frozen": lambda: fit_frozen(job_for(config, make_films())).classifier,
        "bert": lambda: load_untrained(config, LABELS, find_backbone(config)),
        "gpt2": lambda: load_untrained(config, LABELS, find_backbone(config)),
    }
    return LoadedRun(1, LABELS, classifiers[request.param]())


def test_decisive_word_has_the_largest_weight(tfidf):
    text = "The film was seen today and was superb to all"
    weights = tfidf.word_weights(text)
    assert [weight.word for weight in weights] == text.split()
    assert max(weights, key=lambda weight: weight.weight).word == "superb"
    opposite = tfidf.word_weights(text, "bad")
    assert [weight.weight for weight in opposite] == pytest.approx([-weight.weight for weight in weights], abs=1e-4)


def test_weight_is_the_drop_of_the_log_odds(tfidf):
    text = "  superb  film\ntoday "
    weights = tfidf.word_weights(text, "good")
    occlusions = ["  film\ntoday ", "  superb\ntoday ", "  superb  film "]
    probabilities = tfidf.predict([text, *occlusions]).astype(np.float64)
    log_odds = np.log(probabilities[:, 1] / probabilities[:, 0])
    assert [weight.weight for weight in weights] == pytest.approx(log_odds[0] - log_odds[1:], abs=1e-4)


@pytest.mark.parametrize("text", UNUSUAL_TEXTS.values(), ids=UNUSUAL_TEXTS)
def test_every_classifier_gives_finite_weights(run, text):
    weights = run.word_weights(text)
    assert bool(weights) == bool(text.strip())
    assert all(np.isfinite(weight.weight) and text[weight.start : weight.end] == weight.word for weight in weights)


def test_majority_classifier_gives_weights_of_zero():
    run = LoadedRun(1, LABELS, MajorityClassifier(np.array([0.0, 1.0])))
    for label in (None, *LABELS):
        with np.errstate(divide="ignore"):
            assert [weight.weight for weight in run.word_weights("a good film", label)] == [0, 0, 0]


def test_ideographs_are_words(tfidf):
    assert [weight.word for weight in tfidf.word_weights("电影 ok好")] == ["电", "影", "ok", "好"]


@pytest.mark.parametrize(
    "words", [MAX_SPANS, MAX_SPANS + 1, 5 * MAX_SPANS + 7], ids=["maximum", "one-more", "many-more"]
)
def test_long_text_is_divided_into_chunks_of_equal_size(tfidf, words):
    text = " ".join(f"w{i}" for i in range(words))
    weights = tfidf.word_weights(text)
    assert len(weights) == MAX_SPANS
    assert " ".join(weight.word for weight in weights) == text
    sizes = {len(weight.word.split()) for weight in weights}
    assert max(sizes) - min(sizes) <= 1


def test_unknown_label_is_refused_with_a_suggestion(tfidf):
    with raises_code("unknown_label", "'god'", "bad, good", "Did you mean 'good'?"):
        tfidf.word_weights("a film", "god")


@pytest.fixture
def majority(tmp_path, tiny_bert):
    store = create_store(tmp_path)
    run = record_run(store, tiny_bert, method="majority")
    return store, run.id, run.adapter_folder(store.folder)


def test_run_with_changed_files_is_refused(majority):
    store, run_id, folder = majority
    (path,) = folder.glob("*.safetensors")
    path.write_bytes(path.read_bytes() + b" ")
    with raises_code("changed_files"):
        load_run(store, run_id)


def test_run_with_damaged_files_is_refused(majority):
    store, run_id, folder = majority
    (path,) = folder.glob("*.safetensors")
    path.write_bytes(b"damaged")
    RunWriter.reopen(store, run_id).update(adapter_sha256=None)
    with raises_code("unusable_files", "db check"):
        load_run(store, run_id)


def test_run_without_files_is_refused(majority):
    store, run_id, folder = majority
    shutil.rmtree(folder)
    with raises_code("missing_files", folder.name):
        load_run(store, run_id)


def test_incomplete_run_is_refused(majority):
    store, run_id, _ = majority
    RunWriter.reopen(store, run_id).update(status="failed")
    with raises_code("run_is_incomplete", "failed"):
        load_run(store, run_id)


def test_record_cannot_enable_remote_code(tiny_bert, tmp_path):
    """The user who loads a run decides, not the one who recorded it."""
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    settings = {"model": str(folder), "method": "untrained", "train_size": 20, "validation_size": 8, "test_size": 8}
    store = open_store(str(tmp_path / "runs.db"), create=True)
    jobs = prepare_jobs([make_config({**settings, "trust_remote_code": True})], tmp_path)
    (run,) = run_jobs(jobs, store, Progress())
    path = folder / "config.json"
    auto_map = {"auto_map": {"AutoModelForSequenceClassification": "modeling_own.Own"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | auto_map))
    with pytest.raises(RequestError, match="--trust-remote-code"):
        load_run(store, run.id)
