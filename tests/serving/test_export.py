"""Merged and exported folders give the run's predictions without this project."""

import json
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer, pipeline

from core.config import make_config
from core.errors import RequestError, RunError
from core.models.backbone import find_backbone
from core.serving.export import export_run, merge_run
from core.serving.inference import load_run
from core.store import queries
from core.store.engine import open_store
from core.store.publishing import make_publishable
from tests.small_runs import create_store, record_run

TEXTS = ["a good film", "bad", "okay film lovely " * 9]
LABELS = {0: "bad", 1: "fine, so-so", 2: "good"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return create_store(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def lora(store, tiny_bert):
    return record_run(store, tiny_bert, r=4)


@pytest.fixture(scope="module")
def decoder(store, tiny_gpt2):
    return record_run(store, tiny_gpt2, r=2)


@pytest.fixture(scope="module")
def full(store, tiny_bert):
    return record_run(store, tiny_bert, method="full")


@pytest.fixture(scope="module")
def merged(store, lora, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged") / "merged"
    merge_run(store, lora.id, folder)
    return folder


@pytest.fixture(scope="module")
def exported(store, lora, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "exported"
    export_run(store, lora.id, folder)
    return folder


def expected_predictions(store, run):
    probabilities = load_run(store, run.id).predict(TEXTS)
    return [LABELS[code] for code in probabilities.argmax(1)], probabilities.max(1).tolist()


def assert_pipeline_reproduces(store, run, folder, **options):
    """Assert that a transformers pipeline on the folder gives the run's labels and scores."""
    classify = pipeline("text-classification", model=str(folder), tokenizer=str(folder), **options)
    results = [classify(text, truncation=True)[0] for text in TEXTS]
    labels, scores = expected_predictions(store, run)
    assert [result["label"] for result in results] == labels
    assert [result["score"] for result in results] == pytest.approx(scores, abs=1e-5)


def test_merged_folder_is_a_plain_model_with_label_names(merged):
    config = json.loads((merged / "config.json").read_text())
    assert {int(code): label for code, label in config["id2label"].items()} == LABELS
    assert AutoTokenizer.from_pretrained(merged).model_max_length == 24
    assert not list(merged.glob("adapter*"))
    assert "library_name: transformers" in (merged / "README.md").read_text()


def test_pipeline_on_merged_folder_reproduces_predictions(store, lora, merged):
    assert_pipeline_reproduces(store, lora, merged)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ia3", "hra"])
def test_other_methods_merge(method, store, tiny_bert, tmp_path):
    run = record_run(store, tiny_bert, method=method)
    merge_run(store, run.id, tmp_path / "merged")
    assert_pipeline_reproduces(store, run, tmp_path / "merged")


def test_merged_run_with_mean_pooling_is_a_token_classifier(store, tiny_bert, tmp_path):
    run = record_run(store, tiny_bert, pooling="mean")
    merge_run(store, run.id, tmp_path / "merged")
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    inputs = [tokenizer(text, truncation=True, return_tensors="pt") for text in TEXTS]
    scores = [model(**tokens).logits.mean(dim=1).softmax(-1).max().item() for tokens in inputs]
    assert scores == pytest.approx(expected_predictions(store, run)[1], abs=1e-5)
    assert "AutoModelForTokenClassification" in (tmp_path / "merged" / "README.md").read_text()


def test_full_fine_tune_merges_to_itself(store, full, tmp_path):
    merge_run(store, full.id, tmp_path / "merged")
    assert_pipeline_reproduces(store, full, tmp_path / "merged")


def test_merged_decoder_without_pad_token_gets_one(store, decoder, tmp_path):
    merge_run(store, decoder.id, tmp_path / "merged")
    assert_pipeline_reproduces(store, decoder, tmp_path / "merged")
    config = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert config["pad_token_id"] == AutoTokenizer.from_pretrained(tmp_path / "merged").pad_token_id is not None


@pytest.mark.slow
def test_quantized_run_merges_into_full_precision_weights(store, tiny_bert, tmp_path):
    pytest.importorskip("bitsandbytes")
    result = merge_run(store, record_run(store, tiny_bert, quantize="4bit").id, tmp_path / "merged")
    assert result.quantized == "4bit"
    assert result.max_difference < 1e-4
    weights = load_file(tmp_path / "merged" / "model.safetensors")
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32"}
    assert "quantization_config" not in json.loads((tmp_path / "merged" / "config.json").read_text())


@pytest.mark.parametrize(
    ("method", "reason"),
    [("lily", "does not merge"), ("prompt_tuning", "prepends trained vectors"), ("majority", "is a baseline")],
)
def test_run_that_cannot_merge_is_refused_and_nothing_is_written(method, reason, store, tiny_bert, tmp_path):
    run = record_run(store, tiny_bert, method=method)
    with pytest.raises(RequestError, match=reason):
        merge_run(store, run.id, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


def test_merged_model_with_other_logits_is_discarded(store, lora, tiny_bert, tmp_path, monkeypatch):
    original = AutoModelForSequenceClassification.from_pretrained

    def load_damaged(folder, **options):
        if folder != str(tiny_bert):
            weights = load_file(folder / "model.safetensors")
            save_file(weights | {"classifier.bias": weights["classifier.bias"] + 0.5}, folder / "model.safetensors")
        return original(folder, **options)

    monkeypatch.setattr("core.serving.export.AutoModelForSequenceClassification.from_pretrained", load_damaged)
    with pytest.raises(RunError, match=r"differ by 0\.5"):
        merge_run(store, lora.id, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [merge_run, export_run])
@pytest.mark.parametrize("folder", ["full", "full/mine.txt", "no/where"])
def test_target_must_be_a_new_or_empty_folder(write, folder, store, lora, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(RequestError):
        write(store, lora.id, tmp_path / folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


@pytest.mark.parametrize("write", [merge_run, export_run])
def test_empty_target_folder_is_used(write, store, lora, tmp_path):
    (tmp_path / "empty").mkdir()
    write(store, lora.id, tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").is_file()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_saved_folder_holds_tokenizer_and_label_names(method, store, request):
    run = request.getfixturevalue(method)
    folder, tokenizer = run.adapter_folder(store.folder), load_run(store, run.id).classifier.tokenizer
    saved = AutoTokenizer.from_pretrained(folder)
    assert [saved(text)["input_ids"] for text in TEXTS] == [tokenizer(text)["input_ids"] for text in TEXTS]
    assert saved.model_max_length == 24
    names = json.loads((folder / ("labels.json" if method == "lora" else "config.json")).read_text())
    assert {int(code): label for code, label in names["id2label"].items()} == LABELS
    assert names["label2id"] == {label: code for code, label in LABELS.items()}


def test_saved_decoder_tokenizer_has_the_pad_token_that_the_run_used(store, decoder):
    assert AutoTokenizer.from_pretrained(decoder.adapter_folder(store.folder)).pad_token == "<|endoftext|>"


def test_pipeline_on_exported_adapter_takes_label_names_from_the_folder(store, lora, exported):
    names = json.loads((exported / "labels.json").read_text())["id2label"]
    id2label = {int(code): label for code, label in names.items()}
    assert_pipeline_reproduces(store, lora, exported, model_kwargs={"id2label": id2label})


def test_pipeline_on_exported_full_fine_tune_reproduces_predictions(store, full, tmp_path):
    export_run(store, full.id, tmp_path / "export")
    assert_pipeline_reproduces(store, full, tmp_path / "export")


def test_adapter_of_an_early_version_exports_with_tokenizer_and_label_names(store, lora, tmp_path):
    """Early versions saved the weights and the config of an adapter only."""
    early = record_run(store, make_config(lora.config).model, r=4, seed=2)
    folder = early.adapter_folder(store.folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "labels.json"):
        (folder / name).unlink()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update runs set adapter_sha256 = NULL where id = ?", (early.id,))
    export_run(store, early.id, tmp_path / "export")
    assert_pipeline_reproduces(store, early, tmp_path / "export", model_kwargs={"id2label": LABELS})


@pytest.fixture
def run_example(monkeypatch, capsys, tmp_path):
    """A function that runs an exported folder's example and returns its labels and confidences."""

    def run(folder, *arguments):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        monkeypatch.chdir(elsewhere)
        monkeypatch.setattr("sys.argv", ["example.py", *arguments])
        capsys.readouterr()
        runpy.run_path(str(folder / "example.py"), run_name="__main__")
        return parse_example_output(capsys.readouterr().out)

    return run


def parse_example_output(text):
    """Return the labels and confidences that an example printed."""
    rows = [line.split("\t") for line in text.splitlines()]
    return [row[0] for row in rows], [float(row[1]) for row in rows]


@pytest.mark.slow
def test_example_needs_nothing_of_this_project(store, lora, exported, tmp_path):
    stored = queries.predictions(store, lora.id).head(2)
    command = [sys.executable, "-I", str(exported / "example.py"), *stored["text"]]
    environment = {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    labels, confidences = parse_example_output(done.stdout)
    assert labels == stored["predicted"].tolist()
    assert confidences == pytest.approx(stored["confidence"].tolist(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["model", "mean"])
@pytest.mark.parametrize("method", ["lora", "full", "prompt_tuning"])
def test_example_reproduces_stored_predictions(method, pooling, store, tiny_gpt2, tmp_path, run_example):
    run = record_run(store, tiny_gpt2, method=method, pooling=pooling)
    export_run(store, run.id, tmp_path / "export")
    stored = queries.predictions(store, run.id).head(5)
    labels, confidences = run_example(tmp_path / "export", *stored["text"])
    assert labels == stored["predicted"].tolist()
    assert confidences == pytest.approx(stored["confidence"].tolist(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "size"),
    [pytest.param(torch.bfloat16, 3, id="bfloat16"), pytest.param(torch.float32, 5, id="five-labels")],
)
def test_example_reproduces_predictions_on_base_with_other_dtype_or_head(
    dtype, size, store, tiny_bert, tmp_path, run_example
):
    base = AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=size)
    base.to(dtype).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "base")
    run = record_run(store, tmp_path / "base", max_length=128)
    export_run(store, run.id, tmp_path / "export")
    stored = queries.predictions(store, run.id).tail(3)
    _, confidences = run_example(tmp_path / "export", *stored["text"])
    assert confidences == pytest.approx(stored["confidence"].tolist(), abs=1e-5)


@pytest.mark.parametrize("folder", ["exported", "merged"])
def test_special_tokens_in_a_text_stay_text(folder, store, lora, request):
    text = "a good [SEP] film [PAD]"
    expected = load_run(store, lora.id).classifier.tokenizer(text)["input_ids"]
    assert AutoTokenizer.from_pretrained(request.getfixturevalue(folder))(text)["input_ids"] == expected
    assert AutoTokenizer.from_pretrained(make_config(lora.config).model)(text)["input_ids"] != expected


def test_example_takes_a_copy_of_the_base_model(store, lora, exported, tiny_bert, tmp_path, run_example):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tiny_bert.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    text = queries.predictions(store, lora.id)["text"][0]
    expected = load_run(store, lora.id).predict([text]).max()
    _, (confidence,) = run_example(exported, text, "--base", str(copy))
    assert confidence == pytest.approx(expected, abs=1e-5)


def test_export_names_base_model_and_pins_package_versions(exported, tiny_bert):
    config = json.loads((exported / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_bert)
    requirements = (exported / "requirements.txt").read_text()
    assert [line.partition("==")[0] for line in requirements.split()] == ["torch", "transformers", "peft"]
    assert "+" not in requirements


@pytest.mark.slow
def test_export_of_quantized_run_quantizes_its_base(store, tmp_path, run_example):
    pytest.importorskip("bitsandbytes")
    run = record_run(store, "minilm", quantize="4bit", lr=1e-3)
    export_run(store, run.id, tmp_path / "export")
    stored = queries.predictions(store, run.id).head(3)
    base = find_backbone(make_config({"model": "minilm"})).path
    _, confidences = run_example(tmp_path / "export", *stored["text"], "--base", base)
    assert confidences == pytest.approx(
        stored["confidence"].tolist(), abs=0.01
    )  # a CPU may multiply 4 bits in bfloat16
    assert "load_in_4bit" in (tmp_path / "export" / "example.py").read_text()
    assert "bitsandbytes" in (tmp_path / "export" / "requirements.txt").read_text()


def test_baseline_is_not_exported(store, tiny_bert, tmp_path):
    with pytest.raises(RequestError):
        export_run(store, record_run(store, tiny_bert, method="tfidf").id, tmp_path / "export")


def test_published_adapter_uses_the_tokenizer_of_its_base_model(store, lora, tmp_path):
    shutil.copytree(store.folder, tmp_path / "published")
    published = open_store(str(tmp_path / "published" / "runs.db"))
    expected = load_run(published, lora.id).predict(TEXTS)
    make_publishable(published)
    folder = queries.run(published, lora.id).adapter_folder(published.folder)
    assert not list(folder.glob("tokenizer*"))
    assert np.abs(load_run(published, lora.id).predict(TEXTS) - expected).max() == 0  # and the checksum matches
