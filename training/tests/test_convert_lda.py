"""LDA dance: a twin with the published structure and key names; the converted file gives the same numbers."""

import argparse
import math
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convert import lda
from convert.lda import our_name, published
from convert.lda_runner import Lda, load_lda, to_body
from convert.source import ConvertError
from convert_twins import exchanges, one_thread, randomise, sizes_match, swapped  # noqa: F401

SIZES = {**lda.BASE, "d": 32, "step": 24, "layers": 3, "ff": 40, "dilations": [0, 1, 2]}
FRAMES = 44


class Conv(nn.Module):
    """A 1x1 convolution over the last axis."""

    def __init__(self, channels, out):
        super().__init__()
        self.conv1d = nn.Conv1d(channels, out, 1)

    def forward(self, x):
        return self.conv1d(x.permute(0, 2, 1)).permute(0, 2, 1)


class Scorer(nn.Module):
    """TISA v2."""

    def __init__(self, heads):
        super().__init__()
        for name in ("offsets", "amplitudes", "sharpness"):
            self.register_parameter(name, nn.Parameter(torch.zeros(1, 21, heads, 1, 1)))
        self.bias = nn.Parameter(torch.zeros(1, heads, 1, 1))
        first, last = -math.log(1e-8) / 2.5, -math.log(1e-8) / 37.5
        ramp = torch.arange(heads) / (heads - 1)
        self.slopes = nn.Parameter((first * (last / first) ** ramp).reshape(heads, 1, 1), requires_grad=False)

    def forward(self, frames):
        place = torch.arange(frames)
        delta = (place[:, None] - place[None])[None, None, None]
        a = self.amplitudes
        bumps = a.abs() * torch.sigmoid(a.sign() * ((delta - self.offsets) / self.sharpness))
        return (torch.log(bumps.sum(1) + 1e-8 + self.bias.abs()) - delta[0].abs() * self.slopes)[0]


class Attention(nn.Module):
    """Gated attention; rows of in_proj are keys, values, queries."""

    def __init__(self, d, heads):
        super().__init__()
        self.in_proj, self.gate = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, 2 * d)
        self.position_scorer, self.heads = Scorer(heads), heads

    def forward(self, x):
        batch, frames, d = x.shape
        memory, query = torch.split(self.in_proj(x), (2 * d, d), -1)
        key, value = torch.split(memory, d, 2)
        q, k, v = (y.view(batch, frames, self.heads, -1).permute(0, 2, 1, 3) for y in (query, key, value))
        weights = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(d / self.heads) + self.position_scorer(frames)
        mixed = torch.matmul(weights.softmax(-1), v).permute(0, 2, 1, 3).reshape(batch, frames, d)
        a, b = self.gate(mixed).chunk(2, -1)
        return a * torch.sigmoid(b)


class Linears(nn.Module):
    """The feed-forward of dilation 0."""

    def __init__(self, d, ff):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(d, ff, bias=False), nn.Linear(ff, d, bias=False)

    def forward(self, x):
        return self.linear_2(F.relu(self.linear_1(x)))


class Convolutions(nn.Module):
    """The feed-forward of dilations 1 and 2."""

    def __init__(self, d, ff, dilation):
        super().__init__()
        self.conv_1 = nn.Conv1d(d, ff, 3, padding=dilation, dilation=dilation, bias=False)
        self.conv_2 = nn.Conv1d(ff, d, 3, padding=dilation, dilation=dilation, bias=False)

    def forward(self, x):
        return self.conv_2(F.relu(self.conv_1(x.permute(0, 2, 1)))).permute(0, 2, 1)


class Block(nn.Module):
    """Post-norm block: norm_2 belongs to the attention, norm_1 to the feed-forward."""

    def __init__(self, d, ff, heads, dilation):
        super().__init__()
        self.attn = Attention(d, heads)
        self.ff = Convolutions(d, ff, dilation) if dilation else Linears(d, ff)
        self.norm_1, self.norm_2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        x = self.norm_2(self.attn(x) + x)
        return self.norm_1(self.ff(x) + x)


