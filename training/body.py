"""Body networks: block-causal diffusion transformers that move both bodies, the lower first, the upper after it.

Shapes: B = sequences, N = noised copies, K = blocks, R = rows (guidance branches), F = features of one person's frame
(27 lower, 47 upper), d = model width, H = heads. A block is 8 frames of both persons in 8 tokens of coefficients.

What the network makes is not the frames but how they depart from coasting on from the last emitted frame l with the
step s to it: for each feature frames = l + coast s + basis c. Both are learnt from the corpus: coast is what a step
says of the 8 frames to come, the basis holds the principal shapes of the rest, scaled to their spread. So a coefficient
has unit variance, most of a motion is in the first ones, and whatever the network gets wrong is as smooth as the corpus
and goes on from where, and as fast as, the last block ended. Token 2 s + p holds coefficients 2 s and 2 s + 1 of all
features of person p. It is told l and s, and predicts the clean c (x0). The hierarchy, the joint
sequence of both persons and the conditions are those of InterAct 4.2, made causal: a block attends to two prefix
tokens, to the last `window` emitted tokens and wholly to itself.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from body_skeleton import LOWER_JOINTS, UPPER_JOINTS
from face import StepEmbedding
from layers import Layer, block_bias, head_slopes

HAND = "thumb index middle ring little spread opposition".split()
"""A hand: curl of five fingers 0..1, spread -1..1, opposition of the thumb 0..1."""

LOWER_FEATURES = [
    *"dx dz dyaw height".split(),
    *(f"{joint}.{axis}" for joint in LOWER_JOINTS for axis in "xyz"),
    *"contactLeft contactRight".split(),
]
"""27: root move in the facing frame (m), turn (rad), height of the hips (m), exp-maps, contacts 0..1."""

UPPER_FEATURES = [
    *(f"{joint}.{axis}" for joint in UPPER_JOINTS for axis in "xyz"),
    *(f"{side}Fingers.{name}" for side in ("left", "right") for name in HAND),
]
"""47: exp-maps (rad), then both hands."""

ACTIONS = ("stand", "walk", "sit")
RELATIONSHIPS = ("none", "family", "friends", "work", "school", "professional")
PREFIX_TOKENS = 2
"""Prefix tokens per query: relationship, diffusion step."""


@dataclass(frozen=True)
class BodyConfig:
    """Sizes and schedule of a body network; stored as JSON in the weight file. The lower has no `head`, no `lower`."""

    d: int = 256
    heads: int = 4
    ff: int = 1024
    layers: int = 4
    window: int = 128
    block: int = 8
    patch: int = 2
    token: int = 256
    audio_window: int = 16
    audio_down: int = 64
    text: int = 768
    lead: int = 8
    head: int = 0
    lower: int = 0
    stage: int = 0x100
    features: list[str] = field(default_factory=lambda: list(LOWER_FEATURES))
    actions: list[str] = field(default_factory=lambda: list(ACTIONS))
    emotions: int = 7
    relationships: list[str] = field(default_factory=lambda: list(RELATIONSHIPS))
    schedule: dict = field(
        default_factory=lambda: {
            "T": 1000, "beta_start": 0.00085, "beta_end": 0.012, "spacing": "quadratic", "keeps": "variance"
        }
    )
    steps: int = 4
    context_step: int = 20

    @property
    def slots(self) -> int:
        """Tokens of one person in a block."""
        return self.block // self.patch

    @property
    def tokens(self) -> int:
        """Tokens of both persons in a block."""
        return 2 * self.slots

    @property
    def last(self) -> int:
        """Features of the last frame that a block is told: its own, for the upper body also the lower's."""
        return len(self.features) + self.lower // self.patch

    def to_dict(self) -> dict:
        """Plain dictionary for JSON."""
        return asdict(self)


LOWER = BodyConfig()
UPPER = BodyConfig(lead=4, head=12, lower=2 * len(LOWER_FEATURES), stage=0x200, features=list(UPPER_FEATURES))


class Denoiser(nn.Module):
    """The part of the network that a fine-tuning may replace."""

    def __init__(self, config: BodyConfig):
        super().__init__()
        self.layers = nn.ModuleList(Layer(config.d, config.ff, config.heads) for _ in range(config.layers))


