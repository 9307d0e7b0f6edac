"""The model card states scores, failures, data and usage of a run."""

import ast
import re
import subprocess
import sys

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from core.config import make_config
from core.models.backbone import find_backbone
from core.report.card_usage import BaseModelFacts
from core.report.model_card import render_model_card
from core.serving.model_cards import model_card_of_run
from core.store import queries
from tests.small_runs import create_store, record_run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return create_store(tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="module")
def majority(store, tiny_bert):
    return record_run(store, tiny_bert, method="majority")


@pytest.fixture(scope="module")
def lora(store, majority, tiny_bert):
    return record_run(store, tiny_bert, r=2, max_length=8, target_modules="query,value")


@pytest.fixture(scope="module")
def card(store, lora):
    return render(store, lora)


def render(store, run):
    config = make_config(run.config)
    return model_card_of_run(store, run.id, find_backbone(config) if config.uses("model") else None)


def section(card, title):
    return card.split(f"## {title}\n")[1].split("\n## ")[0]


def test_saved_card_equals_rendered_card(store, lora, card):
    assert (lora.adapter_folder(store.folder) / "README.md").read_text() == card


def test_card_names_method_base_model_and_trainable_parameters(card, tiny_bert):
    assert f"LoRA on `{tiny_bert}`" in card
    assert re.search(r", 611 \(2\.\d%\) trainable parameters\.", card)


def test_scores_have_intervals_and_difference_to_baseline(store, lora, card):
    metrics = queries.metrics(store, [lora.id]).set_index(["split", "name"])
    low = metrics.loc[("test", "accuracy"), "low"]
    assert f"({low * 100:.1f}–" in card.split("| accuracy |")[1].splitlines()[0]
    assert re.search(r"best baseline.*majority class: .* points, p ", section(card, "Scores"))


def test_known_failures_match_stored_predictions(store, majority):
    predictions = queries.predictions(store, majority.id)
    majority_label = predictions["predicted"].iloc[0]
    missed = [label for label in ("bad", "fine, so-so", "good") if label != majority_label]
    failures = section(render(store, majority), "Known failures")
    for label in missed:
        size = (predictions["label"] == label).sum()
        assert f"{label} predicted as {majority_label}, {size} of {size}" in failures
    assert f"{missed[0]} 0.0 (0.0–" in failures
    assert "Calibration: " in failures


def test_card_states_share_of_truncated_texts(store, lora, card):
    share = queries.predictions(store, lora.id)["truncated"].mean()
    assert f"- {share * 100:.1f}% of the test texts" in section(card, "Known failures")


def test_card_states_split_sizes_and_class_balance(card):
    assert "| train | 48 | 16 | 16 | 16 |" in card
    assert "| test | 36 | 12 | 12 | 12 |" in card


def test_unknown_licenses_are_not_guessed(card):
    assert section(card, "License").count("not recorded.") == 2


def test_licenses_of_bundled_model_and_data_are_named(store):
    run = record_run(store, "minilm", dataset="movie-reviews", method="frozen")
    licenses = section(render(store, run), "License")
    assert "apache-2.0" in licenses
    assert "MIT. Hutto, C.J. & Gilbert" in licenses


def test_label_with_bar_is_escaped_in_tables(tmp_path, tiny_bert):
    (tmp_path / "odd.csv").write_text(
        "text,label\n" + "".join(f"film {n},{'a|b' if n % 2 else 'c'}\n" for n in range(200))
    )
    store = create_store(tmp_path)
    run = record_run(store, tiny_bert, dataset=str(tmp_path / "odd.csv"), method="majority")
    assert "| a\\|b |" in render(store, run)


def card_code(store, run, text):
    """Return the card's code with this run's folder, base model and text filled in."""
    code = render(store, run).split("```python\n")[1].split("```")[0]
    code = code.replace('"path/to/this/folder"', repr(str(run.adapter_folder(store.folder))))
    code = code.replace('"a text"', repr(text))
    return code.replace(repr(run.model), repr(find_backbone(make_config(run.config)).path))


