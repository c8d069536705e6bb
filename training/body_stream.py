"""The engine's sampler of the bodies: rings of keys and values, DDIM steps, context passes, lower body before upper.

Frames stand at 30/s. Block b >= 1 covers frames 8 b .. 8 b + 7; frames 0 .. 7 are the rest pose, which enters both
rings as block 0. Block b of the lower body is made when frame 8 b - 8 is there, of the upper body at frame 8 b - 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from body import Body
from body_skeleton import integrate
from diffusion import alpha_bars, direction_of, sampling_steps, spacing_of
from layers import ring_bias, write_ring
from philox import normals


@dataclass(frozen=True)
class BlockConditions:
    """What both persons' bodies are told for one block."""

    tokens: Tensor
    """[2, 16, 256] the newest speech tokens of each person, oldest first."""
    action: Tensor
    """[2] stand, walk, sit."""
    emotion: Tensor
    """[2] emotion groups."""
    placement: Tensor
    """[2, 6] where each person's partner stands."""
    relationship: Tensor
    """[1] relationship of the two."""
    text: Tensor | None = None
    """[2, 768] features of the words, or None."""
    head: Tensor | None = None
    """[2, 12] the last four head rotations (rad), oldest first; the upper body only."""
    below: Tensor | None = None
    """[2, 54] the lower body's last frame before the block and the step to it, physical; the upper body only."""

    def silent(self) -> BlockConditions:
        """The null branch of guidance: no speech, no words."""
        return replace(self, tokens=torch.zeros_like(self.tokens), text=None)


@dataclass
class SampledBlock:
    """What a block yields: x_T [8, 2 F], x0 (clamped) and x of every step [S, 8, 2 F], frames [2, 8, F] physical."""

    initial: Tensor
    x0: Tensor
    x: Tensor
    frames: Tensor


def placements(root: np.ndarray) -> np.ndarray:
    """Placement f32 [..., 2, 6] of each person's partner from both roots [..., 2, 3] = world x, z (m), yaw (rad).

    x and z of the partner in the person's facing frame, distance, sine and cosine of partner's yaw less own yaw,
    1 / max(distance, 0.3).
    """
    other = root[..., ::-1, :]
    x, z = (other[..., i] - root[..., i] for i in range(2))
    sine, cosine = np.sin(root[..., 2]), np.cos(root[..., 2])
    distance = np.hypot(x, z)
    turn = other[..., 2] - root[..., 2]
    near = 1 / np.maximum(distance, 0.3)
    parts = [cosine * x - sine * z, sine * x + cosine * z, distance, np.sin(turn), np.cos(turn), near]
    return np.stack(parts, -1).astype(np.float32)


class BlockStream:
    """One body network block by block; with guidance other than 1 a null branch with its own ring runs beside it."""

    def __init__(self, model: Body, seed: int = 0, steps: int | None = None, guidance: float = 1.0):
        config = model.config
        self.model, self.seed, self.guidance = model, seed, guidance
        self.rows = 1 if guidance == 1 else 2
        self.steps = sampling_steps(config.schedule["T"], steps or config.steps, spacing_of(config.schedule))
        self.alpha_bar = alpha_bars(config.schedule)
        self.rings = [torch.zeros(self.rows, config.window, 2 * config.d) for _ in range(config.layers)]
        self.blocks = 0
        own = model.rest_frame()[: len(config.features)]
        self.last = torch.stack([own, torch.zeros_like(own)]).expand(2, -1, -1)
        """[2, 2, F] each person's last frame and the step to it, physical."""

    def bias(self) -> Tensor:
        """Distance bias [H, 8, window] of the ring's slots for the block to come."""
        config = self.model.config
        return ring_bias(config.heads, config.window, self.blocks, config.tokens, 2)

    def branches(self, conditions: BlockConditions) -> Tensor:
        """Conditions of all branches [R, 2, d], for the block that begins now."""
        model, rows = self.model, [conditions, conditions.silent()][: self.rows]
        text = [torch.zeros(2, model.config.text) if row.text is None else row.text for row in rows]
        head = None if conditions.head is None else torch.stack([row.head for row in rows])
        voice = model.audio_down(torch.stack([row.tokens for row in rows]))
        ids = (torch.stack([getattr(row, name) for row in rows]) for name in ("action", "emotion", "placement"))
        seen = self.seen(conditions).expand(len(rows), -1, -1)
        return model.condition(voice, *ids, seen, torch.stack(text), head)

    def seen(self, conditions: BlockConditions) -> Tensor:
        """What the block that begins now is told of the frames before it, [2, 2 last]."""
        last = self.last
        if conditions.below is not None:
            last = torch.cat([last, conditions.below.unflatten(-1, (2, -1))], -1)
        return self.model.seen(last)

    def prefix(self, conditions: BlockConditions, step: int) -> list[Tensor]:
        """Keys and values of the prefix at a diffusion step for all branches."""
        return self.model.prefix(conditions.relationship.expand(self.rows), torch.tensor([step]))

    def given(self, lower: Tensor | None) -> Tensor | None:
        """The lower body's block [8, 54] for all branches."""
        return None if lower is None else lower.expand(self.rows, *lower.shape)

    def remember(self, x0: Tensor, conditions: BlockConditions, cond: Tensor, lower: Tensor | None) -> None:
        """The context pass: what was emitted, x0 [8, 2 F], enters the rings."""
        x = x0.expand(self.rows, *x0.shape)
        prefix = self.prefix(conditions, self.model.config.context_step)
        _, new = self.model.block(x, cond, prefix, self.rings, self.bias(), self.given(lower))
        for ring, kv in zip(self.rings, new, strict=True):
            write_ring(ring, kv, self.blocks)
        self.blocks += 1

    @torch.no_grad()
    def open(self, conditions: BlockConditions, lower: Tensor | None = None) -> None:
        """Block 0: the rest pose, before anything was said (of `conditions` tokens, words, heads and `below` are not
        read)."""
        head, below = conditions.head, conditions.below
        head = None if head is None else torch.zeros_like(head)
        if below is not None:
            below = self.model.rest_frame()[len(self.model.config.features) :]
            below = torch.cat([below, torch.zeros_like(below)]).expand(2, -1)
        quiet = replace(conditions.silent(), head=head, below=below)
        self.remember(self.model.rest_block()[0], quiet, self.branches(quiet), lower)

    @torch.no_grad()
    def block(self, conditions: BlockConditions, lower: Tensor | None = None) -> SampledBlock:
        """Emits the next block; the upper body is given the same block of the lower, [8, 54]."""
        model, config = self.model, self.model.config
        features = config.patch * len(config.features)
        noise = normals(self.seed, features, config.tokens, self.blocks, config.stage)
        x = initial = torch.from_numpy(noise)
        cond, bias, given = self.branches(conditions), self.bias(), self.given(lower)
        kept_x0, kept_x = [], []
        for i, step in enumerate(self.steps):
            rows = x.expand(self.rows, *x.shape)
            out = model.block(rows, cond, self.prefix(conditions, step), self.rings, bias, given)[0]
            x0 = out[0] if self.rows == 1 else out[1] + self.guidance * (out[0] - out[1])
            x0 = model.clamp(x0)
            a = float(self.alpha_bar[step])
            a_next = float(self.alpha_bar[self.steps[i + 1]]) if i + 1 < len(self.steps) else 1.0
            keep = direction_of(config.schedule, a, a_next) / math.sqrt(1 - a)
            x = (math.sqrt(a_next) - keep * math.sqrt(a)) * x0 + keep * x
            kept_x0.append(x0)
            kept_x.append(x)
        self.remember(x0, conditions, cond, lower)
        frames = model.bounded(model.frames(x0, self.last))
        self.last = torch.stack([frames[:, -1], frames[:, -1] - frames[:, -2]], 1)
        return SampledBlock(initial, torch.stack(kept_x0), torch.stack(kept_x), frames)


