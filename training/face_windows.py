"""Training windows of the face network: simulated talk, and the tracked faces of corpus_grid.

Shapes: B = windows, T = frames at 30/s, C = 51 channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from corpus_conversation import load_part
from face import ARKIT_51, Conditions
from face_loss import LIDS, LIPS, RIVAL_STRESS, RIVALS, Gap, Lips, lip_events
from phones import BILABIALS, SILENCE

# Standard deviations are floored so that still channels do not amplify noise; lids are scaled so that a closed lid
# stands far above the sampler's noise and a blink is a decision, not a blur.
STD_FLOOR, LID_STD = 0.02, 0.08


@dataclass
class Batch:
    """face [B, T, C], audio [B, T, 512] (own, partner), conditions [B, T], stress [B, T], lip events or None."""

    face: Tensor
    audio: Tensor
    conditions: Conditions
    closure: Tensor
    lips: Lips | None

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        ids = Conditions(*(c.to(device) for c in vars(self.conditions).values()))
        lips = self.lips.to(device) if self.lips else None
        return Batch(self.face.to(device), self.audio.to(device), ids, self.closure.to(device), lips)


def onsets(phone: np.ndarray) -> np.ndarray:
    """True [..., n] from three frames before speech to one after its start, where ids [..., n] were silent before."""
    silent = np.pad(phone == SILENCE, [(0, 0)] * (phone.ndim - 1) + [(6, 3)], constant_values=True)
    count = phone.shape[-1]
    quiet = np.stack([silent[..., k : k + count] for k in range(6)]).all(0)
    start = quiet & ~silent[..., 6 : 6 + count]
    start[..., 0] = False
    padded = np.pad(start, [(0, 0)] * (phone.ndim - 1) + [(1, 3)])
    return np.stack([padded[..., k : k + count] for k in range(5)]).any(0)


def stress_of(phone: np.ndarray) -> np.ndarray:
    """How much a frame's mouth weighs, 0..1 [..., n]: bilabials, what is taken for them, openings from rest."""
    bilabial = np.isin(phone, BILABIALS)
    near = bilabial.copy()
    near[..., 1:] |= bilabial[..., :-1]
    near[..., :-1] |= bilabial[..., 1:]
    return np.where(near | onsets(phone), 1.0, RIVAL_STRESS * np.isin(phone, RIVALS)).astype(np.float32)


