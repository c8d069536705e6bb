"""DiffSpeaker: a twin with the published structure and key names; the converted file gives the same numbers."""

import json
import math
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from checkpoint import load_safetensors
from convert import diffspeaker, wav2vec2
from convert.diffspeaker import DiffSpeaker, load_diffspeaker, our_name, published
from convert.source import ConvertError
from convert_twins import exchanges, one_thread, randomise, sizes_match, source_of, swapped  # noqa: F401

SIZES = {"d": 32, "ff": 48, "layers": 1, "ids": 8, "out": 36}
ENCODER = {**wav2vec2.BASE, "ff": 64, "conv": 16, "layers": 2}
FRAMES = 65
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")


class TwinAttention(nn.Module):
    """wav2vec 2.0's attention, with projections of their own."""

    def __init__(self, d):
        super().__init__()
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x):
        q, k, v = (p(x).unflatten(-1, (-1, 64)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def named(**modules):
    """A module with these children."""
    out = nn.Module()
    for name, module in modules.items():
        out.add_module(name, module)
    return out


class TwinEncoder(nn.Module):
    """wav2vec 2.0 base with the published names."""

    def __init__(self, sizes):
        super().__init__()
        d, ff, conv = sizes["d"], sizes["ff"], sizes["conv"]
        self.masked_spec_embed = nn.Parameter(torch.zeros(d))
        strides = (5, 2, 2, 2, 2, 2, 2)
        layers = [
            named(conv=nn.Conv1d(conv if i else 1, conv, k, s, bias=False))
            for i, (k, s) in enumerate(zip(sizes["kernels"], strides, strict=True))
        ]
        layers[0].add_module("layer_norm", nn.GroupNorm(conv, conv))
        self.feature_extractor = named(conv_layers=nn.ModuleList(layers))
        self.feature_projection = named(layer_norm=nn.LayerNorm(conv), projection=nn.Linear(conv, d))
        position = nn.Conv1d(d, d, sizes["position_kernel"], padding=64, groups=sizes["position_groups"])
        self.encoder = named(
            pos_conv_embed=named(conv=nn.utils.weight_norm(position, dim=2)),
            layer_norm=nn.LayerNorm(d),
            layers=nn.ModuleList(
                named(
                    attention=TwinAttention(d),
                    layer_norm=nn.LayerNorm(d),
                    feed_forward=named(intermediate_dense=nn.Linear(d, ff), output_dense=nn.Linear(ff, d)),
                    final_layer_norm=nn.LayerNorm(d),
                )
                for _ in range(sizes["layers"])
            ),
        )

    def forward(self, wave):
        h = wave[:, None]
        for layer in self.feature_extractor.conv_layers:
            h = layer.conv(h)
            h = F.gelu(layer.layer_norm(h) if hasattr(layer, "layer_norm") else h)
        h = self.feature_projection.projection(self.feature_projection.layer_norm(h.transpose(1, 2)))
        place = F.gelu(self.encoder.pos_conv_embed.conv(h.transpose(1, 2))[:, :, :-1])
        h = self.encoder.layer_norm(h + place.transpose(1, 2))
        for layer in self.encoder.layers:
            h = layer.layer_norm(h + layer.attention(h))
            up = F.gelu(layer.feed_forward.intermediate_dense(h))
            h = layer.final_layer_norm(h + layer.feed_forward.output_dense(up))
        return h


class TwinLayer(nn.Module):
    """The decoder layer: attention to [prefix, frames] and to [prefix, audio]."""

    def __init__(self, d, ff):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(d, ff), nn.Linear(ff, d)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, h, memory, prefix, bias, mask):
        u = self.norm1(h)
        keys = torch.cat([prefix, u], 1)
        h = h + self.self_attn(u, keys, keys, attn_mask=bias.repeat(len(h), 1, 1), need_weights=False)[0]
        keys = torch.cat([prefix, memory], 1)
        h = h + self.multihead_attn(self.norm2(h), keys, keys, attn_mask=mask, need_weights=False)[0]
        return h + self.linear2(F.gelu(self.linear1(self.norm3(h))))


class TwinDenoiser(nn.Module):
    """The published denoiser; period 30."""

    def __init__(self, d, ff, layers, ids, out):
        super().__init__()
        self.audio_feature_map, self.vertice_map = nn.Linear(768, d), nn.Linear(out, d)
        self.PPE = nn.Module()
        self.PPE.register_buffer("pe", self.table(d).repeat(1, 167, 1))
        self.transformer_decoder = named(layers=nn.ModuleList(TwinLayer(d, ff) for _ in range(layers)))
        self.time_embedding = named(linear_1=nn.Linear(768, d * layers), linear_2=nn.Linear(d * layers, d * layers))
        self.motion_decoder, self.obj_vector = nn.Linear(d, out), nn.Embedding(ids, d * layers)

    @staticmethod
    def table(d):
        out = torch.zeros(30, d)
        for p in range(30):
            for i in range(0, d, 2):
                angle = p * math.exp(-i * math.log(10000.0) / d)
                out[p, i], out[p, i + 1] = math.sin(angle), math.cos(angle)
        return out[None]

    @staticmethod
    @cache
    def masks(frames):
        bias = torch.zeros(4, frames, frames + 2)
        for h, slope in enumerate((0.25, 0.0625, 0.015625, 0.00390625)):
            for i in range(frames):
                for j in range(frames):
                    bias[h, i, j + 2] = -slope * ((i - j) // 30 if j <= i else (j - i - 1) // 30)
        hidden = torch.cat([torch.zeros(frames, 2), 1 - torch.eye(frames)], 1).bool()
        return bias, hidden

    def forward(self, x, audio, style, t):
        d = self.vertice_map.out_features
        h = self.vertice_map(x) + self.PPE.pe[:, : x.shape[1]]
        frequency = 10000.0 ** (-torch.arange(384, dtype=torch.float64) / 384)
        angle = t.double()[:, None] * frequency
        tau = torch.cat([angle.cos(), angle.sin()], 1).float()
        time = self.time_embedding.linear_2(F.silu(self.time_embedding.linear_1(tau)))
        prefix = torch.stack([self.obj_vector(style), time], 1)
        memory = self.audio_feature_map(audio)
        for i, layer in enumerate(self.transformer_decoder.layers):
            h = layer(h, memory, prefix[..., i * d : (i + 1) * d], *self.masks(x.shape[1]))
        return self.motion_decoder(h)


def diffusers_011(predict, x, count=50):
    """DDIM as diffusers 0.11 stepped with prediction type "sample": the raw output stands for the noise too."""
    bars = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
    ratio = 1000 // count
    for t in [i * ratio + 1 for i in reversed(range(count))]:
        output = predict(x, t)
        before = float(bars[t - ratio] if t >= ratio else bars[0])
        x = math.sqrt(before) * output + math.sqrt(1 - before) * output
    return x


def random_denoiser(**sizes):
    """A twin whose output is small enough that feeding it back fifty times stays small."""
    twin = randomise(TwinDenoiser(**SIZES | sizes))
    twin.motion_decoder.weight.data *= 0.2
    return twin


@pytest.fixture(scope="module")
def twin():
    return random_denoiser()


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randn(2, FRAMES, SIZES["out"], generator=generator),
        torch.randn(2, FRAMES, 768, generator=generator),
        torch.tensor([3, 6]),
        torch.tensor([981, 21]),
    )


def content_of(twin, encoder=None):
    state = {f"denoiser.{name}": tensor for name, tensor in twin.state_dict().items()}
    if encoder:
        state |= {f"audio_encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    return {"state_dict": state, "epoch": 9, "hyper_parameters": {}}


def converted(twin, tmp_path, **options):
    torch.save(content_of(twin), tmp_path / "twin.ckpt")
    told = diffspeaker.convert(
        tmp_path / "twin.ckpt", tmp_path / "out.safetensors", **{"variant": "VOCASET", "audio": False, **options}
    )
    return load_diffspeaker(tmp_path / "out.safetensors"), told


def test_published_sizes():
    with torch.device("meta"):
        for name, millions in (("VOCASET", 19.65), ("BIWI", 158.89)):
            sizes = {k: v for k, v in diffspeaker.VARIANTS[name].items() if k in SIZES}
            state = TwinDenoiser(**sizes).state_dict()
            del state["PPE.pe"]
            sizes_match(published(sizes), {f"denoiser.{k}": v for k, v in state.items()})
            assert abs(sum(math.prod(s) for s in published(sizes).values()) / 1e6 - millions) < 0.005
        state = TwinEncoder(wav2vec2.BASE).state_dict()
        assert abs(sum(t.numel() for t in state.values()) / 1e6 - 94.37) < 0.005
        del state["masked_spec_embed"]
        sizes_match(wav2vec2.published(wav2vec2.BASE, ""), state)


@torch.no_grad()
def test_one_pass_equals_the_twin(twin, inputs, tmp_path):
    model, told = converted(twin, tmp_path)
    expected = twin(*inputs)
    assert expected.std() > 0.1
    assert (model(*inputs) - expected).abs().max() < 1e-5
    config = json.loads(load_safetensors(tmp_path / "out.safetensors")[1]["config"])
    assert (config["rule"], config["spacing"], config["prediction"]) == ("x0-replacement", "leading", "x0")
    assert any("self-attention sees the whole clip" in line for line in told)
    assert any("12 vertex" in line or "36 vertex" in line for line in told)


@torch.no_grad()
def test_the_sampler_equals_diffusers_011(twin, inputs, tmp_path):
    model, _ = converted(twin, tmp_path)
    x, audio, style, _ = inputs
    for count in (50, 4):
        expected = diffusers_011(lambda x, t: twin(x, audio, style, torch.full((2,), t)), x, count)
        smooth = expected.clone()
        smooth[:, 1:-1] = F.avg_pool1d(expected.transpose(1, 2), 3, 1).transpose(1, 2)
        error = (model.sample(audio, style, x, count) - smooth).abs().max()
        assert error < 1e-5 * max(1, expected.abs().max()), count


@torch.no_grad()
def test_biwi_is_not_smoothed_and_has_its_own_period(twin, inputs, tmp_path):
    model, _ = converted(twin, tmp_path, variant="BIWI")
    assert model.config["fps"] == 25 and model.config["period"] == 25
    assert torch.equal(model.smoothed(inputs[0]), inputs[0])
    assert torch.equal(model.positions(26)[25], model.positions(26)[0])


@torch.no_grad()
def test_the_encoder_equals_the_twin(twin, tmp_path):
    encoder = randomise(TwinEncoder(ENCODER), 5)
    wave = torch.randn(1, 6400, generator=torch.Generator().manual_seed(2))
    torch.save(content_of(twin, encoder), tmp_path / "twin.ckpt")
    diffspeaker.convert(tmp_path / "twin.ckpt", tmp_path / "out.safetensors", variant="BIWI")
    model = load_diffspeaker(tmp_path / "out.safetensors")
    expected = encoder(wave)
    assert expected.shape == (1, 19, 768)
    assert (model.encoder(wave) - expected).abs().max() < 1e-5
    heard = encoder((wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt())
    resized = F.interpolate(heard.transpose(1, 2), size=9, mode="linear", align_corners=True).transpose(1, 2)
    assert (model.features(wave[0]) - resized).abs().max() < 1e-5


def test_the_processor_by_hand():
    # Mean 2, variance 2 / 3 (of the three, not of an estimate).
    expected = torch.tensor([-1.0, 0.0, 1.0]) / (2 / 3) ** 0.5
    assert torch.allclose(wav2vec2.normalise(torch.tensor([1.0, 2.0, 3.0])), expected, atol=1e-5)


@torch.no_grad()
def test_newer_names_of_the_weight_norm():
    encoder = randomise(TwinEncoder(ENCODER), 5)
    state = {f"audio_encoder.{k}": v for k, v in encoder.state_dict().items()} | {
        "denoiser.vertice_map.weight": torch.zeros(1)
    }
    old = wav2vec2.convert(source_of({"state_dict": state}, "diffspeaker"), "audio_encoder.", ENCODER)
    path = "audio_encoder.encoder.pos_conv_embed.conv"
    state[f"{path}.parametrizations.weight.original0"] = state.pop(f"{path}.weight_g")
    state[f"{path}.parametrizations.weight.original1"] = state.pop(f"{path}.weight_v")
    new = wav2vec2.convert(source_of({"state_dict": state}, "diffspeaker"), "audio_encoder.", ENCODER)
    assert torch.equal(old["position.weight"], new["position.weight"])
    convolution = encoder.encoder.pos_conv_embed.conv
    expected = torch._weight_norm(convolution.weight_v, convolution.weight_g, 2)
    assert (old["position.weight"] - expected).abs().max() < 1e-6


@torch.no_grad()
def test_every_exchange_of_two_tensors_shows(twin, inputs):
    def run(content):
        source = source_of(content, "diffspeaker")
        sizes = diffspeaker.sizes_of(source)
        tensors = {our_name(key): source.take(key, *shape) for key, shape in published(sizes).items()}
        config = {**sizes, "period": 30, "smooth": 1, "channels": 36, "face": "vertices", "encoder": None}
        model = DiffSpeaker(config)
        model.load_state_dict(tensors)
        return model(*inputs)

    content, right = content_of(twin), twin(*inputs)
    assert (run(content) - right).abs().max() < 1e-5
    two_by_two = exchanges(published(SIZES))
    assert len(two_by_two) > 10
    for two in two_by_two:
        assert (run(swapped(content, two)) - right).abs().max() > 1e-3, two
    # The parts of a packed matrix, too.
    for name in ("self_attn.in_proj_weight", "multihead_attn.in_proj_weight", "self_attn.in_proj_bias"):
        rolled = dict(content["state_dict"])
        key = f"denoiser.transformer_decoder.layers.0.{name}"
        rolled[key] = rolled[key].roll(SIZES["d"], 0)
        assert (run({"state_dict": rolled}) - right).abs().max() > 1e-3, name


@torch.no_grad()
def test_every_exchange_in_the_encoder_shows():
    sizes = {
        **ENCODER,
        "d": 128,
        "heads": 2,
        "position_groups": 16,
        "position_kernel": 8,
        "layers": 1,
        "conv": 128,
        "ff": 128,
    }
    twin = TwinEncoder({**sizes})
    twin.encoder.pos_conv_embed.conv.padding = (4,)
    randomise(twin, 3)
    wave = torch.randn(1, 4000, generator=torch.Generator().manual_seed(2))
    right = twin(wave)
    content = {
        "state_dict": {f"a.{k}": v for k, v in twin.state_dict().items()} | {"denoiser.vertice_map.weight": wave}
    }

    def run(content):
        model = wav2vec2.Wav2Vec2(sizes)
        model.load_state_dict(wav2vec2.convert(source_of(content, "diffspeaker"), "a.", sizes))
        return model(wave)

    assert (run(content) - right).abs().max() < 1e-5
    # A bias of the keys shifts all scores alike, so only its exchange with another kind can show.
    for two in exchanges(wav2vec2.published(sizes, "a.")):
        assert (run(swapped(content, two)) - right).abs().max() > 1e-3, two


@torch.no_grad()
def test_a_basis_folds_the_solve_into_the_network(twin, inputs, tmp_path):
    generator = torch.Generator().manual_seed(8)
    wide = random_denoiser(out=180)
    deltas = torch.randn(51, 60, 3, generator=generator).numpy()
    np.savez(tmp_path / "basis.npz", deltas=deltas)
    model, told = converted(wide, tmp_path, basis=tmp_path / "basis.npz")
    assert any("51 weights" in line for line in told) and model.config["channels"] == 51
    _, audio, style, _ = inputs
    white = torch.randn(2, FRAMES, SIZES["d"], generator=generator)
    # Vertex noise whose image under x_proj is the one that the folded network draws.
    image = white.double() @ model.noise.double().T
    wx = wide.vertice_map.weight.double()
    noise = (image @ torch.linalg.pinv(wx).T).float()
    vertices = diffusers_011(lambda x, t: wide(x, audio, style, torch.full((2,), t)), noise)
    weights = np.linalg.lstsq(deltas.reshape(51, -1).T, vertices.flatten(0, 1).T.double().numpy(), rcond=None)[0]
    expected = model.smoothed(torch.from_numpy(weights.T).float().view(2, FRAMES, 51))
    assert (model.sample(audio, style, white) - expected).abs().max() < 2e-4 * max(1, expected.abs().max())
    assert (model.noise @ model.noise.T - (wx @ wx.T).float()).abs().max() < 1e-4


def test_a_basis_of_another_mesh_is_refused(twin, tmp_path):
    np.savez(tmp_path / "basis.npz", deltas=np.zeros((51, 13, 3)))
    with pytest.raises(ConvertError, match=r"deltas has shape \[51, 13, 3\], expected \[51, 12, 3\]"):
        converted(twin, tmp_path, basis=tmp_path / "basis.npz")
    assert not (tmp_path / "out.safetensors").exists()
