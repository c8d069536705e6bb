"""What the engine does with the dyadic network, tick by tick: sampled codes, VQ decoders, turn and blend.

Shapes as in dim.py; everything carried lies in rings and states, as in the engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dim import LISTENER_OF, SPEAKER_OF, Dim, DimConfig, blend, gelu
from layers import block_bias, ring_bias
from philox import philox4x32

SAMPLING_STAGE = 0x10000
ATTACK, RELEASE, SILENT, SPAN = 0.35, 0.06, 0.25, 0.55


def gumbels(seed: int, frame: int, config: DimConfig) -> np.ndarray:
    """Gumbel noise f32 [4, G, K] of one frame: word k & 3 of Philox counter (k >> 2, 2 row + group, frame, stage)."""
    rows = 4 * config.groups
    counter = np.zeros((rows, config.codes // 4, 4), np.uint32)
    counter[..., 0] = np.arange(config.codes // 4)
    counter[..., 1] = np.arange(rows)[:, None]
    counter[..., 2] = frame
    counter[..., 3] = SAMPLING_STAGE
    words = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]).reshape(4, config.groups, -1)
    uniform = ((words >> np.uint32(8)).astype(np.float64) + 0.5) / 2**24
    return -np.log(-np.log(uniform)).astype(np.float32)


def scores(logits: np.ndarray, noise: np.ndarray, temperature: float, top_k: int) -> np.ndarray:
    """What sampling takes the largest of, f32 [..., K]: noisy logits of the `top_k` best codes, -inf elsewhere."""
    if temperature == 0:
        return logits
    order = np.argsort(-logits, axis=-1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(logits.shape[-1]), order.shape), -1)
    noisy = logits / np.float32(temperature) + noise
    return np.where(rank < top_k, noisy, np.float32(-np.inf))


class Turn:
    """How much each person holds the turn, 0..1, from voicing probabilities."""

    def __init__(self, persons: int = 2):
        self.activity = np.zeros(persons)

    def update(self, voicing: np.ndarray) -> np.ndarray:
        """The turn [persons] after one more frame of voicing probabilities [persons]."""
        v = np.asarray(voicing, float)
        self.activity += np.where(v > self.activity, ATTACK, RELEASE) * (v - self.activity)
        s = np.clip((self.activity - SILENT) / SPAN, 0, 1)
        return (s * s * (3 - 2 * s)).astype(np.float32)


@dataclass
class DimFrame:
    """One frame: logits [4, G, K], codes [4, G], z of both roles [2, C], turn [2], blended z [2, C]."""

    logits: Tensor
    codes: Tensor
    speaker: Tensor
    listener: Tensor
    turn: Tensor
    motion: Tensor


class DimStream:
    """The engine's tick: logits, sampled codes, VQ decoders, turn and blend, with rings and carried rows.

    The engine runs one conversation. Several at once stand one after the other along the leading axis of everything
    (2 rows each for persons, 4 for codes), conversation i with seed + i.
    """

    def __init__(
        self,
        model: Dim,
        seed: int = 0,
        temperature: float | None = None,
        top_k: int | None = None,
        conversations: int = 1,
    ):
        """`temperature` and `top_k` default to the network's own."""
        config = self.config = model.config
        self.model, self.seed, self.frame_index = model, seed, 0
        self.temperature = config.temperature if temperature is None else temperature
        self.top_k = config.top_k if top_k is None else top_k
        self.conversations, persons = conversations, 2 * conversations
        self.turn = Turn(persons)
        self.motion = model.rest_motion.expand(persons, -1)
        self.codes = model.rest_codes.long().repeat(conversations, 1)
        counts = config.layers
        self.rings = {
            "encoder_s": self._rings(counts["encoder"], persons, config.window, config.d),
            "encoder_l": self._rings(counts["encoder"], persons, config.window, config.d),
            "encoder_joint": self._rings(counts["joint"], persons, 2 * config.window, config.d),
            "decoder_joint": self._rings(counts["decoder"], 2 * persons, config.window, config.d),
        }
        vq = config.vq
        for role in ("speaker_vq", "listener_vq"):
            self.rings[f"{role}.decoder"] = self._rings(vq["decoder_layers"], persons, vq["window"], vq["d"])
        self.states = {f"{role}.decoder": torch.zeros(persons, 4, vq["d"]) for role in ("speaker_vq", "listener_vq")}

    @staticmethod
    def _rings(layers: int, rows: int, window: int, d: int) -> list[Tensor]:
        return [torch.zeros(rows, window, 2 * d) for _ in range(layers)]

    def bias(self, window: int, heads: int) -> Tensor:
        """Bias [H, 1, window] of the ring slots of a network with one token a frame."""
        return ring_bias(heads, window, self.frame_index)

    def joint_bias(self) -> Tensor:
        """Bias [H, 2, 2 window] of the joint encoder's ring slots."""
        return ring_bias(self.config.heads, 2 * self.config.window, self.frame_index, 2, 2)

    def _step(self, path: str, h: Tensor, bias: Tensor, group: int = 1) -> Tensor:
        stack = self.model.get_submodule(path)
        own = block_bias(bias.shape[0], h.shape[1], group)
        return stack.step(h, self.rings[path], torch.cat([bias, own], -1), self.frame_index)

    @torch.no_grad()
    def logits(self, token: Tensor) -> Tensor:
        """Logits [4, G, K] of this frame for speech tokens [2, 256]; the rings move on."""
        model, config = self.model, self.config
        bias = self.bias(config.window, config.heads)
        x = torch.cat([self.motion, token], -1)[:, None]
        speaker = self._step("encoder_s", model.encoder_s.project_in(x), bias)
        listener = self._step("encoder_l", model.encoder_l.project_in(others(x)), bias)
        joint = self._step("encoder_joint", torch.cat([speaker, listener], 1), self.joint_bias(), 2)
        h = joint.flatten(0, 1)[:, None] + model.decoder_joint.embed(self.codes[:, None])
        return model.decoder_joint.logits(self._step("decoder_joint", h, bias))[:, 0]

    def sample(self, logits: Tensor) -> Tensor:
        """Codes [4, G] of this frame."""
        seeds = range(self.seed, self.seed + self.conversations)
        noise = np.concatenate([gumbels(seed, self.frame_index, self.config) for seed in seeds])
        best = scores(logits.numpy(), noise, self.temperature, self.top_k).argmax(-1)
        return torch.from_numpy(best)

    @torch.no_grad()
    def decode(self, role: str, codes: Tensor) -> Tensor:
        """Motion z [2, C] of both persons from one role's codes [2, G] in person order; the rings move on."""
        vq, path = self.model.get_submodule(role), f"{role}.decoder"
        h = vq.decoder.project(vq.quantize.lookup(codes))[:, None]
        past = self.states[path]
        self.states[path] = torch.cat([past, h], 1)[:, 1:]
        h = gelu(vq.decoder.conv_in(h, past))
        return vq.decoder.out(self._step(path, h, self.bias(vq.window, vq.heads)))[:, 0]

    def frame(self, token: Tensor, voicing: Tensor, face: Tensor) -> DimFrame:
        """The next frame for speech tokens [2, 256], voicing probabilities [2] and the face's ARKit weights [2, 51]."""
        model = self.model
        logits = self.logits(token)
        codes = self.sample(logits)
        speaker = self.decode("speaker_vq", person_order(codes, SPEAKER_OF))
        listener = self.decode("listener_vq", person_order(codes, LISTENER_OF))
        turn = torch.from_numpy(self.turn.update(voicing.numpy()))
        self.motion = blend(model, speaker, listener, turn[:, None], face)
        self.codes = codes
        self.frame_index += 1
        return DimFrame(logits, codes, speaker, listener, turn, self.motion)


