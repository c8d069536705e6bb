"""wav2vec 2.0 / HuBERT base as DiffSpeaker carries it: the published tensors under our names, and a runner.

The weight norm of the positional convolution is multiplied out, and q, k, v stand in one matrix.
"""

import torch
from torch import nn
from torch.nn import functional as F

from convert.blocks import Layer

STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Strides of the convolutions; 320 samples of 16 kHz become one frame."""

HEAD = 64
"""Channels of one head."""


def published(sizes, prefix):
    """{published name: shape}: every tensor that is read, with the older names of the weight norm."""
    d, ff, conv = sizes["d"], sizes["ff"], sizes["conv"]
    names = {}
    for i, kernel in enumerate(sizes["kernels"]):
        names[f"feature_extractor.conv_layers.{i}.conv.weight"] = (conv, conv if i else 1, kernel)
    for kind in ("weight", "bias"):
        names[f"feature_extractor.conv_layers.0.layer_norm.{kind}"] = (conv,)
        names[f"feature_projection.layer_norm.{kind}"] = (conv,)
    names["feature_projection.projection.weight"], names["feature_projection.projection.bias"] = (d, conv), (d,)
    names["encoder.pos_conv_embed.conv.bias"] = (d,)
    names["encoder.pos_conv_embed.conv.weight_g"] = (1, 1, sizes["position_kernel"])
    names["encoder.pos_conv_embed.conv.weight_v"] = (d, d // sizes["position_groups"], sizes["position_kernel"])
    for kind in ("weight", "bias"):
        names[f"encoder.layer_norm.{kind}"] = (d,)
    for i in range(sizes["layers"]):
        layer = f"encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            names[f"{layer}.attention.{part}.weight"], names[f"{layer}.attention.{part}.bias"] = (d, d), (d,)
        names[f"{layer}.feed_forward.intermediate_dense.weight"] = (ff, d)
        names[f"{layer}.feed_forward.intermediate_dense.bias"] = (ff,)
        names[f"{layer}.feed_forward.output_dense.weight"] = (d, ff)
        names[f"{layer}.feed_forward.output_dense.bias"] = (d,)
        for kind in ("weight", "bias"):
            names[f"{layer}.layer_norm.{kind}"] = names[f"{layer}.final_layer_norm.{kind}"] = (d,)
    return {f"{prefix}{name}": shape for name, shape in names.items()}


BASE = {
    "d": 768,
    "ff": 3072,
    "conv": 512,
    "kernels": [10, 3, 3, 3, 3, 2, 2],
    "layers": 12,
    "heads": 12,
    "position_kernel": 128,
    "position_groups": 16,
}
"""Sizes of wav2vec2-base-960h and hubert-base-ls960."""


def sizes_of(source, prefix):
    """The sizes of the encoder in a checkpoint, read from its shapes."""
    convolutions = source.count(f"{prefix}feature_extractor.conv_layers.{{}}.conv.weight")
    shapes = [
        source.shape(f"{prefix}feature_extractor.conv_layers.{i}.conv.weight") for i in range(max(1, convolutions))
    ]
    d = source.shape(f"{prefix}feature_projection.projection.weight")[0]
    _, group, kernel = source.shape(f"{prefix}{weight_norm_names(source, prefix)[1]}")
    return {
        "d": d,
        "ff": source.shape(f"{prefix}encoder.layers.0.feed_forward.intermediate_dense.weight")[0],
        "conv": shapes[0][0],
        "kernels": [shape[2] for shape in shapes],
        "layers": source.count(f"{prefix}encoder.layers.{{}}.attention.q_proj.weight"),
        "heads": d // HEAD,
        "position_kernel": kernel,
        "position_groups": d // group,
    }


def weight_norm_names(source, prefix):
    """The names of the weight norm's length and direction: transformers 4.26's, or those of newer releases."""
    path = "encoder.pos_conv_embed.conv"
    if f"{prefix}{path}.parametrizations.weight.original0" in source.state:
        return f"{path}.parametrizations.weight.original0", f"{path}.parametrizations.weight.original1"
    return f"{path}.weight_g", f"{path}.weight_v"


def convert(source, prefix, sizes):
    """{our name: tensor} of the encoder under `prefix`; raises ConvertError."""
    older = {"encoder.pos_conv_embed.conv.weight_g": 0, "encoder.pos_conv_embed.conv.weight_v": 1}
    present = weight_norm_names(source, prefix)
    took = {}
    for name, shape in published(sizes, prefix).items():
        name = name.removeprefix(prefix)
        took[name] = source.take(prefix + (present[older[name]] if name in older else name), *shape)
    source.drop(f"{prefix}masked_spec_embed")
    out = {}
    for i in range(len(sizes["kernels"])):
        out[f"conv.{i}.weight"] = took[f"feature_extractor.conv_layers.{i}.conv.weight"]
    direction = took["encoder.pos_conv_embed.conv.weight_v"]
    length = direction.double().pow(2).sum((0, 1), keepdim=True).sqrt()
    out["position.weight"] = (took["encoder.pos_conv_embed.conv.weight_g"].double() * direction / length).float()
    out["position.bias"] = took["encoder.pos_conv_embed.conv.bias"]
    for kind in ("weight", "bias"):
        out[f"conv_norm.{kind}"] = took[f"feature_extractor.conv_layers.0.layer_norm.{kind}"]
        out[f"project_norm.{kind}"] = took[f"feature_projection.layer_norm.{kind}"]
        out[f"project.{kind}"] = took[f"feature_projection.projection.{kind}"]
        out[f"norm.{kind}"] = took[f"encoder.layer_norm.{kind}"]
        for i in range(sizes["layers"]):
            theirs, ours = f"encoder.layers.{i}", f"layers.{i}"
            out[f"{ours}.attn.qkv.{kind}"] = torch.cat([took[f"{theirs}.attention.{x}_proj.{kind}"] for x in "qkv"])
            out[f"{ours}.attn.out.{kind}"] = took[f"{theirs}.attention.out_proj.{kind}"]
            out[f"{ours}.norm1.{kind}"] = took[f"{theirs}.layer_norm.{kind}"]
            out[f"{ours}.ff.up.{kind}"] = took[f"{theirs}.feed_forward.intermediate_dense.{kind}"]
            out[f"{ours}.ff.down.{kind}"] = took[f"{theirs}.feed_forward.output_dense.{kind}"]
            out[f"{ours}.norm2.{kind}"] = took[f"{theirs}.final_layer_norm.{kind}"]
    return out


class Wav2Vec2(nn.Module):
    """Runner of the converted encoder."""

    def __init__(self, sizes):
        super().__init__()
        d, conv, kernels = sizes["d"], sizes["conv"], sizes["kernels"]
        self.conv = nn.ModuleList(
            nn.Conv1d(conv if i else 1, conv, kernel, STRIDES[i], bias=False) for i, kernel in enumerate(kernels)
        )
        self.conv_norm = nn.GroupNorm(conv, conv)
        self.project_norm = nn.LayerNorm(conv)
        self.project = nn.Linear(conv, d)
        kernel = sizes["position_kernel"]
        self.position = nn.Conv1d(d, d, kernel, padding=kernel // 2, groups=sizes["position_groups"])
        self.norm = nn.LayerNorm(d)
        self.layers = nn.ModuleList(Layer(d, sizes["ff"], sizes["heads"], post=True) for _ in range(sizes["layers"]))

    def forward(self, wave):
        """Sound [B, N] at 16 kHz, mean 0 and variance 1 over the utterance, to features [B, frames, d] at 50 Hz."""
        h = wave[:, None]
        for i, conv in enumerate(self.conv):
            h = conv(h)
            h = F.gelu(self.conv_norm(h) if i == 0 else h)
        h = self.project(self.project_norm(h.transpose(1, 2)))
        # An even kernel with that padding gives one frame too many, at the end.
        place = self.position(h.transpose(1, 2))[..., : h.shape[1]]
        h = self.norm(h + F.gelu(place).transpose(1, 2))
        for layer in self.layers:
            h = layer(h)
        return h


def normalise(wave):
    """What the processor of wav2vec2-base-960h does to a whole utterance [N]: mean 0, variance 1."""
    return (wave - wave.mean()) / torch.sqrt(wave.var(correction=0) + 1e-7)


def resample(features, frames):
    """Features [B, T, d] at 50 Hz as [B, frames, d]: linear, first and last kept in place."""
    return F.interpolate(features.transpose(1, 2), frames, mode="linear", align_corners=True).transpose(1, 2)
