"""What the dyadic network is trained on: windows of both persons' motion, tokens and turns, and their codes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from corpus_conversation import folder as conversation_folder
from corpus_speech import REPOSITORY
from dim import CHANNELS, FACE_INDEX, LISTENER_OF, SPEAKER_OF, Dim
from dim_stream import Turn
from mel import FRAME_RATE_HZ
from phones import VOICED
from speech_encoder import load_encoder

# Standard deviations are floored so that still channels do not amplify noise.
STD_FLOOR = 0.03
# Streams are given codes in pieces, each with more past than its encoder's ring.
PIECE, RUN_UP = 144, 72


@dataclass
class Batch:
    """Windows of B conversations: motion z and the one before [B, 2, T, C], tokens [B, 2, T, 256], turn [B, 2, T],
    ARKit weights [B, 2, T, 51], codes and the ones before [B, 4, T, G] (absent before the codes are known)."""

    motion: Tensor
    before: Tensor
    token: Tensor
    turn: Tensor
    face: Tensor
    codes: Tensor | None = None
    codes_before: Tensor | None = None

    def split(self, parts: int) -> list[Batch]:
        """The batch in parts of conversations."""
        pieces = [getattr(self, f.name) for f in fields(self)]
        pieces = [[None] * parts if p is None else p.chunk(parts) for p in pieces]
        return [Batch(*piece) for piece in zip(*pieces, strict=True)]


EVENTS = ("nods", "shakes", "smiles", "laughs")
"""What a stream lists that is rare: (person, start s, ...) each."""


class Corpus:
    """The streams of a part in memory."""

    def __init__(self, part: str, tokens: str, seed: int, encoder: str = "", limit: int = 0):
        """`tokens` is a folder beside the streams; streams without it are left out. With none ("") the tokens are
        empty and the turns come from the phones, which is enough for the VQ-VAEs.

        `encoder`: weights that made the tokens, for their voicing (default: the ones that ship).
        """
        root = conversation_folder()
        paths = sorted(root.glob(f"{part}-????.npz"))
        paths = [p for p in paths if not tokens or (root / tokens / f"{p.stem}.npy").exists()]
        paths = paths[: limit or None]
        if not paths:
            raise FileNotFoundError(f"no streams of {part} with {tokens}: run training/corpus_conversation.py first")
        face, head, phone = [], [], []
        self.events: list[list[np.ndarray]] = []
        kept = []
        for path in paths:
            with np.load(path) as file:
                # A recorded person may lack a face, and nobody lists what recorded persons do.
                if np.isnan(file["face"]).any():
                    continue
                kept.append(path)
                face.append(file["face"])
                head.append(file["head"].astype(np.float16))
                phone.append(file["phone"])
                listed = np.concatenate([file[name][:, :2] for name in EVENTS if name in file] or [np.zeros((0, 2))])
                self.events.append([listed[listed[:, 0] == i, 1] for i in (0, 1)])
        self.face, self.phone = np.stack(face), np.stack(phone)
        self.motion = np.concatenate([self.face[..., FACE_INDEX], np.stack(head)], -1)
        if tokens:
            self.token = np.stack([np.load(root / tokens / f"{p.stem}.npy") for p in kept])
        else:
            self.token = np.zeros((*self.face.shape[:3], 0), np.float16)
        self.voicing = self._voicing(encoder)
        turn = Turn(2 * len(face))
        flat = self.voicing.reshape(2 * len(face), -1)
        self.turn = np.stack([turn.update(v) for v in flat.T], 1).reshape(self.voicing.shape)
        self.codes: np.ndarray | None = None
        self.random = np.random.default_rng(seed)
        self.rest_codes = np.zeros((4, 2), np.int16)
        self.names = [p.stem for p in kept]

    def _voicing(self, encoder: str) -> np.ndarray:
        """Voicing probabilities [S, 2, n] of the tokens; without any, which phones are voiced."""
        if not self.token.shape[-1]:
            return VOICED[self.phone].astype(np.float32)
        head = load_encoder(encoder or REPOSITORY / "public/models/speech-encoder.safetensors").voicing_head
        with torch.no_grad():
            return np.stack([head(torch.from_numpy(t).float())[..., 0].sigmoid().numpy() for t in self.token])

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and floored standard deviation per channel, [C] each."""
        flat = self.motion[:, :, ::5].reshape(-1, len(CHANNELS)).astype(np.float32)
        return torch.from_numpy(flat.mean(0)), torch.from_numpy(np.maximum(flat.std(0), STD_FLOOR))

    def label(self, model: Dim) -> None:
        """Finds the codes of every frame of the part."""
        self.codes = self.coded(model, len(self.motion))
        self.rest_codes = model.rest_codes.cpu().numpy().astype(np.int16)

    @torch.no_grad()
    def coded(self, model: Dim, streams: int) -> np.ndarray:
        """Codes [S, 4, n, G] of the first streams, by the VQ encoders run over the whole of them."""
        frames = self.motion.shape[2]
        out = np.zeros((streams, 4, frames, model.config.groups), np.int16)
        device = model.mean.device
        for s in range(streams):
            z = model.normalise(torch.from_numpy(self.motion[s]).float().to(device))
            early = model.rest_motion.expand(2, RUN_UP + 4, -1)
            z = torch.cat([early, z, model.rest_motion.expand(2, -frames % PIECE, -1)], 1)
            pieces = z.unfold(1, PIECE + RUN_UP + 4, PIECE).transpose(2, 3).flatten(0, 1)
            for name, rows in (("speaker_vq", SPEAKER_OF), ("listener_vq", LISTENER_OF)):
                vq = model.get_submodule(name)
                codes = vq.quantize(vq.encode(pieces[:, 4:], pieces[:, :4]))[:, RUN_UP:]
                out[s, list(rows)] = codes.unflatten(0, (2, -1)).flatten(1, 2)[:, :frames].cpu().numpy()
        return out

    def place(self, frames: int, events: float) -> tuple[int, int, int]:
        """A random window (stream, person, start); with chance `events` one that something rare of the person is in."""
        streams, length = self.motion.shape[0], self.motion.shape[2]
        stream, person = int(self.random.integers(streams)), int(self.random.integers(2))
        start = 0 if self.random.random() < 0.03 else int(self.random.integers(length - frames))
        if self.random.random() < events and len(self.events[stream][person]):
            at = int(self.random.choice(self.events[stream][person]) * FRAME_RATE_HZ)
            start = int(np.clip(at - self.random.integers(4, max(frames - 12, 5)), 0, length - frames - 1))
        return stream, person, start

    def role_windows(
        self, model: Dim, role: str, count: int, frames: int, events: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Motion z [count, T, C] of single persons who mostly have the role, the frame before [count, 1, C], turn."""
        motion, first, turn = [], [], []
        while len(motion) < count:
            s, p, k = self.place(frames, events)
            held = self.turn[s, p, k : k + frames]
            share = float(held.mean() if role == "speaker" else 1 - held.mean())
            if self.random.random() > 0.05 + share:
                continue
            motion.append(self.motion[s, p, k : k + frames])
            first.append(self.motion[s, p, k - 1 : k] if k else np.full((1, len(CHANNELS)), np.nan))
            turn.append(held)
        device = model.mean.device
        z, before = (model.normalise(torch.from_numpy(np.stack(x)).float().to(device)) for x in (motion, first))
        before = torch.where(before.isnan(), model.rest_motion, before)
        return z, before, torch.from_numpy(np.stack(turn)).to(device)


    def batch(self, model: Dim, count: int, frames: int, events: float = 0.0) -> Batch:
        """Random windows; the first frame's past is the frame before it, or the rest where the stream begins."""
        device = model.mean.device
        drawn = np.array([self.place(frames, events) for _ in range(count)])
        s, k = drawn[:, 0], drawn[:, 2]
        swap = self.random.random(count) < 0.5

        def windows(array: np.ndarray, persons: bool = True) -> np.ndarray:
            picked = np.stack([array[i, :, a : a + frames] for i, a in zip(s, k, strict=True)])
            if persons:
                picked[swap] = picked[swap][:, ::-1]
            else:
                picked[swap] = picked[swap][:, [2, 3, 0, 1]]
            return picked

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        z = model.normalise(tensor(windows(self.motion)).float())
        first = np.stack([self.motion[i, :, max(a - 1, 0)] for i, a in zip(s, k, strict=True)])
        first[swap] = first[swap][:, ::-1]
        first = model.normalise(tensor(first).float())
        first[tensor(k == 0)] = model.rest_motion
        out = Batch(
            z,
            torch.cat([first[:, :, None], z[:, :, :-1]], 2),
            tensor(windows(self.token)).float(),
            tensor(windows(self.turn)),
            tensor(windows(self.face)).float(),
        )
        if self.codes is not None:
            codes = windows(self.codes, persons=False)
            first_codes = np.stack([self.codes[i, :, max(a - 1, 0)] for i, a in zip(s, k, strict=True)])
            first_codes[swap] = first_codes[swap][:, [2, 3, 0, 1]]
            first_codes[k == 0] = self.rest_codes
            out.codes = tensor(codes).long()
            out.codes_before = torch.cat([tensor(first_codes).long()[:, :, None], out.codes[:, :, :-1]], 2)
        return out