class Twin(nn.Module):
    """The published network."""

    def __init__(self, sizes):
        super().__init__()
        d, step = sizes["d"], sizes["step"]
        self.input_projection = Conv(sizes["features"], d)
        self.diffusion_embedding = nn.Module()
        self.diffusion_embedding.projection1 = nn.Linear(128, step)
        self.diffusion_embedding.projection2 = nn.Linear(step, step)
        layers = []
        for i in range(sizes["layers"]):
            layer, inner = nn.Module(), nn.Module()
            inner.in_proj, inner.out_proj = nn.Linear(d, d), nn.Linear(d, 2 * d)
            dilation = sizes["dilations"][i % 3]
            inner.attention_blocks = nn.ModuleList(
                Block(d, sizes["ff"], sizes["heads"], dilation) for _ in range(sizes["blocks"])
            )
            layer.nn = inner
            layer.diffusion_projection = nn.Linear(step, d)
            layer.local_cond_projection = nn.Linear(sizes["cond"], d)
            layer.output_projection = Conv(d, 2 * d)
            layers.append(layer)
        self.residual_layers = nn.ModuleList(layers)
        self.skip_projection, self.output_projection = Conv(d, d), Conv(d, sizes["features"])

    def forward(self, x, cond, t):
        table = torch.arange(150).unsqueeze(1) * 10.0 ** (torch.arange(64).unsqueeze(0) * 4.0 / 63.0)
        step = torch.cat([torch.sin(table), torch.cos(table)], dim=1)[t]
        step = F.silu(self.diffusion_embedding.projection1(step))
        step = F.silu(self.diffusion_embedding.projection2(step))
        x, skips = F.relu(self.input_projection(x)), []
        for layer in self.residual_layers:
            y = x + layer.diffusion_projection(step)[:, None] + layer.local_cond_projection(cond)
            y = layer.nn.in_proj(y)
            for block in layer.nn.attention_blocks:
                y = block(y)
            gate, kept = layer.nn.out_proj(y).chunk(2, 2)
            residual, skip = layer.output_projection(torch.sigmoid(gate) * torch.tanh(kept)).chunk(2, 2)
            x = (x + residual) / 2**0.5
            skips.append(skip)
        return self.output_projection(F.relu(self.skip_projection(sum(skips) / len(skips) ** 0.5)))


def random_twin():
    twin = randomise(Twin(SIZES), 2)
    twin.output_projection.conv1d.weight.data *= 0.2
    generator = torch.Generator().manual_seed(11)
    for module in twin.modules():
        if isinstance(module, Scorer):
            # Kernels of both signs, some frames apart; widths that are not too narrow for F32.
            shape = module.offsets.shape
            module.offsets.data = 6 * torch.randn(shape, generator=generator)
            module.amplitudes.data = 3 * torch.randn(shape, generator=generator)
            module.sharpness.data = 1 + 2 * torch.rand(shape, generator=generator)
            module.bias.data = 3 * torch.randn(module.bias.shape, generator=generator)
            heads = module.slopes.shape[0]
            module.slopes.data = (0.02 + torch.rand(heads, generator=generator)).reshape(heads, 1, 1)
    return twin


def content_of(twin):
    """A Lightning checkpoint whose scalers are of a class that is not there when it is read."""
    generator = np.random.default_rng(5)
    module = types.ModuleType("gone_preprocessing")
    module.StandardScaler = type("StandardScaler", (), {"__module__": "gone_preprocessing"})
    sys.modules["gone_preprocessing"] = module

    def fitted(count):
        out = module.StandardScaler()
        out.mean_, out.scale_ = generator.normal(size=count), 0.5 + generator.random(count)
        out.n_samples_seen_ = np.int64(7)
        return out

    scalers = {"in_scaler": fitted(3), "out_scaler": fitted(61), "style_scaler": fitted(8)}
    tisa = {"num_heads": 8, "dilation_cycle": [0, 1, 2], "norm": "LN", "activation": "relu", "use_preln": False}
    diffusion = {
        "noise_schedule_start": 0.01,
        "noise_schedule_end": 0.7,
        "n_noise_schedule": 150,
        "args": {"tisa": tisa},
    }
    return {
        "state_dict": {f"diffusion_model.{k}": v for k, v in twin.state_dict().items()},
        "hyper_parameters": {"Data": argparse.Namespace(scalers=scalers), "Diffusion": diffusion},
        "pytorch-lightning_version": "1.9.0",
    }, scalers


@pytest.fixture(scope="module")
def twin():
    return random_twin()


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randn(2, FRAMES, 61, generator=generator),
        torch.randn(2, FRAMES, 11, generator=generator),
        torch.tensor([140, 7]),
    )


