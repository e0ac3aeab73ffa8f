"""The retina: what its cells answer, that they say all that the image says, and where it may stand."""

from __future__ import annotations

import os

import pytest
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced import NetworkSpec, Retina, build_network, network_spec, rule_from_name
from burstprop.reduced.data import open_dataset
from burstprop.reduced.layers import RetinalCells
from burstprop.reduced.layers.retina import NOISE, SPREAD, filters
from burstprop.reduced.networks import Convolution, Pooling, from_dict, layer_shapes, to_dict


def test_filters_are_orthogonal_and_differ_in_gain_alone():
    flat = filters().double().flatten(1)
    gains = 1 / (torch.tensor(SPREAD).double().flatten().square() + NOISE**2).sqrt()
    torch.testing.assert_close(flat @ flat.T, torch.diag(gains**2), rtol=1e-5, atol=1e-5)


def _active(rates):
    return (rates > 1e-3).nonzero().flatten().tolist()


def test_what_single_cells_answer():
    """A grey rise: ON luminance; a fall: OFF; a dark left side, a bright right one: OFF of that edge."""
    rates = RetinalCells()(torch.ones(1, 3, 2, 2))[0, :, 0, 0]
    assert _active(rates) == [0]
    # sqrt(3 colours x 4 pixels) SD, over the spread
    assert float(rates[0]) == pytest.approx(12**0.5 / 3.5, rel=1e-3)
    rates = RetinalCells()(-torch.ones(1, 3, 2, 2))[0, :, 0, 0]
    assert _active(rates) == [12]
    edge = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]).expand(1, 3, 2, 2)
    assert _active(RetinalCells()(edge)[0, :, 0, 0]) == [13]
    red = torch.zeros(1, 3, 2, 2)
    red[:, 0], red[:, 2] = 1.0, -1.0
    assert _active(RetinalCells()(red)[0, :, 0, 0]) == [4]


def test_rates_are_positive_and_say_all_that_the_image_says():
    images = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(1))
    rates = RetinalCells()(images)
    assert rates.shape == (2, 24, 5, 4)
    assert float(rates.min()) >= 0
    signed = rates[:, :12] - rates[:, 12:]
    weights = filters().flatten(1).double()
    patches = torch.linalg.solve(weights, signed.double().permute(0, 2, 3, 1).reshape(-1, 12).T).T
    expected = torch.nn.functional.unfold(images, 2).transpose(1, 2).reshape(-1, 12)
    torch.testing.assert_close(patches.float(), expected, rtol=1e-4, atol=1e-4)


def test_photographs_drive_all_filters_above_their_noise_alike():
    """Principal components of CIFAR-10: little correlation, and a spread of one but for the noise."""
    try:
        data = open_dataset("cifar10", os.environ.get("BURSTPROP_DATA", "no folder"))
    except BurstpropError as error:
        pytest.skip(f"needs CIFAR-10 below the folder that BURSTPROP_DATA names ({error})")
    pixels = data.train.images[::20].float() / 255
    mean, sd = (torch.tensor(values).view(1, 3, 1, 1) for values in (data.mean, data.sd))
    rates = RetinalCells()((pixels - mean) / sd)
    signed = (rates[:, :12] - rates[:, 12:]).permute(0, 2, 3, 1).reshape(-1, 12).double()
    spread = torch.tensor(SPREAD).double().flatten()
    expected = spread / (spread**2 + NOISE**2).sqrt()
    torch.testing.assert_close(signed.std(0), expected, rtol=0.1, atol=0.03)
    correlation = torch.corrcoef(signed.T) - torch.eye(12)
    assert float(correlation.abs().max()) < 0.25


class TestNetworks:
    def test_the_retina_does_not_learn_and_the_layer_above_does(self):
        rule = rule_from_name("burstprop", teacher="cross_entropy", inhibition=0.9)
        made = build_network("resnet-retina", rule, seed=1)
        assert isinstance(made.body[0], RetinalCells)
        assert not list(made.body[0].parameters())
        assert not made.body[0].state_dict()
        assert len(made.layers()) == 8
        images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
        made.loss(made(images), torch.arange(4)).backward()
        assert float(made.layers()[0].weight.grad.norm()) > 0

    def test_sizes(self):
        spec = network_spec("resnet-retina")
        assert layer_shapes(spec)[1:4] == [(24, 31, 31), (32, 15, 15), (32, 15, 15)]
        with torch.device("meta"):
            made = build_network(spec, rule_from_name("backprop", teacher="cross_entropy"))
        assert sum(p.numel() for p in made.parameters()) < 0.8e6

    def test_there_and_back(self):
        layers = (Retina(), Convolution(4, 3), Pooling("average"))
        spec = NetworkSpec("seeing", (3, 8, 8), layers, 5)
        assert from_dict(to_dict(spec)) == spec

    @pytest.mark.parametrize(
        ("shape", "layers", "message"),
        [
            (
                (3, 8, 8),
                (Convolution(3, 3), Retina()),
                "layer 1 is a Retina: it sees the image; make it layer 0",
            ),
            ((1, 8, 8), (Retina(),), r"the input is \(1, 8, 8\); leave it out for other images"),
            ((3, 1, 8), (Retina(),), r"at least 2 x 2 pixels, and the input is \(3, 1, 8\)"),
        ],
    )
    def test_what_it_cannot_see_says_so(self, shape, layers, message):
        with pytest.raises(BurstpropError, match=message):
            NetworkSpec("blind", shape, layers, 5)
