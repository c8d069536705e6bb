"""The loss of the body networks: features, their speed and acceleration, and the feet over the floor."""

from __future__ import annotations

import torch
from torch import Tensor

from body import Body
from body_windows import PARTS, named
from diffusion import alpha_bars

SLIDE_M = 0.003
"""An error of a foot's move in a frame that costs as much as one of z = 1."""


def feature_weights(part: str, table: dict[str, float]) -> Tensor:
    """Weight of every feature in the loss, [F]: of the longest key of `table` that its name contains, else 1."""
    ordered = dict(sorted(table.items(), key=lambda item: -len(item[0])))
    return torch.tensor([named(ordered, name, 1.0) for name in PARTS[part].features])


def rotation(vector: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of exp-maps [..., 3] (Rodrigues)."""
    angle = (vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()[..., None]
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    turned = angle.sin() / angle * cross + (1 - angle.cos()) / angle**2 * (cross @ cross)
    return torch.eye(3, device=vector.device) + turned


def foot_velocity(frames: Tensor) -> Tensor:
    """Moves of both feet over the floor [..., n - 1, 2, 3] (m per frame) of lower-body features [..., n, 27]."""
    turns = rotation(frames[..., 4:25].unflatten(-1, (7, 3)))
    feet = []
    for first, sign in ((1, 1.0), (4, -1.0)):
        point = frames.new_tensor([0.0, -0.06, 0.065]).expand(*frames.shape[:-1], 3)[..., None]
        for joint, offset in ((first + 2, (0, -0.40, 0)), (first + 1, (0, -0.42, 0)), (first, (0.09 * sign, -0.05, 0))):
            point = turns[..., joint, :, :] @ point + frames.new_tensor(offset)[:, None]
        feet.append((turns[..., 0, :, :] @ point)[..., 0])
    place = torch.stack(feet, -2)
    place = place + frames[..., 3, None, None] * frames.new_tensor([0.0, 1.0, 0.0])
    move, before = frames[..., 1:, :3], place[..., :-1, :, :]
    cosine, sine = move[..., 2].cos()[..., None], move[..., 2].sin()[..., None]
    x, z = before[..., 0], before[..., 2]
    turned = torch.stack([cosine * x - sine * z, before[..., 1], sine * x + cosine * z], -1)
    step = torch.stack([move[..., 0], torch.zeros_like(move[..., 0]), move[..., 1]], -1)
    return step[..., None, :] + place[..., 1:, :, :] - turned


def emphasis(model: Body, steps: Tensor) -> Tensor:
    """Weight of the predictions at diffusion steps: the later in the sampling, the more of it is seen."""
    return 0.6 + 1.4 * alpha_bars(model.config.schedule).float().to(steps.device)[steps]


def differences(error: Tensor) -> list[Tensor]:
    """An error [..., 8, F], its first and its second differences; before the block it is zero."""
    first = torch.cat([error[..., :1, :], error.diff(dim=-2)], -2)
    return [error, first, torch.cat([first[..., :1, :], first.diff(dim=-2)], -2)]


def sizes(model: Body) -> list[Tensor]:
    """Root mean squares [F], in the corpus, of what coasting leaves of a block, and of its two differences."""
    by_shape = differences(model.shapes.permute(2, 1, 0))
    return [part.square().sum(0).mean(0).sqrt() for part in by_shape]


def body_loss(
    model: Body,
    x0: Tensor,
    frames: Tensor,
    before: Tensor,
    scale: Tensor,
    weights: dict[str, float],
    share: Tensor,
    true: Tensor,
) -> tuple[Tensor, dict[str, float]]:
    """Loss of predictions x0 [B, N, K, 8, 2 F] against frames [B, K, 2, 8, F], blocks 1 on, and its parts.

    The frames' error, its speed and its acceleration, each over what the corpus has of it beyond coasting, after
    `before` [B, K, 2, 2, F], the last frames and the steps to them; for the lower body also the moves of both feet over
    the floor against those of the corpus, `true` [B, K, 2, 9, 27]. `scale` [B, K, 2, 8, F] weighs the features, `share`
    [B, N] the predictions.
    """
    made = model.frames(x0[:, :, 1:], before[:, None, 1:])
    share = share[..., None, None, None, None]
    weight = scale[:, None, 1:] * share
    errors, parts = differences(made - frames[:, None, 1:]), {}
    for name, error, size in zip(("x0", "speed", "acceleration"), errors, sizes(model), strict=True):
        parts[name] = weights[name] * (weight * (error / size) ** 2).mean()
    if not model.config.lower and weights.get("foot"):
        whole = torch.cat([before[:, None, 1:, :, :1].expand_as(made[..., :1, :]), made], -2)
        truth = foot_velocity(true[:, 1:])[:, None]
        slide = (foot_velocity(whole) - truth) / SLIDE_M
        stress = share[..., None] * (0.3 + true[:, None, 1:, :, 1:, -2:])[..., None]
        parts["foot"] = weights["foot"] * (stress * (slide**2).clamp(max=100)).mean()
    return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}