@pytest.fixture(scope="module")
def file(twin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lda")
    content, scalers = content_of(twin)
    torch.save(content, folder / "dance.ckpt")
    del sys.modules["gone_preprocessing"]
    scalers = {name: argparse.Namespace(mean_=s.mean_, scale_=s.scale_) for name, s in scalers.items()}
    told = lda.convert(folder / "dance.ckpt", folder / "dance.safetensors")
    return load_lda(folder / "dance.safetensors"), content, scalers, told


def test_published_sizes():
    with torch.device("meta"):
        for cond, millions in ((11, 71.12), (3, 71.08)):
            sizes = {**lda.BASE, "cond": cond, "dilations": [0, 1, 2]}
            state = Twin(sizes).state_dict()
            sizes_match(published(sizes), {f"diffusion_model.{k}": v for k, v in state.items()})
            assert abs(sum(t.numel() for t in state.values()) / 1e6 - millions) < 0.005
    slopes = [7.3683, 5.0044, 3.3989, 2.3085, 1.5679, 1.0649, 0.7232, 0.4912]
    assert torch.allclose(Scorer(8).slopes.flatten(), torch.tensor(slopes), atol=1e-4)


@torch.no_grad()
def test_one_pass_equals_the_twin(twin, inputs, file):
    expected = twin(*inputs)
    assert expected.std() > 0.1
    assert (file[0](*inputs) - expected).abs().max() < 1e-5
    assert any("37 frames ahead" in line for line in file[3])


@torch.no_grad()
def test_without_settings_the_published_ones_hold(twin, inputs, file, tmp_path):
    content = {**file[1], "hyper_parameters": {"Data": {"scalers": file[2]}}}
    torch.save(content, tmp_path / "bare.ckpt")
    lda.convert(tmp_path / "bare.ckpt", tmp_path / "out.safetensors")
    model = load_lda(tmp_path / "out.safetensors")
    assert model.config == file[0].config
    assert (model(*inputs) - twin(*inputs)).abs().max() < 1e-5


@torch.no_grad()
def test_scalers_come_without_their_library(file):
    model, _, scalers, _ = file
    assert np.allclose(model.mean, scalers["out_scaler"].mean_) and np.allclose(model.std, scalers["out_scaler"].scale_)
    style = np.concatenate([scalers["in_scaler"].mean_, scalers["style_scaler"].mean_])
    assert np.allclose(model.cond_mean, style)


@torch.no_grad()
def test_the_sampler_equals_ancestral_ddpm(twin, inputs, file):
    model, _, scalers, _ = file
    generator = torch.Generator().manual_seed(9)
    noise, cond = torch.randn(150, 1, 12, 61, generator=generator), inputs[1][:1, :12]
    beta = torch.linspace(0.01, 0.7, 150, dtype=torch.float64)
    alpha, bar = 1 - beta, torch.cumprod(1 - beta, 0)
    x = noise[0]
    for n in reversed(range(150)):
        eps = twin(x, cond, torch.tensor([n]))
        x = (x - float(beta[n] / (1 - bar[n]).sqrt()) * eps) / float(alpha[n].sqrt())
        if n:
            x = x + float(((1 - bar[n - 1]) / (1 - bar[n]) * beta[n]).sqrt()) * noise[150 - n]
    expected = (
        x * torch.tensor(scalers["out_scaler"].scale_).float() + torch.tensor(scalers["out_scaler"].mean_).float()
    )
    raw = cond * model.cond_std + model.cond_mean
    assert (model.sample(raw, noise) - expected).abs().max() < 1e-4 * expected.abs().max()
    assert torch.isfinite(model.sample(raw, noise, steps=6, eta=0.0)).all()


@torch.no_grad()
def test_every_exchange_of_two_tensors_shows(twin, inputs, file, monkeypatch):
    content, right = file[1], twin(*inputs)
    written = {}
    monkeypatch.setattr(
        lda, "write_converted", lambda out, network, tensors, config, *_: written.update(t=tensors, c=config)
    )

    def run(changed):
        monkeypatch.setattr("convert.source.read_checkpoint", lambda _: changed)
        lda.convert("twin", "twin.safetensors")
        model = Lda(written["c"])
        model.load_state_dict(written["t"])
        return model(*inputs)

    assert (run(content) - right).abs().max() < 1e-5
    for two in exchanges(published(SIZES)):
        if all(name.endswith(("diffusion_projection.bias", "local_cond_projection.bias")) for name in two):
            # Both are added to the same sum: to exchange them is no change.
            layers = {name.split(".")[2] for name in two}
            if len(layers) == 1:
                continue
        assert (run(swapped(content, two)) - right).abs().max() > 1e-3, two
    key = "diffusion_model.residual_layers.1.nn.attention_blocks.0.attn.in_proj.weight"
    rolled = {**content["state_dict"], key: content["state_dict"][key].roll(SIZES["d"], 0)}
    assert (run({**content, "state_dict": rolled}) - right).abs().max() > 1e-3
    assert len({our_name(name) for name in published(SIZES)}) == len(published(SIZES))


@torch.no_grad()
def test_without_scalers_it_is_refused(twin, tmp_path):
    content, _ = content_of(twin)
    torch.save({"state_dict": content["state_dict"]}, tmp_path / "bare.ckpt")
    with pytest.raises(ConvertError, match="out_scaler holds nothing, expected mean and scale of 61"):
        lda.convert(tmp_path / "bare.ckpt", tmp_path / "out.safetensors")
    content["hyper_parameters"]["Diffusion"]["args"]["tisa"]["use_preln"] = True
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(ConvertError, match="use_preln = True, expected False"):
        lda.convert(tmp_path / "other.ckpt", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_the_body_by_hand():
    features = torch.zeros(3, 61)
    features[:, 57] = 93  # hips, cm
    features[0, 58:] = torch.tensor([50.0, 50.0, 1.0])  # ignored, as published
    features[1, 59:] = torch.tensor([10.0, math.pi / 2])  # turned to +X, then 10 cm ahead
    features[2, 58] = 20.0  # 20 cm to the left of that: -Z
    features[:, 54:57] = torch.tensor([0.1, 0.2, 0.3])
    body = to_body(features)
    assert torch.allclose(body["root"], torch.tensor([[0, 0], [0.1, 0], [0.1, -0.2]], dtype=torch.float64))
    assert body["height"][0] == 0.93 and abs(body["yaw"][2] - math.pi / 2) < 1e-6
    assert torch.allclose(body["hips"][1], torch.tensor([0.1, 0.2, 0.3]))
    assert torch.equal(body["rightFoot"], features[:, :3]) and torch.equal(body["spine"], features[:, 51:54])
