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


class Corpus:
    """The streams of a part in memory."""

    def __init__(self, part: str, tokens: str, body: str, seed: int):
        """`tokens` and `body` are folders beside the streams; streams without both are left out."""
        root = conversation_folder()
        paths = [
            p
            for p in sorted(root.glob(f"{part}-*.npz"))
            if (root / tokens / f"{p.stem}.npy").exists() and (root / body / p.name).exists()
        ]
        if not paths:
            raise FileNotFoundError(f"no streams of {part} with {tokens} and {body}: run training/corpus_body.py first")
        self.token = np.stack([np.load(root / tokens / f"{p.stem}.npy") for p in paths])
        face, head = [], []
        for path in paths:
            with np.load(path) as file:
                face.append(file["face"])
            with np.load(root / body / path.name) as file:
                head.append(file["head"].astype(np.float16))
        self.face, head = np.stack(face), np.stack(head)
        self.motion = np.concatenate([self.face[..., FACE_INDEX], head], -1)
        self.turn = self._turns()
        self.codes: np.ndarray | None = None
        self.random = np.random.default_rng(seed)
        self.rest_codes = np.zeros((4, 2), np.int16)

    def _turns(self) -> np.ndarray:
        voicing = load_encoder(REPOSITORY / "public/models/speech-encoder.safetensors").voicing_head
        with torch.no_grad():
            v = voicing(torch.from_numpy(self.token).float())[..., 0].sigmoid().numpy()
        turn = Turn(v.shape[0] * 2)
        flat = v.reshape(-1, v.shape[2])
        return np.stack([turn.update(flat[:, k]) for k in range(flat.shape[1])], 1).reshape(v.shape)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and floored standard deviation per channel, [C] each."""
        flat = self.motion[:, :, ::5].reshape(-1, len(CHANNELS)).astype(np.float32)
        return torch.from_numpy(flat.mean(0)), torch.from_numpy(np.maximum(flat.std(0), STD_FLOOR))

    @torch.no_grad()
    def label(self, model: Dim) -> None:
        """Finds the codes of every frame, [S, 4, n, G], by the VQ encoders run over the whole streams."""
        streams, _, frames, _ = self.motion.shape
        self.codes = np.zeros((streams, 4, frames, model.config.groups), np.int16)
        device = model.mean.device
        for s in range(streams):
            z = model.normalise(torch.from_numpy(self.motion[s]).float().to(device))
            early = model.rest_motion.expand(2, RUN_UP + 4, -1)
            z = torch.cat([early, z, early[:, : -frames % PIECE]], 1)
            pieces = z.unfold(1, PIECE + RUN_UP + 4, PIECE).transpose(2, 3).flatten(0, 1)
            for name, rows in (("speaker_vq", SPEAKER_OF), ("listener_vq", LISTENER_OF)):
                vq = model.get_submodule(name)
                codes = vq.quantize(vq.encode(pieces[:, 4:], pieces[:, :4]))[:, RUN_UP:]
                self.codes[s, list(rows)] = codes.unflatten(0, (2, -1)).flatten(1, 2)[:, :frames].cpu().numpy()
        self.rest_codes = model.rest_codes.cpu().numpy().astype(np.int16)

    def batch(self, model: Dim, count: int, frames: int) -> Batch:
        """Random windows; the first frame's past is the frame before it, or the rest where the stream begins."""
        streams, length = self.motion.shape[0], self.motion.shape[2]
        device = model.mean.device
        s = self.random.integers(streams, size=count)
        k = np.where(self.random.random(count) < 0.03, 0, self.random.integers(length - frames, size=count))
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
