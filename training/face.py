"""Face network: a block-causal diffusion transformer that turns both voices into 51 ARKit weights.

Shapes: B = sequences, T = frames, R = rows (persons), C = 51 channels, d = model width, H = heads, D = d / H.
The network sees z = (weight - mean) / std and predicts the clean z (x0). The structure is the one of InterAct 4.1 on
DiffSpeaker, made causal: a frame attends to five prefix tokens, to the last `window` emitted frames and to itself.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffusion import alpha_bars, sampling_steps, spacing_of
from layers import Layer, head_slopes
from philox import normals

ARKIT_51 = (
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
    "cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight "
    "eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft "
    "eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft "
    "mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight "
    "mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft "
    "noseSneerRight"
).split()
"""The 51 ARKit channels in MediaPipe's order without `_neutral` (InterAct's `face_arkit`)."""

EMOTIONS = ("neutral", "surprise", "fear", "social", "self", "positive", "negative")
"""InterAct's six emotion groups after neutral, in the order of the `emotion` embedding."""

PREFIX_TOKENS = 5
"""Prefix tokens per query: own style, partner style, facing, emotion, diffusion step."""


@dataclass(frozen=True)
class FaceConfig:
    """Sizes and schedule of a face network; stored as JSON in the weight file."""

    d: int = 256
    heads: int = 4
    ff: int = 1024
    layers: int = 4
    window: int = 64
    period: int = 1
    lookahead: int = 2
    audio: int = 512
    styles: int = 4
    facings: int = 2
    emotions: int = 7
    channels: list[str] = field(default_factory=lambda: list(ARKIT_51))
    schedule: dict = field(default_factory=lambda: {"T": 1000, "beta_start": 0.00085, "beta_end": 0.012})
    steps: int = 4
    context_step: int = 20

    def to_dict(self) -> dict:
        """Plain dictionary for JSON."""
        return asdict(self)


def sinusoid(step: Tensor, d: int) -> Tensor:
    """Embedding of diffusion steps [N] as [N, d]: cosines, then sines, of step * 10000^(-i / (d / 2))."""
    half = d // 2
    frequency = torch.exp(-math.log(10000.0) * torch.arange(half, device=step.device, dtype=torch.float64) / half)
    angle = step.to(torch.float64)[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], 1).float()


class Denoiser(nn.Module):
    """The part of the network that a lip fine-tuning may replace."""

    def __init__(self, config: FaceConfig):
        super().__init__()
        self.layers = nn.ModuleList(Layer(config.d, config.ff, config.heads) for _ in range(config.layers))


class StepEmbedding(nn.Module):
    """Diffusion step -> token: down(SiLU(up(sinusoid)))."""

    def __init__(self, d: int):
        super().__init__()
        self.up = nn.Linear(d, d)
        self.down = nn.Linear(d, d)

    def forward(self, step: Tensor) -> Tensor:
        return self.down(F.silu(self.up(sinusoid(step, self.up.in_features))))


@dataclass
class Conditions:
    """Indices into the condition embeddings; every tensor is i64, [B, T] in training and [R] when streaming."""

    style: Tensor
    partner_style: Tensor
    facing: Tensor
    emotion: Tensor


