"""LoRA layers compute the same as peft's, with fewer passes over memory."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import AutoModelForSequenceClassification

from core.models.precision import cast_frozen_weights
from core.training.fused_lora import fused_lora

BATCH = {
    "input_ids": torch.arange(5, 35).reshape(3, 10),
    "attention_mask": torch.tensor([[1] * 10, [1] * 7 + [0] * 3, [1] * 4 + [0] * 6]),
}
LABELS = torch.tensor([0, 1, 0])
TARGETS = {"tiny_bert": ["query", "value", "output.dense"], "tiny_gpt2": ["c_attn", "c_proj"]}


def adapt(folder, targets, **options):
    """Return a model with a LoRA adapter whose update is not zero."""
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager", num_labels=2)
    model.config.pad_token_id = 0
    is_conv1d = "c_attn" in targets
    config = LoraConfig("SEQ_CLS", r=4, target_modules=targets, fan_in_fan_out=is_conv1d, **options)
    adapted = get_peft_model(model, config).eval()  # without the dropout of the model
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted.requires_grad_(True) if options.get("bias") == "all" else adapted


def logits_and_gradients(model):
    """Return the logits and, by name, the gradients of one training step."""
    model.zero_grad()
    logits = model(**BATCH).logits.float()
    cross_entropy(logits, LABELS).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return logits.detach(), gradients


@pytest.mark.parametrize("name", TARGETS)
def test_logits_and_gradients_are_those_of_peft(name, request):
    model = adapt(request.getfixturevalue(name), TARGETS[name])
    expected, expected_gradients = logits_and_gradients(model)
    with fused_lora(model) as layers:
        logits, gradients = logits_and_gradients(model)
    assert layers > 0
    assert (logits - expected).abs().max() < 1e-5
    assert gradients.keys() == expected_gradients.keys()
    assert any("lora_A" in name for name in gradients)
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[parameter], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", TARGETS)
def test_bfloat16_gradients_point_in_the_direction_of_float32(name, request):
    model = adapt(request.getfixturevalue(name), TARGETS[name])
    _, exact = logits_and_gradients(model)
    with cast_frozen_weights(model, torch.bfloat16), fused_lora(model):
        _, gradients = logits_and_gradients(model)
    together, expected = (torch.cat([g[name].flatten() for name in sorted(exact)]) for g in (gradients, exact))
    assert all(gradient.dtype == torch.float32 for gradient in gradients.values())
    assert cosine_similarity(together, expected, dim=0) > 0.99


def test_layer_without_inputs_returns_no_outputs(tiny_bert):
    model = adapt(tiny_bert, TARGETS["tiny_bert"])
    query = next(module for name, module in model.named_modules() if name.endswith("query"))
    with fused_lora(model):
        output = query(torch.zeros(0, 5, query.in_features, requires_grad=True))
        output.sum().backward()
    assert output.shape == (0, 5, query.out_features)


def test_peft_forward_is_back_at_the_end(tiny_bert):
    model = adapt(tiny_bert, TARGETS["tiny_bert"])
    with fused_lora(model):
        assert any("forward" in vars(module) for module in model.modules())
    assert not any("forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.1}, {"lora_bias": True}, {"bias": "all"}])
def test_layers_that_compute_more_keep_their_forward(tiny_bert, options):
    with fused_lora(adapt(tiny_bert, TARGETS["tiny_bert"], **options)) as layers:
        assert layers == 0
