"""Losses of the face network: x0 and its steps, the inner-lip gap on the ICT face, and what the closure measures ask.

Shapes: B = sequences, N = noised copies, T = frames, C = 51 channels, K = lip events. Gaps in cm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from face import ARKIT_51, Face
from face_metrics import CLOSED_SHARE, IctFace, lip_gap_direction
from lips import OPEN_VOWEL
from phones import BILABIALS, PHONE_ID, SILENCE

LID_LOSS = 0.3
# Phones that are taken for p, b, m: stressed too, so that a doubtful frame is not closed just because closures weigh.
RIVALS, RIVAL_STRESS = [PHONE_ID[p] for p in ("N", "NG", "V", "F", "DH", "L")], 0.7
MOUTH = [i for i, name in enumerate(ARKIT_51) if name.startswith(("mouth", "jaw"))]
# The lips follow the sound alone: x_proj is kept blind to these channels. With their noisy selves and their own past in
# sight, they were drawn anew on every frame (one doubtful frame in fifty closes one vowel in ten) and coasted on what
# they had emitted before.
_SPOKEN = "jawOpen jawForward mouthClose mouthFunnel mouthPucker mouthRoll mouthShrug mouthLower mouthUpper mouthPress"
LIPS = [i for i, name in enumerate(ARKIT_51) if name.startswith((*_SPOKEN.split(), "mouthStretch"))]
LIDS = [i for i, name in enumerate(ARKIT_51) if name.startswith("eyeBlink")]
JAW = ARKIT_51.index("jawOpen")

OPEN_VOWELS = [PHONE_ID[p] for p in OPEN_VOWEL]
# Shares of the 95th-percentile gap: a closure shall fall below the first, an open vowel stay above the second; both
# stand off CLOSED_SHARE, at which the measures decide.
SHUT_SHARE, PARTED_SHARE = 0.3 * CLOSED_SHARE, 1.8 * CLOSED_SHARE
SHORTEST_P95 = 0.5
"""Smallest 95th-percentile gap in cm that a window's shares are taken of."""


@dataclass
class Lips:
    """What the lips have to do in a batch: K closures (row, first frame, frames), frames [B, T] that stay open, scale.

    `scale` [B] is the 95th percentile of the target's gap in speech, cm.
    """

    closures: Tensor
    parted: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> Lips:
        """The same on a device."""
        return Lips(self.closures.to(device), self.parted.to(device), self.scale.to(device))


class Gap:
    """The signed inner-lip gap of ARKit weights, linear as on the ICT face: neutral + weights @ direction."""

    def __init__(self, ict: IctFace):
        half = ict.neutral.shape[0] // 2
        self.neutral = float((ict.neutral[:half, 1] - ict.neutral[half:, 1]).mean())
        self.direction = torch.from_numpy(lip_gap_direction(ict)).float()

    def of(self, weights: Tensor) -> Tensor:
        """[..., C] -> [...] in cm, negative where lips are pressed together."""
        return self.neutral + weights @ self.direction.to(weights.device)


def runs_of(phone: np.ndarray, wanted: list[int]) -> list[tuple[int, int]]:
    """(first, end) of each stretch of one wanted phone in ids [T]."""
    edges = np.flatnonzero(np.diff(phone)) + 1
    bounds = [0, *edges.tolist(), len(phone)]
    return [(a, b) for a, b in zip(bounds, bounds[1:], strict=False) if int(phone[a]) in wanted]


def lip_events(phone: np.ndarray, face: np.ndarray, gap: Gap) -> Lips:
    """The events of a batch from phone ids [B, T] and target weights [B, T, C]; windows are phones ± 1 frame."""
    with torch.no_grad():
        gaps = gap.of(torch.from_numpy(np.asarray(face, np.float32))).numpy()
    length = phone.shape[1]
    closures, parted, scales = [], np.zeros(phone.shape, bool), []
    for row, ids in enumerate(phone):
        speech = gaps[row][ids != SILENCE]
        scale = max(float(np.percentile(speech, 95)) if len(speech) else 0.0, SHORTEST_P95)
        scales.append(scale)
        for first, end in runs_of(ids, list(BILABIALS)):
            if first > 0 and end < length:
                closures.append((row, first - 1, end + 2 - first))
        for first, end in runs_of(ids, OPEN_VOWELS):
            parted[row, max(first - 1, 0) : end + 1] = True
        parted[row] &= gaps[row] > 1.3 * CLOSED_SHARE * scale
    table = torch.tensor(closures, dtype=torch.long).reshape(-1, 3)
    return Lips(table, torch.from_numpy(parted), torch.tensor(scales, dtype=torch.float32))


