from types import SimpleNamespace

import pytest
import torch
from torch import nn

from core.training.weight_average import DECAY, WeightAverage


def test_average_follows_the_weights_and_takes_their_place_temporarily():
    model = nn.Linear(1, 1, bias=False)
    frozen = nn.Parameter(torch.ones(1), requires_grad=False)
    model.register_parameter("frozen", frozen)
    nn.init.zeros_(model.weight)
    average = WeightAverage(model)
    expected = 0.0
    for step in range(1, 200):
        model.weight.data.fill_(step)
        average.on_step_end(None, SimpleNamespace(global_step=step), None)
        decay = min(DECAY, step / (step + 5))
        expected = decay * expected + (1 - decay) * step
    with average.applied():
        assert model.weight.item() == pytest.approx(expected, rel=1e-5)
    assert model.weight.item() == 199
    assert average.averages["weight"].item() == pytest.approx(199 - DECAY / (1 - DECAY), rel=1e-2)
    assert list(average.averages) == ["weight"]
