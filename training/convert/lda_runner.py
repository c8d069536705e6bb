"""Runner of a converted LDA file: the published forward pass and sampler over whole clips, and our body of it."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from convert.blocks import attend, load
from convert.lda import FEATURES, JOINTS, KERNELS, NETWORK, ROOT, TABLE
from convert.target import read_converted
from diffusion import denoising_steps


class Place(nn.Module):
    """TISA v2: a bias by distance D alone, ln(sum of |a| sigmoid(sgn(a) (D - o) / s) + 1e-8 + |b|) - m |D|."""

    def __init__(self, heads):
        super().__init__()
        for name in ("offsets", "amplitudes", "sharpness"):
            self.register_parameter(name, nn.Parameter(torch.ones(KERNELS, heads)))
        self.bias = nn.Parameter(torch.zeros(heads))
        self.slopes = nn.Parameter(torch.ones(heads))

    def forward(self, frames):
        """Bias [heads, frames, frames] of query i for key j, by i - j."""
        distance = torch.arange(1 - frames, frames, dtype=torch.float32)
        bump = torch.sigmoid(self.amplitudes.sign() * (distance[:, None, None] - self.offsets) / self.sharpness)
        mass = (self.amplitudes.abs() * bump).sum(1)
        curve = torch.log(mass + (1e-8 + self.bias.abs())) - distance.abs()[:, None] * self.slopes
        place = torch.arange(frames)[:, None] - torch.arange(frames) + frames - 1
        return curve[place].permute(2, 0, 1)


class Attention(nn.Module):
    """Attention whose only output projection is a gate."""

    def __init__(self, d, heads):
        super().__init__()
        self.qkv, self.gate, self.place = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, 2 * d), Place(heads)
        self.heads = heads

    def forward(self, x):
        mixed = attend(*self.qkv(x).chunk(3, -1), self.heads, self.place(x.shape[1]))
        value, gate = self.gate(mixed).chunk(2, -1)
        return value * torch.sigmoid(gate)


class FeedForward(nn.Module):
    """Two linears, or two convolutions over three frames, around a ReLU; no biases."""

    def __init__(self, d, ff, dilation):
        super().__init__()
        self.dilation = dilation
        self.up, self.down = (nn.Module(), nn.Module())
        for part, shape in ((self.up, (ff, d)), (self.down, (d, ff))):
            part.weight = nn.Parameter(torch.zeros(*shape, *([3] if dilation else [])))

    def forward(self, x):
        if not self.dilation:
            return F.linear(F.relu(F.linear(x, self.up.weight)), self.down.weight)
        across = {"padding": self.dilation, "dilation": self.dilation}
        h = F.relu(F.conv1d(x.transpose(1, 2), self.up.weight, **across))
        return F.conv1d(h, self.down.weight, **across).transpose(1, 2)


class Block(nn.Module):
    """Post-norm: norm1 after attention, norm2 after the feed-forward."""

    def __init__(self, d, ff, heads, dilation):
        super().__init__()
        self.attn, self.ff = Attention(d, heads), FeedForward(d, ff, dilation)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return self.norm2(x + self.ff(x))


class Residual(nn.Module):
    """One gated residual layer with a skip output."""

    def __init__(self, sizes, dilation):
        super().__init__()
        d = sizes["d"]
        self.step, self.cond = nn.Linear(sizes["step"], d), nn.Linear(sizes["cond"], d)
        self.add_module("in", nn.Linear(d, d))
        self.blocks = nn.ModuleList(Block(d, sizes["ff"], sizes["heads"], dilation) for _ in range(sizes["blocks"]))
        self.out, self.gate = nn.Linear(d, 2 * d), nn.Linear(d, 2 * d)

    def forward(self, x, step, cond):
        y = self.get_submodule("in")(x + self.step(step)[:, None] + self.cond(cond))
        for block in self.blocks:
            y = block(y)
        gate, kept = self.out(y).chunk(2, -1)
        residual, skip = self.gate(torch.sigmoid(gate) * torch.tanh(kept)).chunk(2, -1)
        return (x + residual) / math.sqrt(2), skip


class Lda(nn.Module):
    """Runner of a converted file: the published forward pass and sampler over whole clips."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        d, features = config["d"], config["features"]
        self.x_proj = nn.Linear(features, d)
        self.step = nn.Module()
        self.step.up, self.step.down = nn.Linear(2 * TABLE, config["step"]), nn.Linear(config["step"], config["step"])
        self.step.register_buffer("table", torch.zeros(config["schedule"]["T"], 2 * TABLE))
        cycle = config["dilations"]
        self.layers = nn.ModuleList(Residual(config, cycle[i % len(cycle)]) for i in range(config["layers"]))
        self.skip, self.out = nn.Linear(d, d), nn.Linear(d, features)
        for name, count in (
            ("mean", features),
            ("std", features),
            ("cond_mean", config["cond"]),
            ("cond_std", config["cond"]),
        ):
            self.register_buffer(name, torch.zeros(count))

    def forward(self, x, cond, t):
        """The noise in x [B, T, 61] for standardised conditions [B, T, C] (audio, then style) and steps [B]."""
        step = F.silu(self.step.down(F.silu(self.step.up(self.step.table[t]))))
        h = F.relu(self.x_proj(x))
        total = 0.0
        for layer in self.layers:
            h, skip = layer(h, step, cond)
            total = total + skip
        return self.out(F.relu(self.skip(total / math.sqrt(len(self.layers)))))

    def sample(self, cond, noise, steps=None, eta=None):
        """Features [B, T, 61] in radians and centimetres for conditions [B, T, C] as they were measured.

        noise [S, B, T, 61]: the first x, then the fresh noise of every step but the last. 150 steps with eta 1 are the
        published ancestral sampler; fewer, or eta 0, are DDIM.
        """
        config = self.config
        eta = config["eta"] if eta is None else eta
        ladder = denoising_steps(config["schedule"], steps or config["steps"], eta, config["spacing"], "ddim", "eps")
        cond, x = (cond - self.cond_mean) / self.cond_std, noise[0]
        for i, step in enumerate(ladder):
            eps = self(x, cond, torch.full((len(x),), step.t))
            # In terms of x and eps, because x0 itself is beyond reach where almost all of x is noise.
            keep = step.x0_weight / math.sqrt(step.alpha_bar)
            x = keep * x + (step.direction - keep * math.sqrt(1 - step.alpha_bar)) * eps
            if step.sigma:
                x = x + step.sigma * noise[i + 1]
        return x * self.std + self.mean


def to_body(features):
    """Our body from features [T, 61]: {"root" [T, 2] x and z in m, "yaw" [T], "height" [T] in m, bone: exp-map [T, 3]}.

    The first frame's root deltas are ignored, as published; yaw and position start at 0. Hips are against the facing
    frame, as ours are.
    """
    y, dx, dz, turn = (features[:, FEATURES.index(name)].double() for name in ROOT)
    dx, dz, turn = (torch.cat([torch.zeros(1, dtype=torch.float64), value[1:]]) for value in (dx, dz, turn))
    yaw = turn.cumsum(0)
    x = (dx * yaw.cos() + dz * yaw.sin()).cumsum(0)
    z = (dz * yaw.cos() - dx * yaw.sin()).cumsum(0)
    body = {"root": torch.stack([x, z], 1) / 100, "yaw": yaw, "height": y / 100}
    return body | {bone: features[:, 3 * i : 3 * i + 3] for i, bone in enumerate(JOINTS.values())}


def load_lda(path):
    """The runner of a converted file."""
    config, tensors = read_converted(path, NETWORK)
    return load(Lda(config), tensors)