class Windows:
    """Random windows of simulated talk: one person's face with both persons' tokens."""

    def __init__(
        self, part: str, tokens: str, frames: int, seed: int, token_noise: float = 0.0, gap: Gap | None = None
    ):
        """`token_noise` is the largest spread of the noise added to a window's tokens: on talkers that the encoder
        was not trained on its tokens are less certain than on those of the corpus."""
        self.data = load_part(part, tokens)
        self.token_noise, self.gap = token_noise, gap
        self.frames, self.random = frames, np.random.default_rng(seed)
        self.speech = np.pad(np.cumsum(self.data["phone"] != SILENCE, axis=-1), ((0, 0), (0, 0), (1, 0)))
        self.closure = stress_of(self.data["phone"])

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and floored standard deviation per channel, [C] each."""
        face = self.data["face"].reshape(-1, len(ARKIT_51))[::3].astype(np.float32)
        std = np.maximum(face.std(0), STD_FLOOR)
        std[LIDS] = LID_STD
        return torch.from_numpy(face.mean(0)), torch.from_numpy(std)

    def pick(self) -> tuple[int, int, int]:
        """(stream, person, first frame); of two draws mostly the one with more speech."""
        streams, persons, length = self.data["phone"].shape
        draws = []
        for _ in range(2 if self.random.random() < 0.6 else 1):
            s, p = int(self.random.integers(streams)), int(self.random.integers(persons))
            k = int(self.random.integers(length - self.frames + 1))
            draws.append((self.speech[s, p, k + self.frames] - self.speech[s, p, k], (s, p, k)))
        return max(draws)[1]

    def partner_tokens(self, count: int) -> np.ndarray:
        """Tokens f32 [count, T, 256] of random persons."""
        rows = []
        for s, p, k in (self.pick() for _ in range(count)):
            rows.append(self.data["token"][s, p, k : k + self.frames].astype(np.float32))
        return np.stack(rows)

    def batch(self, count: int) -> Batch:
        """`count` random windows."""
        rows: list[list[np.ndarray]] = [[] for _ in range(8)]
        for s, p, k in (self.pick() for _ in range(count)):
            t, d = slice(k, k + self.frames), self.data
            rows[0].append(d["face"][s, p, t].astype(np.float32))
            audio = np.concatenate([d["token"][s, p, t], d["token"][s, 1 - p, t]], -1).astype(np.float32)
            if self.token_noise:
                spread = np.float32(self.random.uniform(0, self.token_noise))
                audio += spread * self.random.standard_normal(audio.shape, np.float32)
            rows[1].append(audio)
            ids = (d["style"][s, p, t], d["style"][s, 1 - p, t], d["facing"][s, p, t], d["emotion"][s, p, t])
            for row, values in zip(rows[2:6], ids, strict=True):
                row.append(values.astype(np.int64))
            rows[6].append(self.closure[s, p, t])
            rows[7].append(d["phone"][s, p, t])
        face, audio, style, partner, facing, emotion, closure = (torch.from_numpy(np.stack(r)) for r in rows[:7])
        lips = lip_events(np.stack(rows[7]), face.numpy(), self.gap) if self.gap else None
        return Batch(face, audio, Conditions(style, partner, facing, emotion), closure, lips)


class Recordings:
    """Windows that each start with their recording; the partner is silent or anyone.

    `data` is that of corpus_grid (the tracked talker) or of corpus_utterances (rules for many voices).
    """

    def __init__(self, data: dict[str, np.ndarray], seed: int, token_noise: float = 0.0, gap: Gap | None = None):
        self.data = data
        self.token_noise, self.gap = token_noise, gap
        self.random = np.random.default_rng(seed)
        self.closure = stress_of(self.data["phone"])

    def batch(self, count: int, others: Windows | None = None) -> Batch:
        """`count` random windows; with `others`, half of the partners speak, and the upper face and the conditions are
        those of talk: else the lips learn to tell these recordings by a face that is still."""
        chosen = self.random.integers(len(self.data["face"]), size=count)
        return self.rows(chosen, others)

    def rows(self, chosen: np.ndarray, others: Windows | None = None) -> Batch:
        """The windows of these indices."""
        data, count = self.data, len(chosen)
        own = data["token"][chosen].astype(np.float32)
        partner = np.repeat(data["quiet"][None].astype(np.float32), count, 0)
        length = own.shape[1]
        if others is not None:
            length = min(length, others.frames)
            busy = self.random.random(count) < 0.5
            partner = partner[:, :length]
            partner[busy] = others.partner_tokens(int(busy.sum()))[:, :length] if busy.any() else partner[busy]
        audio = np.concatenate([own[:, :length], partner[:, :length]], -1)
        if self.token_noise:
            spread = self.random.uniform(0, self.token_noise, (count, 1, 1)).astype(np.float32)
            audio += spread * self.random.standard_normal(audio.shape, np.float32)
        face, phone = data["face"][chosen, :length].astype(np.float32), data["phone"][chosen, :length]
        zeros = torch.zeros(count, length, dtype=torch.long)
        conditions = Conditions(zeros, zeros, zeros + 1, zeros)
        if others is not None:
            talk = others.batch(count)
            kept = [i for i in range(face.shape[-1]) if i not in LIPS]
            face[..., kept] = talk.face.numpy()[:, :length, kept]
            conditions = Conditions(*(c[:, :length] for c in vars(talk.conditions).values()))
        lips = lip_events(phone, face, self.gap) if self.gap else None
        closure = torch.from_numpy(self.closure[chosen, :length])
        return Batch(torch.from_numpy(face), torch.from_numpy(audio), conditions, closure, lips)
