"""Modules that the runners of converted networks share; attributes are named as in the engine's files."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def attend(q, k, v, heads, bias=None):
    """Softmax attention of q [B, T, d] over k, v [B, S, d]; `bias` is added to the scores [B, heads, T, S]."""
    q, k, v = (y.unflatten(-1, (heads, -1)).transpose(1, 2) for y in (q, k, v))
    score = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if bias is not None:
        score = score + bias
    return (score.softmax(-1) @ v).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Projections of one attention; rows of `qkv` are [Q; K; V]."""

    def __init__(self, d):
        super().__init__()
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)


class FeedForward(nn.Module):
    """Two linears around a GELU, exact or in its tanh approximation."""

    def __init__(self, d, ff, approximate="none"):
        super().__init__()
        self.up = nn.Linear(d, ff)
        self.down = nn.Linear(ff, d)
        self.approximate = approximate

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate=self.approximate))


class Layer(nn.Module):
    """One transformer layer, pre-norm (ours, Learning2Listen) or post-norm (wav2vec 2.0)."""

    def __init__(self, d, ff, heads, approximate="none", post=False):
        super().__init__()
        self.norm1 = nn.LayerNorm(d)
        self.attn = Attention(d)
        self.norm2 = nn.LayerNorm(d)
        self.ff = FeedForward(d, ff, approximate)
        self.heads, self.post = heads, post

    def mix(self, x, bias):
        """The attention of a sequence to itself."""
        return self.attn.out(attend(*self.attn.qkv(x).chunk(3, -1), self.heads, bias))

    def forward(self, x, bias=None):
        if self.post:
            x = self.norm1(x + self.mix(x, bias))
            return self.norm2(x + self.ff(x))
        x = x + self.mix(self.norm1(x), bias)
        return x + self.ff(self.norm2(x))


def load(model, tensors):
    """Give a runner its tensors (every one of them, and none left) and set it to evaluation."""
    model.load_state_dict(tensors, strict=True)
    return model.eval().requires_grad_(False)


def sinusoid(t, width):
    """Embedding of diffusion steps [N] as [N, width]: cosines, then sines, of t * 10000^(-i / (width / 2))."""
    half = width // 2
    angle = t.double()[:, None] * torch.exp(-math.log(10000.0) * torch.arange(half, dtype=torch.float64) / half)
    return torch.cat([angle.cos(), angle.sin()], -1).float()