class Face(nn.Module):
    """PyTorch twin of the engine's face network."""

    def __init__(self, config: FaceConfig | None = None):
        super().__init__()
        self.config = config = config or FaceConfig()
        channels = len(config.channels)
        self.x_proj = nn.Linear(channels, config.d)
        self.audio_proj = nn.Linear(config.audio, config.d)
        self.style = nn.Embedding(config.styles, config.d)
        self.partner_style = nn.Embedding(config.styles, config.d)
        self.facing = nn.Embedding(config.facings, config.d)
        self.emotion = nn.Embedding(config.emotions, config.d)
        self.step = StepEmbedding(config.d)
        self.denoiser = Denoiser(config)
        self.norm = nn.LayerNorm(config.d)
        self.out = nn.Linear(config.d, channels)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        for table in (self.style, self.partner_style, self.facing, self.emotion):
            nn.init.normal_(table.weight, std=0.5)

    @property
    def low(self) -> Tensor:
        """z of weight 0, [C]."""
        return -self.mean / self.std

    @property
    def high(self) -> Tensor:
        """z of weight 1, [C]."""
        return (1 - self.mean) / self.std

    def clamp(self, z: Tensor) -> Tensor:
        """z limited to weights 0..1."""
        return torch.minimum(torch.maximum(z, self.low), self.high)

    def normalise(self, weights: Tensor) -> Tensor:
        """ARKit weights [..., C] -> z."""
        return (weights - self.mean) / self.std

    def weights(self, z: Tensor) -> Tensor:
        """z [..., C] -> ARKit weights 0..1."""
        return (z * self.std + self.mean).clamp(0, 1)

    def prefix(self, conditions: Conditions, step: Tensor) -> list[Tensor]:
        """Keys and values of the prefix, one [R, 5, 2 d] per layer, for conditions [R] and a diffusion step [1]."""
        step_token = self.step(step).expand(conditions.style.shape[0], -1)
        tokens = torch.stack(
            [
                self.style(conditions.style),
                self.partner_style(conditions.partner_style),
                self.facing(conditions.facing),
                self.emotion(conditions.emotion),
                step_token,
            ],
            1,
        )
        return [layer.prefix_kv(tokens) for layer in self.denoiser.layers]

    def frame(
        self, x: Tensor, audio: Tensor, prefix: list[Tensor], rings: list[Tensor], bias: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """One pass over one frame of R rows, as the engine does it.

        x [R, 1, C] noisy z, audio [R, 512], prefix and rings per layer [R, 5, 2 d] and [R, window, 2 d] (k then v),
        bias [H, window]; returns x0 [R, 1, C] (not clamped) and the frame's own keys and values per layer [R, 1, 2 d].
        """
        config = self.config
        heads, d = config.heads, config.d
        h = self.x_proj(x) + self.audio_proj(audio)[:, None]
        pad = bias.new_zeros(heads, 1)
        full_bias = torch.cat([bias.new_zeros(heads, PREFIX_TOKENS), bias, pad], 1)[None, :, None]
        new = []
        for layer, pre, ring in zip(self.denoiser.layers, prefix, rings, strict=True):
            q, kv = layer.attn.qkv(layer.norm1(h)).split([d, 2 * d], -1)
            new.append(kv)
            k, v = torch.cat([pre, ring, kv], 1).split(d, -1)
            q, k, v = (y.unflatten(-1, (heads, -1)).transpose(1, 2) for y in (q, k, v))
            score = q @ k.transpose(-1, -2) / math.sqrt(d // heads) + full_bias
            h = h + layer.attn.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))
            h = h + layer.ff(layer.norm2(h))
        return self.out(self.norm(h)), new

    def table(self, steps: Tensor) -> Tensor:
        """Every possible prefix token, [entries, d]: styles, partner styles, facings, emotions, then `steps` [N]."""
        return torch.cat(
            [self.style.weight, self.partner_style.weight, self.facing.weight, self.emotion.weight, self.step(steps)]
        )

    def table_index(self, conditions: Conditions) -> Tensor:
        """Rows of `table` chosen by per-frame conditions: [B, T, 4]."""
        config = self.config
        return torch.stack(
            [
                conditions.style,
                conditions.partner_style + config.styles,
                conditions.facing + 2 * config.styles,
                conditions.emotion + 2 * config.styles + config.facings,
            ],
            -1,
        )

    def forward(self, clean: Tensor, noised: Tensor, audio: Tensor, conditions: Conditions, steps: Tensor) -> Tensor:
        """x0 predictions of N noised copies, each frame given the clean frames before it: [B, N, T, C].

        clean [B, T, C] is the context (already noised at the context step), noised [B, N, T, C] at the diffusion steps
        `steps` [B, N]; audio [B, T, 512]; conditions [B, T]. Copy frame i sees its prefix, clean frames
        [i - window, i - 1] and itself, exactly the keys it has when streaming.
        """
        config = self.config
        batch, copies, frames, _ = noised.shape
        heads, d, head = config.heads, config.d, config.d // config.heads
        unique, step_index = torch.cat([steps.new_tensor([config.context_step]), steps.flatten()]).unique(
            return_inverse=True
        )
        table = self.table(unique)
        entries = table.shape[0]
        first_step = entries - unique.shape[0]
        chosen = self.table_index(conditions)
        copy_steps = torch.cat([step_index[:1].expand(batch, 1), step_index[1:].view(batch, copies)], 1) + first_step
        allowed = torch.zeros(batch, 1 + copies, frames, entries, dtype=torch.bool, device=noised.device)
        allowed.scatter_(3, chosen[:, None].expand(-1, 1 + copies, -1, -1), True)
        allowed.scatter_(3, copy_steps[:, :, None, None].expand(-1, -1, frames, 1), True)
        table_bias = torch.where(allowed, 0.0, float("-inf"))[:, None]

        distance = torch.arange(frames, device=noised.device)[:, None] - torch.arange(frames, device=noised.device)
        seen = (distance >= 1) & (distance <= config.window)
        slopes = head_slopes(heads).to(noised.device)[:, None, None]
        bias = torch.where(seen, -slopes * (distance // config.period), float("-inf"))[None, :, None]

        x = torch.cat([clean[:, None], noised], 1)
        h = self.x_proj(x) + self.audio_proj(audio)[:, None]
        last = len(self.denoiser.layers) - 1
        for index, layer in enumerate(self.denoiser.layers):
            u = layer.attn.qkv(layer.norm1(h))
            q, k, v = (y.unflatten(-1, (heads, head)).permute(0, 3, 1, 2, 4) for y in u.split(d, -1))
            k_table, v_table = (
                y.unflatten(-1, (heads, head)).transpose(0, 1)[None] for y in layer.prefix_kv(table).split(d, -1)
            )
            if index == last:
                # The context copy's own output is never used; only its keys and values are.
                q, h, table_bias = q[:, :, 1:], h[:, 1:], table_bias[:, :, 1:]
                k_self, v_self = k[:, :, 1:], v[:, :, 1:]
            else:
                k_self, v_self = k, v
            context = (q @ k[:, :, :1].transpose(-1, -2)) / math.sqrt(head) + bias
            prefix = (q @ k_table[:, :, None].transpose(-1, -2)) / math.sqrt(head) + table_bias
            own = (q * k_self).sum(-1, keepdim=True) / math.sqrt(head)
            p = torch.cat([prefix, context, own], -1).softmax(-1).to(v.dtype)
            p_prefix, p_context, p_own = p.split([entries, frames, 1], -1)
            y = p_prefix @ v_table[:, :, None] + p_context @ v[:, :, :1] + p_own * v_self
            h = h + layer.attn.out(y.permute(0, 2, 3, 1, 4).flatten(3))
            h = h + layer.ff(layer.norm2(h))
        return self.out(self.norm(h)).float()


@dataclass
class SampledFrame:
    """What one frame of streaming sampling yields: x0 and x after every step [S, R, C], and weights [R, C]."""

    x0: Tensor
    x: Tensor
    face: Tensor
    initial: Tensor


class FaceStream:
    """The engine's sampler for R rows: a ring of keys and values, DDIM steps, then a context pass."""

    def __init__(self, model: Face, rows: int, conditions: Conditions, seed: int = 0, steps: int | None = None):
        config = model.config
        self.model, self.rows, self.seed = model, rows, seed
        self.steps = sampling_steps(config.schedule["T"], steps or config.steps, spacing_of(config.schedule))
        self.alpha_bar = alpha_bars(config.schedule)
        self.rings = [torch.zeros(rows, config.window, 2 * config.d) for _ in range(config.layers)]
        self.frame_index = 0
        self.slopes = head_slopes(config.heads)
        self.set_conditions(conditions)

    @torch.no_grad()
    def set_conditions(self, conditions: Conditions) -> None:
        """Changes the conditions [R] from the next frame on."""
        steps = self.steps + [self.model.config.context_step]
        self.prefixes = {step: self.model.prefix(conditions, torch.tensor([step])) for step in steps}

    def bias(self) -> Tensor:
        """Distance bias [H, window] of the ring slots for the current frame; -1e9 where a slot is still empty."""
        window, period = self.model.config.window, self.model.config.period
        slot = torch.arange(window)
        distance = (self.frame_index - slot - 1) % window + 1
        bias = -self.slopes[:, None] * (distance // period)
        return torch.where(distance <= self.frame_index, bias, -1e9)

    @torch.no_grad()
    def frame(self, audio: Tensor) -> SampledFrame:
        """Emits the next frame for audio tokens [R, 512] (own then partner)."""
        model, channels = self.model, len(self.model.config.channels)
        x = torch.from_numpy(normals(self.seed, channels, self.rows, self.frame_index, 0))[:, None]
        initial, bias = x[:, 0], self.bias()
        kept_x0, kept_x = [], []
        for i, step in enumerate(self.steps):
            x0 = model.clamp(model.frame(x, audio, self.prefixes[step], self.rings, bias)[0])
            a = float(self.alpha_bar[step])
            a_next = float(self.alpha_bar[self.steps[i + 1]]) if i + 1 < len(self.steps) else 1.0
            keep = math.sqrt((1 - a_next) / (1 - a))
            x = (math.sqrt(a_next) - keep * math.sqrt(a)) * x0 + keep * x
            kept_x0.append(x0[:, 0])
            kept_x.append(x[:, 0])
        _, new = model.frame(x0, audio, self.prefixes[model.config.context_step], self.rings, bias)
        slot = self.frame_index % model.config.window
        for ring, kv in zip(self.rings, new, strict=True):
            ring[:, slot] = kv[:, 0]
        self.frame_index += 1
        return SampledFrame(torch.stack(kept_x0), torch.stack(kept_x), model.weights(x0[:, 0]), initial)


def generate(model: Face, audio: Tensor, conditions: Conditions, seed: int = 0, steps: int | None = None) -> Tensor:
    """Free-running motion [n, R, C] of weights 0..1 for frame-aligned audio tokens [n, R, 512] and fixed conditions [R]."""
    stream = FaceStream(model, audio.shape[1], conditions, seed, steps)
    return torch.stack([stream.frame(tokens).face for tokens in audio])
