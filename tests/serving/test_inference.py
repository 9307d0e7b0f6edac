import json
import shutil

import numpy as np
import pytest

from core.config import make_config
from core.data.splits import DataSet, Split
from core.errors import RequestError
from core.models.backbone import find_backbone
from core.models.baselines import MajorityClassifier, fit_frozen, fit_tfidf, load_untrained
from core.runs.job import prepare_jobs
from core.runs.pipeline import run_jobs
from core.runs.progress import Progress
from core.serving.inference import MAX_SPANS, LoadedRun, load_run
from core.store.engine import open_store
from tests.small_runs import job_for

LABELS = ("bad", "good")
ODD_TEXTS = {
    "empty": "",
    "blank": " \n ",
    "word": "film",
    "spaces": " film\n",
    "emojis": "🎬🍿 film",
    "hebrew": "הסרט לא טוב",
    "chinese": "电影很好",
    "long": "a" * 5000,
}


def films(size=60):
    endings, predictions_with_outcomes = ("was shown", "was seen today", "had a song"), ("dreadful", "superb")
    part = Split(
        tuple(f"The film {endings[i % 3]} and was {predictions_with_outcomes[i % 2]} to all" for i in range(size)),
        np.array([i % 2 for i in range(size)]),
        tuple({} for _ in range(size)),
    )
    return DataSet(
        "films",
        "file:films.csv",
        None,
        "text",
        "label",
        LABELS,
        dict.fromkeys(("train", "validation", "test"), part),
        {},
    )


@pytest.fixture(scope="module")
def tfidf():
    return LoadedRun(1, LABELS, fit_tfidf(job_for(make_config({"method": "tfidf"}), films())).classifier)


@pytest.fixture(scope="module", params=["majority", "tfidf", "frozen", "bert", "gpt2"])
def run(request, tfidf, tiny_bert, tiny_gpt2):
    config = make_config({"model": str(tiny_gpt2 if request.param == "gpt2" else tiny_bert), "max_length": 32})
    made = {
        "majority": lambda: MajorityClassifier(np.array([0.25, 0.75])),
        "tfidf": lambda: tfidf.classifier,
        "frozen": lambda: fit_frozen(job_for(config, films())).classifier,
        "bert": lambda: load_untrained(config, LABELS, find_backbone(config)),
        "gpt2": lambda: load_untrained(config, LABELS, find_backbone(config)),
    }
    return LoadedRun(1, LABELS, made[request.param]())


def test_the_decisive_word_weighs_most(tfidf):
    text = "The film was seen today and was superb to all"
    weights = tfidf.word_weights(text)
    assert [one.word for one in weights] == text.split()
    assert max(weights, key=lambda one: one.weight).word == "superb"
    against = tfidf.word_weights(text, "bad")
    assert [one.weight for one in against] == pytest.approx([-one.weight for one in weights], abs=1e-4)


def test_a_weight_is_the_fall_of_the_log_odds(tfidf):
    text = "  superb  film\ntoday "
    weights = tfidf.word_weights(text, "good")
    left_out = ["  film\ntoday ", "  superb\ntoday ", "  superb  film "]
    shares = tfidf.predict([text, *left_out]).astype(np.float64)
    odds = np.log(shares[:, 1] / shares[:, 0])
    assert [one.weight for one in weights] == pytest.approx(odds[0] - odds[1:], abs=1e-4)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_every_classifier_weighs_every_text(run, text):
    weights = run.word_weights(text)
    assert bool(weights) == bool(text.strip())
    assert all(np.isfinite(one.weight) and text[one.start : one.end] == one.word for one in weights)


def test_a_majority_gives_no_word_a_weight():
    run = LoadedRun(1, LABELS, MajorityClassifier(np.array([0.0, 1.0])))
    for label in (None, *LABELS):
        with np.errstate(divide="ignore"):
            assert [one.weight for one in run.word_weights("a good film", label)] == [0, 0, 0]


def test_ideographs_are_weighed_one_by_one(tfidf):
    assert [one.word for one in tfidf.word_weights("电影 ok好")] == ["电", "影", "ok", "好"]


@pytest.mark.parametrize("count", [MAX_SPANS, MAX_SPANS + 1, 5 * MAX_SPANS + 7], ids=["most", "one-more", "many-more"])
def test_a_long_text_is_weighed_in_chunks_that_leave_nothing_out(tfidf, count):
    text = " ".join(f"w{i}" for i in range(count))
    weights = tfidf.word_weights(text)
    assert len(weights) == MAX_SPANS
    assert " ".join(one.word for one in weights) == text
    sizes = {len(one.word.split()) for one in weights}
    assert max(sizes) - min(sizes) <= 1


def test_an_unknown_label_is_refused_with_the_known_ones(tfidf):
    with pytest.raises(RequestError, match="'god' is no label of run 1: bad, good. Did you mean 'good'?"):
        tfidf.word_weights("a film", "god")


def test_a_record_does_not_make_code_that_comes_with_a_model_run(tiny_bert, tmp_path):
    """Whoever loads a run decides, not whoever recorded it."""
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    asked = {"model": str(folder), "method": "untrained", "train_size": 20, "validation_size": 8, "test_size": 8}
    store = open_store(str(tmp_path / "runs.db"), create=True)
    (run,) = run_jobs(prepare_jobs([make_config({**asked, "trust_remote_code": True})], tmp_path), store, Progress())
    path = folder / "config.json"
    auto_map = {"auto_map": {"AutoModelForSequenceClassification": "modeling_own.Own"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | auto_map))
    with pytest.raises(RequestError, match="--trust-remote-code"):
        load_run(store, run.id)