def others(x: Tensor) -> Tensor:
    """Rows of persons [2 n, ...] with the two of each conversation exchanged."""
    return x.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def person_order(codes: Tensor, rows: tuple[int, int]) -> Tensor:
    """One role's codes [2 n, G] by person, of decoder rows [4 n, G]."""
    return codes.unflatten(0, (-1, 4))[:, list(rows)].flatten(0, 1)


class VqStream:
    """The engine's VQ encoders, frame by frame: codes of both roles for given motion."""

    def __init__(self, model: Dim):
        vq = model.config.vq
        self.model, self.frame_index = model, 0
        roles = ("speaker_vq", "listener_vq")
        self.states = {role: model.rest_motion.expand(2, 4, -1).clone() for role in roles}
        self.rings = {
            role: [torch.zeros(2, vq["window"], 2 * vq["d"]) for _ in range(vq["encoder_layers"])] for role in roles
        }

    @torch.no_grad()
    def frame(self, motion: Tensor) -> dict[str, Tensor]:
        """Latents [2, G code_dim] per role for motion z [2, C] of both persons; the rings move on."""
        out = {}
        for role, rings in self.rings.items():
            vq = self.model.get_submodule(role)
            past = self.states[role]
            h = gelu(vq.encoder.conv_in(motion[:, None], past))
            self.states[role] = torch.cat([past, motion[:, None]], 1)[:, 1:]
            bias = torch.cat([ring_bias(vq.heads, vq.window, self.frame_index), block_bias(vq.heads, 1)], -1)
            out[role] = vq.encoder.project(vq.encoder.step(h, rings, bias, self.frame_index))[:, 0]
        self.frame_index += 1
        return out

    def snapshot(self) -> tuple:
        """A copy of everything that a frame changes."""
        rings = {role: [ring.clone() for ring in kept] for role, kept in self.rings.items()}
        return self.frame_index, dict(self.states), rings

    def restore(self, kept: tuple) -> None:
        """Goes back to a snapshot, which is then used up."""
        self.frame_index, self.states, self.rings = kept