@lru_cache(maxsize=8)
def chunk_bias(
    heads: int, tokens: int, window: int, copies: int, blocks: int, chunk: int, device: torch.device
) -> Tensor:
    """Bias [chunks, H, (1 + copies) c, keys] of a training forward cut into chunks of c tokens.

    Keys of a chunk: two prefix tokens per copy, the clean tokens from `window` before the chunk to its end, then the
    chunk's tokens of every noised copy. -inf where the streaming block has no such key.
    """
    size = chunk * tokens
    start = torch.arange(blocks // chunk)[:, None] * size
    query = start + torch.arange(size)
    copy = torch.arange(1 + copies)
    own = query // tokens * tokens
    clean = start + torch.arange(-window, size)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return (a[..., None] // 2 - b[..., None, :] // 2).abs()

    first = own[:, None, :, None]
    behind = (clean[:, None, None] >= (first - window).clamp(min=0)) & (clean[:, None, None] < first)
    itself = (clean[:, None, None] >= first) & (clean[:, None, None] < first + tokens)
    seen_clean = behind | (itself & (copy == 0)[:, None, None])
    seen_prefix = (copy[:, None] == copy.repeat_interleave(PREFIX_TOKENS))[None, :, None]
    seen_prefix = seen_prefix.expand(len(start), -1, size, -1)
    same_block = own[:, None, :, None, None] == own[:, None, None, None]
    seen_noised = same_block & (copy[:, None] == copy[1:])[None, :, None, :, None]
    shape = (len(start), 1 + copies, size)
    seen = torch.cat([seen_prefix, seen_clean, seen_noised.expand(*shape, -1, -1).flatten(3)], -1)
    far = torch.cat(
        [
            torch.zeros(len(start), size, PREFIX_TOKENS * (1 + copies), dtype=torch.long),
            distance(query, clean),
            distance(query, query).repeat(1, 1, copies),
        ],
        -1,
    )
    bias = -head_slopes(heads)[:, None, None, None] * far[:, None, None]
    return torch.where(seen[:, None], bias, float("-inf")).flatten(2, 3).to(device)


class Body(nn.Module):
    """PyTorch twin of the engine's body networks; which of the two it is, its configuration says."""

    def __init__(self, config: BodyConfig = LOWER):
        super().__init__()
        self.config = config
        d, features = config.d, len(config.features)
        self.x_proj = nn.Linear(config.patch * features, d)
        self.slot = nn.Embedding(config.slots, d)
        self.person = nn.Embedding(2, d)
        self.action = nn.Embedding(len(config.actions), d)
        self.emotion = nn.Embedding(config.emotions, d)
        self.relationship = nn.Embedding(len(config.relationships), d)
        self.placement = nn.Linear(6, d)
        self.last_proj = nn.Linear(2 * config.last, d)
        self.audio_down = nn.Linear(config.token, config.audio_down)
        self.audio_proj = nn.Linear(2 * config.audio_window * config.audio_down, d)
        self.text_proj = nn.Linear(config.text, d, bias=False)
        if config.head:
            self.head_proj = nn.Linear(config.head, d)
        if config.lower:
            self.lower_proj = nn.Linear(config.lower, d)
        self.step = StepEmbedding(d)
        self.denoiser = Denoiser(config)
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, config.patch * features)
        for name, value, size in (
            ("mean", 0.0, config.last),
            ("std", 1.0, config.last),
            ("step_std", 1.0, config.last),
            ("rest", 0.0, config.last),
            ("low", -8.0, features),
            ("high", 8.0, features),
            ("frame_low", -10.0, features),
            ("frame_high", 10.0, features),
        ):
            self.register_buffer(name, torch.full((size,), value))
        # One row, for the weight file keeps vectors in full precision.
        self.register_buffer("basis", torch.eye(config.block).repeat(features, 1, 1).flatten())
        self.register_buffer("coast", torch.zeros(features * config.block))
        for table in (self.slot, self.person, self.action, self.emotion, self.relationship):
            nn.init.normal_(table.weight, std=0.3)

    @property
    def name(self) -> str:
        """The network's name in files."""
        return "body-upper" if self.config.lower else "body-lower"

    def clamp(self, tokens: Tensor) -> Tensor:
        """Tokens [..., patch F] limited to the bounds of their features."""
        patch = self.config.patch
        return torch.minimum(torch.maximum(tokens, self.low.repeat(patch)), self.high.repeat(patch))

    @property
    def shapes(self) -> Tensor:
        """The basis [F, 8, 8]: frames by coefficients."""
        return self.basis.unflatten(0, (-1, self.config.block, self.config.block))

    def coasting(self, before: Tensor) -> Tensor:
        """Frames [..., 8, F] of who goes on as they do, before [..., 2, F] being the last frame and the step to it."""
        last, step = (part.unsqueeze(-2) for part in before.unbind(-2))
        return last + step * self.coast.unflatten(0, (-1, self.config.block)).T

    def tokens(self, frames: Tensor, before: Tensor) -> Tensor:
        """Coefficients, as tokens [..., 8, 2 F], of frames [..., 2, 8, F] after `before` [..., 2, 2, F]: each person's
        last frame and the step to it."""
        with torch.autocast(frames.device.type, enabled=False):
            inverse = torch.linalg.inv(self.shapes.double()).float()
            c = torch.einsum("fkt,...tf->...kf", inverse, frames - self.coasting(before))
        c = c.unflatten(-2, (self.config.slots, self.config.patch))
        return c.transpose(-4, -3).flatten(-2).flatten(-3, -2)

    def frames(self, tokens: Tensor, before: Tensor) -> Tensor:
        """Frames [..., 2, 8, F], not yet bounded, of tokens [..., 8, 2 F] after `before` [..., 2, 2, F]."""
        c = tokens.unflatten(-1, (self.config.patch, -1)).unflatten(-3, (self.config.slots, 2))
        c = c.transpose(-4, -3).flatten(-3, -2)
        with torch.autocast(c.device.type, enabled=False):
            return self.coasting(before) + torch.einsum("ftk,...kf->...tf", self.shapes, c)

    def bounded(self, frames: Tensor) -> Tensor:
        """Frames [..., F] within what the corpus has."""
        return torch.minimum(torch.maximum(frames, self.frame_low), self.frame_high)

    def rest_frame(self) -> Tensor:
        """The rest pose [last], physical."""
        return self.rest * self.std + self.mean

    def rest_block(self, rows: int = 1) -> Tensor:
        """Tokens [R, 8, 2 F] of a block in which everybody goes on as they do."""
        return self.rest.new_zeros(rows, self.config.tokens, self.config.patch * len(self.config.features))

    def seen(self, before: Tensor) -> Tensor:
        """What the condition says of last frames and the steps to them, before [..., 2, last]: [..., 2 last]."""
        last, step = before.unbind(-2)
        return torch.cat([(last - self.mean) / self.std, step / self.step_std], -1)

    def condition(
        self,
        voice: Tensor,
        action: Tensor,
        emotion: Tensor,
        placement: Tensor,
        last: Tensor,
        text: Tensor | None = None,
        head: Tensor | None = None,
    ) -> Tensor:
        """What a block is told, [..., 2, d].

        voice [..., 2, 16, 64] are the newest speech tokens of each person, oldest first, through `audio_down`; action
        and emotion [..., 2] ids, placement [..., 2, 6], last [..., 2, 2 last] of `seen`, text [..., 2, 768] (None: no
        words), head [..., 2, 12] rad.
        """
        windows = torch.cat([voice, voice.flip(-3)], -1).flatten(-2)
        cond = self.person.weight + self.action(action) + self.emotion(emotion) + self.placement(placement)
        cond = cond + self.audio_proj(windows) + self.last_proj(last)
        if text is not None:
            cond = cond + self.text_proj(text)
        return cond + self.head_proj(head) if head is not None else cond

    def prefix_tokens(self, relationship: Tensor, step: Tensor) -> Tensor:
        """The prefix [R, 2, d] of relationships [R] and diffusion steps [R] or [1]."""
        steps = self.step(step).expand(relationship.shape[0], -1)
        return torch.stack([self.relationship(relationship), steps], 1)

    def prefix(self, relationship: Tensor, step: Tensor) -> list[Tensor]:
        """Keys and values of the prefix, one [R, 2, 2 d] per layer."""
        tokens = self.prefix_tokens(relationship, step)
        return [layer.prefix_kv(tokens) for layer in self.denoiser.layers]

    def embed(self, x: Tensor, cond: Tensor, lower: Tensor | None) -> Tensor:
        """Tokens [..., 8, 2 F] into the width of the model, with slot, condition [..., 2, d] and lower body."""
        slots = self.config.slots
        h = self.x_proj(x) + self.slot.weight.repeat_interleave(2, 0)
        h = h + cond.repeat(*[1] * (cond.ndim - 2), slots, 1)
        return h + self.lower_proj(lower) if lower is not None else h

    def block(
        self,
        x: Tensor,
        cond: Tensor,
        prefix: list[Tensor],
        rings: list[Tensor],
        bias: Tensor,
        lower: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """One pass over one block of R rows, as the engine does it.

        x [R, 8, 2 F] noisy, cond [R, 2, d], prefix and rings per layer [R, 2, 2 d] and [R, window, 2 d] (k then v),
        bias [H, 8, window] of the ring, lower [R, 8, 54] for the upper body; returns x0 [R, 8, 2 F] (not clamped)
        and the block's own keys and values per layer [R, 8, 2 d].
        """
        config = self.config
        zeros = bias.new_zeros(config.heads, config.tokens, PREFIX_TOKENS)
        whole = torch.cat([zeros, bias, block_bias(config.heads, config.tokens, 2).to(bias)], -1)
        h = self.embed(x, cond, lower)
        new = []
        for layer, pre, ring in zip(self.denoiser.layers, prefix, rings, strict=True):
            h, kv = layer(h, whole, torch.cat([pre, ring], 1))
            new.append(kv)
        return self.out(self.norm(h)), new

    def forward(
        self,
        clean: Tensor,
        noised: Tensor,
        cond: Tensor,
        relationship: Tensor,
        steps: Tensor,
        lower: Tensor | None = None,
    ) -> Tensor:
        """x0 predictions of N noised copies, each block given the clean blocks before it: [B, N, K, 8, 2 F].

        clean [B, K, 8, 2 F] is the context (already noised at the context step), noised [B, N, K, 8, 2 F] at the
        diffusion steps `steps` [B, N]; cond [B, K, 2, d], relationship [B], lower [B, K, 8, 54]. A noised block sees
        its prefix, the clean blocks of the ring before it and itself, exactly the keys it has when streaming.
        """
        config = self.config
        batch, copies, blocks = noised.shape[:3]
        chunk = math.gcd(blocks, 8)
        size, heads, head = chunk * config.tokens, config.heads, config.d // config.heads
        bias = chunk_bias(heads, config.tokens, config.window, copies, blocks, chunk, noised.device)
        bias = bias.expand(batch, *bias.shape).flatten(0, 1)
        all_steps = torch.cat([torch.full_like(steps[:, :1], config.context_step), steps], 1)
        repeated = relationship[:, None].expand(-1, 1 + copies).flatten()
        prefix = self.prefix_tokens(repeated, all_steps.flatten()).view(batch, (1 + copies) * PREFIX_TOKENS, -1)

        x = torch.cat([clean[:, None], noised], 1)
        given = None if lower is None else lower[:, None]
        h = self.embed(x, cond[:, None], given).flatten(2, 3)

        def chunks(y: Tensor) -> Tensor:
            """[B, copies, tokens, d] -> [B * chunks, H, copies * c, D]."""
            y = y.unflatten(2, (-1, size)).unflatten(-1, (heads, head))
            return y.permute(0, 2, 4, 1, 3, 5).flatten(3, 4).flatten(0, 1)

        last = len(self.denoiser.layers) - 1
        for index, layer in enumerate(self.denoiser.layers):
            q, k, v = layer.attn.qkv(layer.norm1(h)).split(config.d, -1)
            if index == last:
                # The context copy's own output is never used; only its keys and values are.
                q, h, bias = q[:, 1:], h[:, 1:], bias[:, :, size:]
            count = blocks // chunk
            keys = []
            for y, pre in zip((k, v), layer.prefix_kv(prefix).split(config.d, -1), strict=True):
                pre = pre.unflatten(-1, (heads, head)).transpose(1, 2)
                pre = pre[:, None].expand(-1, count, -1, -1, -1).flatten(0, 1)
                past = F.pad(y[:, 0], (0, 0, config.window, 0)).unfold(1, config.window + size, size)
                past = past.unflatten(2, (heads, head)).transpose(-1, -2).flatten(0, 1)
                keys.append(torch.cat([pre, past, chunks(y[:, 1:])], 2))
            y = F.scaled_dot_product_attention(chunks(q), *keys, bias.to(q.dtype), scale=1 / math.sqrt(head))
            y = y.unflatten(0, (batch, count)).unflatten(3, (-1, size)).permute(0, 3, 1, 4, 2, 5)
            h = h + layer.attn.out(y.flatten(4).flatten(2, 3))
            h = h + layer.ff(layer.norm2(h))
        return self.out(self.norm(h)).float().unflatten(2, (blocks, config.tokens))
