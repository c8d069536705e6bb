"""The transformer layer that all our networks are made of, its distance bias, and the ring that it streams with.

Shapes: R = rows, T = tokens of the block under way, W = ring slots, P = prefix tokens, d = width, H = heads. `group`
tokens stand at the same moment (the two persons of a frame, say), so the distance of tokens i and j of a stream is
|i // group - j // group|. A ring keeps the last W tokens; W is a multiple of T and token j stands in slot j mod W.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMPTY = -1e9
"""Bias of a ring slot that holds no token yet: finite, so that the engine may add it as a number."""


def head_slopes(heads: int) -> Tensor:
    """Slope of the distance bias per head, f32 [heads]: 2^(-8 h / heads), h = 1..heads (ALiBi)."""
    return torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(heads)])


def ring_bias(heads: int, window: int, blocks: int, tokens: int = 1, group: int = 1) -> Tensor:
    """Bias [H, T, W] of the ring's slots for block number `blocks` of `tokens` tokens; EMPTY where nothing stands."""
    now = blocks * tokens
    slot = torch.arange(window)
    held = now - 1 - (now - 1 - slot) % window
    distance = ((now + torch.arange(tokens)) // group)[:, None] - (held.clamp(min=0) // group)[None]
    return torch.where(held >= 0, -head_slopes(heads)[:, None, None] * distance, EMPTY)


def block_bias(heads: int, tokens: int, group: int = 1) -> Tensor:
    """Bias [H, T, T] of the block's tokens for each other."""
    place = torch.arange(tokens) // group
    return -head_slopes(heads)[:, None, None] * (place[:, None] - place[None]).abs()


def causal_bias(heads: int, length: int, window: int, tokens: int = 1, group: int = 1) -> Tensor:
    """Bias [H, length, length] over a whole sequence, -inf where a streaming block has no such key.

    Token i sees its own block of `tokens` and the `window` tokens emitted before that block: exactly the ring.
    """
    place = torch.arange(length)
    start = (place // tokens * tokens)[:, None]
    seen = (place[None] >= start - window) & (place[None] < start + tokens)
    distance = (place[:, None] // group - place[None] // group).abs()
    return torch.where(seen, -head_slopes(heads)[:, None, None] * distance, float("-inf"))


def write_ring(ring: Tensor, kv: Tensor, blocks: int) -> None:
    """Put a block's keys and values [R, T, 2 d] into the ring [R, W, 2 d] as block number `blocks`."""
    slot = blocks * kv.shape[1] % ring.shape[1]
    ring[:, slot : slot + kv.shape[1]] = kv


class Attention(nn.Module):
    """Projections of one attention; rows of `qkv` are [Q; K; V], heads are contiguous slices."""

    def __init__(self, d: int):
        super().__init__()
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)


class FeedForward(nn.Module):
    """Two linears around a tanh-approximated GELU."""

    def __init__(self, d: int, ff: int):
        super().__init__()
        self.up = nn.Linear(d, ff)
        self.down = nn.Linear(ff, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, d: int, ff: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(d)
        self.attn = Attention(d)
        self.norm2 = nn.LayerNorm(d)
        self.ff = FeedForward(d, ff)

    def prefix_kv(self, prefix: Tensor) -> Tensor:
        """Keys and values [..., 2 d] of prefix tokens [..., d]; prefix tokens are not layer-normed."""
        d = prefix.shape[-1]
        return F.linear(prefix, self.attn.qkv.weight[d:], self.attn.qkv.bias[d:])

    def forward(self, h: Tensor, bias: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """h [R, T, d] after the layer, and its keys and values [R, T, 2 d].

        Keys are [past | h's own]; `past` [R, P + W, 2 d] (k then v) is whatever stands before: prefix, ring or both.
        `bias` [H, T, keys] is added to the scores (zeros for a prefix, -inf or EMPTY where a key is not to be seen).
        """
        d = h.shape[-1]
        q, kv = self.attn.qkv(self.norm1(h)).split([d, 2 * d], -1)
        keys = kv if past is None else torch.cat([past, kv], 1)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in (q, *keys.split(d, -1)))
        mixed = F.scaled_dot_product_attention(q, k, v, bias.to(q.dtype)[None], scale=1 / math.sqrt(q.shape[-1]))
        h = h + self.attn.out(mixed.transpose(1, 2).flatten(2))
        return h + self.ff(self.norm2(h)), kv