def closure_losses(gaps: Tensor, lips: Lips) -> tuple[Tensor, Tensor]:
    """(lips that fail to meet, lips that fail to part) of gaps [B, N, T], each the mean square of what is missing.

    In shares of the 95th percentile. A closure is judged by its narrowest frame, as the measure does.
    """
    shares = gaps / lips.scale[:, None, None]
    open_, count = F.relu(PARTED_SHARE - shares) ** 2, lips.parted.sum().clamp(min=1)
    parted = (open_ * lips.parted[:, None]).sum() / (count * gaps.shape[1])
    if not len(lips.closures):
        return gaps.sum() * 0, parted
    row, first, frames = lips.closures.unbind(1)
    offset = torch.arange(int(frames.max()), device=gaps.device)
    inside = offset < frames[:, None]
    at = (first[:, None] + offset).clamp(max=gaps.shape[2] - 1)
    window = shares[row[:, None], :, at].masked_fill(~inside[..., None], float("inf"))
    return (F.relu(window.amin(1) - SHUT_SHARE) ** 2).mean(), parted


def jaw_disagreement(x0: Tensor, z: Tensor) -> Tensor:
    """1 - Pearson correlation over time of jawOpen, mean over x0 [B, N, T, C] against z [B, T, C]."""
    a, b = x0[..., JAW], z[:, None, :, JAW]
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    return 1 - ((a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1) + 1e-4)).mean()


def face_loss(
    model: Face,
    x0: Tensor,
    z: Tensor,
    closure: Tensor,
    weights: dict | None = None,
    gap: Gap | None = None,
    lips: Lips | None = None,
    lips_only: bool = False,
) -> tuple[Tensor, dict[str, float]]:
    """Loss of predictions x0 [B, N, T, C] against z [B, T, C], and its parts.

    MSE of x0 and of its frame differences (DiffSpeaker). Mouth channels weigh more by `closure` [B, T] (0..1); with
    `gap` the lip gap itself has to fit, and `lips` adds what closures and open vowels ask of it. `lips_only` looks at
    the lip channels and the run of the jaw alone (InterAct's lip fine-tuning, real tracked lips).
    """
    weights = weights or {"difference": 1.0, "closure": 4.0, "gap": 0.0}
    channel = torch.ones(z.shape[-1], device=z.device)
    channel[LIDS] = LID_LOSS
    mouth = torch.zeros_like(channel)
    mouth[MOUTH] = 1
    if lips_only:
        channel.zero_()
        channel[LIPS] = z.shape[-1] / len(LIPS) / 2
    scale = channel * (1 + mouth * closure[..., None] * (weights["closure"] - 1))
    error = x0 - z[:, None]
    parts = {"x0": (scale[:, None] * error**2).mean()}
    step = error[:, :, 1:] - error[:, :, :-1]
    parts["difference"] = weights["difference"] * (scale[:, None, 1:] * step**2).mean()
    if lips_only:
        parts["jaw"] = weights.get("jaw", 0.0) * jaw_disagreement(x0, z)
    if gap is not None and weights["gap"]:
        opening = (error * model.std) @ gap.direction.to(z.device)
        stress = 1 + closure[:, None] * (weights["closure"] - 1)
        parts["gap"] = weights["gap"] * (stress * (opening / 0.4) ** 2).mean()
    if gap is not None and lips is not None:
        meet, part = closure_losses(gap.of(x0 * model.std + model.mean), lips)
        parts["meet"], parts["part"] = weights.get("meet", 0.0) * meet, weights.get("part", 0.0) * part
    return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}
