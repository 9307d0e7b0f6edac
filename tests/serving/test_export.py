"""What is taken away answers as the run did: a merged model, and a folder that runs without this project."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.config import make_config
from core.errors import RequestError, RunError
from core.models.backbone import find_backbone
from core.serving.export import export_run, merge_run
from core.serving.inference import load_run
from core.store import queries
from tests.small_runs import create_store, record_run

TEXTS = ["a good film", "bad", "okay film lovely " * 9]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return create_store(tmp_path_factory.mktemp("taken away"))


@pytest.fixture(scope="module")
def lora(store, tiny_bert):
    return record_run(store, tiny_bert, r=4)


def merges(store, run, folder):
    """Merge a run, load it as anyone would, and return the largest difference of its probabilities."""
    merge_run(store, run.id, folder)
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    expected = load_run(store, run.id).predict(TEXTS)
    inputs = [tokenizer(text, truncation=True, return_tensors="pt") for text in TEXTS]
    shares = np.concatenate([model(**one).logits.softmax(-1).detach().numpy() for one in inputs])
    return model, tokenizer, float(np.abs(shares - expected).max())


def test_a_merged_run_is_a_plain_model_with_the_same_answers(store, lora, tmp_path):
    model, tokenizer, difference = merges(store, lora, tmp_path / "merged")
    assert difference < 1e-5
    assert model.config.id2label == {0: "bad", 1: "fine, so-so", 2: "good"}
    assert tokenizer.model_max_length == 24
    assert not list((tmp_path / "merged").glob("adapter*"))
    assert "library_name: transformers" in (tmp_path / "merged" / "README.md").read_text()


def test_a_decoder_without_a_pad_token_merges_with_one(store, tiny_gpt2, tmp_path):
    model, tokenizer, difference = merges(store, record_run(store, tiny_gpt2, r=2), tmp_path / "merged")
    assert difference < 1e-5
    assert model.config.pad_token_id == tokenizer.pad_token_id is not None


@pytest.mark.parametrize("method", ["ia3", "hra", "full"])
def test_other_methods_merge_and_a_full_fine_tune_is_plain_already(method, store, tiny_bert, tmp_path):
    assert merges(store, record_run(store, tiny_bert, method=method), tmp_path / "merged")[2] < 1e-5


def test_a_run_on_a_quantised_base_merges_onto_the_exact_one_and_says_so(store, tiny_bert, tmp_path):
    pytest.importorskip("bitsandbytes")
    merged = merge_run(store, record_run(store, tiny_bert, quantize="4bit").id, tmp_path / "merged")
    assert merged.quantized == "4bit"
    assert merged.max_difference < 1e-4
    weights = load_file(tmp_path / "merged" / "model.safetensors")
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32"}
    assert "quantization_config" not in json.loads((tmp_path / "merged" / "config.json").read_text())


@pytest.mark.parametrize(
    ("method", "reason"),
    [("lily", "not supported for Lily"), ("prompt_tuning", "in front of every text"), ("majority", "is a baseline")],
)
def test_what_cannot_merge_is_refused_with_the_reason_and_nothing_is_left(method, reason, store, tiny_bert, tmp_path):
    run = record_run(store, tiny_bert, method=method)
    with pytest.raises(RequestError, match=reason):
        merge_run(store, run.id, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


def test_a_merged_model_that_answers_differently_is_not_kept(store, lora, tiny_bert, tmp_path, monkeypatch):
    saved = AutoModelForSequenceClassification.from_pretrained

    def damaged(folder, **options):
        if folder != str(tiny_bert):
            weights = load_file(folder / "model.safetensors")
            save_file(weights | {"classifier.bias": weights["classifier.bias"] + 0.5}, folder / "model.safetensors")
        return saved(folder, **options)

    monkeypatch.setattr("core.serving.export.AutoModelForSequenceClassification.from_pretrained", damaged)
    with pytest.raises(RunError, match=r"its logits differ by 0\.5.*export"):
        merge_run(store, lora.id, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("take", [merge_run, export_run])
def test_a_folder_with_something_in_it_is_left_alone(take, store, lora, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for folder, reason in (
        ("full", "not an empty folder"),
        ("full/mine.txt", "not an empty"),
        ("no/where", "There is no"),
    ):
        with pytest.raises(RequestError, match=reason):
            take(store, lora.id, tmp_path / folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]
    (tmp_path / "empty").mkdir()
    take(store, lora.id, tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").is_file()


def example(folder, elsewhere, *arguments):
    """Run an exported folder's example in a process that knows nothing of this project; return label and share."""
    command = [sys.executable, "-I", str(folder / "example.py"), *arguments]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, env={"HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr
    return [(line.split("\t")[0], float(line.split("\t")[1])) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("method", ["lora", "full", "prompt_tuning"])
def test_an_exported_folder_gives_the_stored_probabilities_without_this_project(method, store, tiny_gpt2, tmp_path):
    run = record_run(store, tiny_gpt2, method=method)
    folder, elsewhere = tmp_path / "export", tmp_path / "elsewhere"
    elsewhere.mkdir()
    export_run(store, run.id, folder)
    assert {"README.md", "example.py", "requirements.txt", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
    stored = queries.predictions(store, run.id).head(5)
    answers = example(folder, elsewhere, *stored["text"])
    assert [label for label, _ in answers] == stored["predicted"].tolist()
    assert [share for _, share in answers] == pytest.approx(stored["confidence"].tolist(), abs=1e-5)


@pytest.mark.parametrize(("dtype", "size"), [(torch.bfloat16, 3), (torch.float32, 5)], ids=["bfloat16", "float32"])
def test_an_export_answers_as_the_run_on_a_base_in_half_precision_or_with_another_head(
    dtype, size, store, tiny_bert, tmp_path
):
    base = AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=size)
    base.to(dtype).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "base")
    run = record_run(store, tmp_path / "base", max_length=128)
    export_run(store, run.id, tmp_path / "export")
    stored = queries.predictions(store, run.id).tail(3)
    shares = [share for _, share in example(tmp_path / "export", tmp_path, *stored["text"])]
    assert shares == pytest.approx(stored["confidence"].tolist(), abs=1e-5)


def test_a_sign_of_the_end_within_a_text_stays_text_in_what_is_taken_away(store, lora, tmp_path):
    text = "a good [SEP] film [PAD]"
    expected = load_run(store, lora.id).classifier.tokenizer(text)["input_ids"]
    export_run(store, lora.id, tmp_path / "export")
    merge_run(store, lora.id, tmp_path / "merged")
    for folder in ("export", "merged"):
        assert AutoTokenizer.from_pretrained(tmp_path / folder)(text)["input_ids"] == expected
    assert AutoTokenizer.from_pretrained(make_config(lora.config).model)(text)["input_ids"] != expected


def test_an_exported_adapter_takes_a_copy_of_its_base_that_lies_elsewhere(store, lora, tiny_bert, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tiny_bert.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    export_run(store, lora.id, tmp_path / "export")
    text = queries.predictions(store, lora.id)["text"][0]
    expected = load_run(store, lora.id).predict([text]).max()
    ((_, share),) = example(tmp_path / "export", tmp_path, text, "--base", str(copy))
    assert share == pytest.approx(expected, abs=1e-5)


def test_an_export_names_its_base_and_the_versions_of_its_run(store, lora, tiny_bert, tmp_path):
    export_run(store, lora.id, tmp_path / "export")
    config = json.loads((tmp_path / "export" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_bert)
    names = [line.partition("==")[0] for line in (tmp_path / "export" / "requirements.txt").read_text().split()]
    assert names == ["torch", "transformers", "peft"]
    assert "+" not in (tmp_path / "export" / "requirements.txt").read_text()
    assert len((tmp_path / "export" / "example.py").read_text().splitlines()) < 30


def test_an_export_of_a_quantised_run_loads_its_base_as_the_run_did(store, tmp_path):
    pytest.importorskip("bitsandbytes")
    run = record_run(store, "minilm", quantize="4bit", lr=1e-3)
    export_run(store, run.id, tmp_path / "export")
    stored = queries.predictions(store, run.id).head(3)
    base = find_backbone(make_config({"model": "minilm"})).path
    shares = [share for _, share in example(tmp_path / "export", tmp_path, *stored["text"], "--base", base)]
    assert shares == pytest.approx(stored["confidence"].tolist(), abs=0.01)  # a CPU may multiply 4 bits in bfloat16
    assert "load_in_4bit" in (tmp_path / "export" / "example.py").read_text()
    assert "bitsandbytes" in (tmp_path / "export" / "requirements.txt").read_text()


def test_a_baseline_is_not_exported(store, tiny_bert, tmp_path):
    with pytest.raises(RequestError, match="is a baseline"):
        export_run(store, record_run(store, tiny_bert, method="tfidf").id, tmp_path / "export")