def predict_with_card_code(store, run, capsys):
    """Run the card's code; return the stored and the computed label and score of a long text."""
    stored = queries.predictions(store, run.id).iloc[-1]
    capsys.readouterr()
    exec(card_code(store, run, stored["text"]), {})
    return (stored["predicted"], stored["confidence"]), parse_output(capsys.readouterr().out)


def parse_output(text):
    """Return the label with the highest score, and its score, that the card's code printed."""
    printed = ast.literal_eval(text.splitlines()[-1])
    rows = printed[0] if isinstance(printed[0], list) else printed  # a pipeline prints a list for each text
    best = max(rows, key=lambda row: row["score"])
    return best["label"], best["score"]


@pytest.mark.slow
def test_card_code_needs_nothing_of_this_project(store, lora, tmp_path):
    stored = queries.predictions(store, lora.id).iloc[-1]
    command = [sys.executable, "-I", "-c", card_code(store, lora, stored["text"])]
    environment = {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert parse_output(done.stdout) == (stored["predicted"], pytest.approx(stored["confidence"], abs=1e-5))


def save_base(tiny_bert, folder, checkpoint):
    """Save the tiny base model again, in half precision or with a head for five labels."""
    torch.manual_seed(1)
    if checkpoint == "bfloat16":
        AutoModel.from_pretrained(tiny_bert).to(torch.bfloat16).save_pretrained(folder)
    else:
        AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=5).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("checkpoint", "method"), [("bfloat16", "lora"), ("bfloat16", "full"), ("five-labels", "lora")]
)
def test_card_code_reproduces_predictions_for_any_base_checkpoint(
    checkpoint, method, store, tiny_bert, tmp_path, capsys
):
    base = save_base(tiny_bert, tmp_path / "base", checkpoint)
    stored, computed = predict_with_card_code(store, record_run(store, base, method=method, max_length=128), capsys)
    assert computed == (stored[0], pytest.approx(stored[1], abs=1e-5))


def test_card_code_of_decoder_without_pad_token_reproduces_predictions(store, tiny_gpt2, capsys):
    stored, computed = predict_with_card_code(store, record_run(store, tiny_gpt2, r=2), capsys)
    assert computed == (stored[0], pytest.approx(stored[1], abs=1e-5))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_card_code_of_mean_pooled_run_reproduces_predictions(method, store, tiny_bert, capsys):
    run = record_run(store, tiny_bert, method=method, pooling="mean")
    stored, computed = predict_with_card_code(store, run, capsys)
    assert computed == (stored[0], pytest.approx(stored[1], abs=1e-5))


def test_card_of_mean_pooled_run_names_no_pipeline(store, tiny_bert, card):
    mean = render(store, record_run(store, tiny_bert, pooling="mean", seed=5))
    assert "pipeline_tag" in card and "pipeline_tag" not in mean
    assert "Do not load it with `AutoModelForSequenceClassification`" in mean


def test_card_code_does_not_trust_remote_code_unless_the_run_did(card):
    assert "trust_remote_code" not in card


def test_card_code_reads_the_base_tokenizer_if_the_folder_has_none(store, lora, tiny_bert):
    card = render_model_card(store, lora.id, BaseModelFacts(has_tokenizer=False))
    assert f"AutoTokenizer.from_pretrained({str(tiny_bert)!r})" in card


@pytest.mark.slow
def test_card_code_of_quantized_run_quantizes_its_base(store, capsys):
    pytest.importorskip("bitsandbytes")
    run = record_run(store, "minilm", quantize="4bit", lr=1e-3)
    assert "load_in_4bit" in render(store, run)
    stored, computed = predict_with_card_code(store, run, capsys)
    assert computed == (stored[0], pytest.approx(stored[1], abs=0.01))  # a CPU may multiply 4 bits in bfloat16
