import numpy as np
import pytest
import torch
from transformers import RobertaConfig, RobertaForSequenceClassification

from core.config import make_config
from core.data.splits import Split
from core.errors import RequestError
from core.models.adapters import add_adapter, choose_targets
from core.models.backbone import _whole_modules, find_backbone, load_for_classification, load_tokenizer
from core.models.baselines import load_untrained
from core.models.neural import mean_pooled, run_texts, truncated_shares
from core.models.precision import frozen_weights_in, training_dtype

TEXTS = ["a good film", "bad", "the film was good and bad and good again", "a", "the bad film"]


def loaded(folder, labels=("a", "b", "c"), **values):
    config = make_config({"model": str(folder), "max_length": 32, **values})
    backbone = find_backbone(config)
    tokenizer = load_tokenizer(backbone, config.max_length)
    torch.manual_seed(0)
    return config, tokenizer, *load_for_classification(backbone, tokenizer, labels)


def test_the_packaged_model_is_recorded_by_its_hub_name_and_revision():
    backbone = find_backbone(make_config({}))
    assert backbone.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(backbone.revision) == 40
    assert backbone.path != backbone.name
    assert find_backbone(make_config({"model": backbone.name})) == backbone


def test_an_unknown_model_is_told_with_what_works_offline():
    with pytest.raises(
        RequestError, match="--model 'minlm' is neither a folder nor.*Did you mean 'minilm'.*local folder"
    ):
        find_backbone(make_config({"model": "minlm"}))


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(RequestError, match="holds no model"):
        find_backbone(make_config({"model": str(tmp_path)}))


def test_pickled_weights_are_refused(tiny_bert, tmp_path):
    for path in tiny_bert.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(RequestError, match="no safetensors weights"):
        loaded(tmp_path)


def test_a_decoder_gets_a_pad_token_and_its_model_knows_it(tiny_gpt2):
    _, tokenizer, model, new = loaded(tiny_gpt2)
    assert tokenizer.pad_token == tokenizer.eos_token
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.padding_side == "right"
    assert new == ("score",)


def test_new_modules_come_from_the_loading_report(tiny_bert):
    _, _, model, new = loaded(tiny_bert)
    assert new == ("classifier",)
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}


def test_a_head_of_several_layers_is_named_whole():
    model = RobertaForSequenceClassification(
        RobertaConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )
    new = {name for name, _ in model.named_parameters() if name.startswith("classifier")}
    assert _whole_modules(model, new) == ("classifier",)
    assert _whole_modules(model, new - {"classifier.dense.bias"}) == ("classifier.out_proj",)


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_logits_stand_in_the_order_of_the_texts(fixture, request):
    config = make_config({"model": str(request.getfixturevalue(fixture)), "max_length": 32})
    classifier = load_untrained(config, ("a", "b"))
    together = classifier.logits(TEXTS * 20)
    alone = np.concatenate([classifier.logits([text]) for text in TEXTS])
    assert np.abs(together - np.tile(alone, (20, 1))).max() < 1e-5


def test_pooled_features_ignore_padding(tiny_bert):
    _, tokenizer, model, _ = loaded(tiny_bert)
    encoder = model.bert.eval()
    features = run_texts(encoder, tokenizer, TEXTS, lambda batch: mean_pooled(encoder, batch))
    alone = run_texts(encoder, tokenizer, TEXTS[1:2], lambda batch: mean_pooled(encoder, batch))
    assert np.abs(features[1] - alone[0]).max() < 1e-5


def test_a_text_of_a_million_characters_is_cut(tiny_bert):
    classifier = load_untrained(make_config({"model": str(tiny_bert), "max_length": 16}), ("a", "b"))
    assert np.isfinite(classifier.logits(["good " * 200_000])).all()


def test_the_share_of_cut_texts_is_told(tiny_bert):
    config = make_config({"model": str(tiny_bert), "max_length": 8})
    tokenizer = load_tokenizer(find_backbone(config), config.max_length)
    part = Split(("a b", "a b c d e f g h i j", "a " * 200, "b"), np.zeros(4, dtype=np.int64), ({},) * 4)
    assert truncated_shares(tokenizer, {"test": part}) == {"test": 0.5}


@pytest.mark.parametrize(("fixture", "targets"), [("tiny_bert", ["query", "value"]), ("tiny_gpt2", ["c_attn"])])
def test_targets_are_chosen_for_the_architecture_with_a_reason(fixture, targets, request):
    config, _, model, _ = loaded(request.getfixturevalue(fixture))
    assert choose_targets(model, config)[0] == targets
    assert "peft's own choice" in choose_targets(model, config)[1]


def test_an_unknown_target_is_told_with_the_models_own(tiny_bert):
    config, _, model, _ = loaded(tiny_bert, target_modules="qeury")
    with pytest.raises(
        RequestError, match="--target-modules 'qeury' is not in .*Its linear modules: .*Did you mean 'query'"
    ):
        choose_targets(model, config)


def test_only_adapter_and_new_head_train(tiny_bert):
    config, _, model, new = loaded(tiny_bert)
    adapted = add_adapter(model, config, new)
    trained = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert all("lora_" in name or "classifier.modules_to_save" in name for name in trained)
    assert any("classifier" in name for name in trained)


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_lower_precision_trains_and_gives_the_exact_weights_back(fixture, request):
    config, tokenizer, model, new = loaded(request.getfixturevalue(fixture))
    adapted = add_adapter(model, config, new)
    before = {name: p.detach().clone() for name, p in adapted.named_parameters()}
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with frozen_weights_in(adapted, torch.bfloat16):
        formats = {p.dtype for p in adapted.parameters() if not p.requires_grad}
        adapted(**batch, labels=torch.tensor([0, 1, 2, 0, 1])).loss.backward()
    assert formats == {torch.bfloat16}
    for name, parameter in adapted.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, before[name])
        assert (parameter.grad is not None) == parameter.requires_grad


def test_a_format_that_is_asked_for_is_taken():
    assert training_dtype("bfloat16", "cpu") == torch.bfloat16
    assert training_dtype("float32", "cuda") == torch.float32
    assert training_dtype("auto", "cpu") in (torch.float32, torch.bfloat16)