@dataclass
class BodyFrames:
    """A finished block: lower [2, 8, 27], upper [2, 8, 47] physical, root [2, 8, 3] = world x, z, yaw."""

    lower: np.ndarray
    upper: np.ndarray
    root: np.ndarray


class BodyStream:
    """Both networks frame by frame, as the schedule has it, with the roots laid end to end."""

    def __init__(
        self,
        lower: Body,
        upper: Body,
        root: np.ndarray,
        action: Tensor,
        emotion: Tensor,
        relationship: Tensor,
        seed: int = 0,
        steps: int | None = None,
        guidance: float = 1.0,
    ):
        """`root` [2, 3] is where the two begin; ids as in BlockConditions, they may be changed between frames."""
        config = lower.config
        self.root, self.frame_index = np.array(root, float), 0
        self.action, self.emotion, self.relationship = action, emotion, relationship
        self.text: Tensor | None = None
        self.tokens = torch.zeros(2, config.audio_window, config.token)
        self.heads = torch.zeros(2, 4, 3)
        self.lower = BlockStream(lower, seed, steps, guidance)
        self.upper = BlockStream(upper, seed, steps, guidance)
        self.placement = torch.from_numpy(placements(self.root))
        self.made: SampledBlock | None = None
        self.below = self.lower.last
        self.lower.open(self.conditions(False))
        self.upper.open(self.conditions(True), lower.rest_block()[0])

    def conditions(self, upper: bool) -> BlockConditions:
        """What a block that begins now is told."""
        head = self.heads.flatten(1) if upper else None
        ids = (self.action, self.emotion, self.placement, self.relationship)
        below = self.below.flatten(1) if upper else None
        return BlockConditions(self.tokens, *ids, self.text, head, below)

    def frame(self, token: Tensor, head: Tensor) -> BodyFrames | None:
        """Takes a frame's speech tokens [2, 256] and head rotations [2, 3]; returns the block that it completes."""
        self.tokens = torch.cat([self.tokens[:, 1:], token[:, None]], 1)
        self.heads = torch.cat([self.heads[:, 1:], head[:, None]], 1)
        phase = self.frame_index % 8
        self.frame_index += 1
        if phase == 0:
            self.placement = torch.from_numpy(placements(self.root))
            self.below = self.lower.last
            self.made = self.lower.block(self.conditions(False))
        if phase != 4 or self.made is None:
            return None
        upper = self.upper.block(self.conditions(True), self.made.x0[-1])
        lower = self.made.frames.numpy()
        root = np.stack([integrate(lower[p].astype(float), self.root[p]) for p in range(2)])
        self.root = root[:, -1]
        return BodyFrames(lower, upper.frames.numpy(), root)
