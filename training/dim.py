"""Dyadic interaction model: codes of listening and of speaking for both persons of a conversation, frame by frame.

Tran et al. 2024 (DIM), made causal: every encoder, decoder and VQ decoder sees only what stood before. Shapes: B =
sequences, T = frames, C = 24 motion channels, d = width, H = heads, G = 2 groups of K = 256 codes. Motion is
z = (m - mean) / std. In pair i of the two, person i speaks and person 1 - i listens; decoder row 2 i predicts the
listener codes of person 1 - i from the speaker's joint token, row 2 i + 1 the speaker codes of person i from the
listener's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from face import ARKIT_51
from layers import Layer, causal_bias, write_ring
from speech_encoder import CausalConv

FACE_CHANNELS = (
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekSquintLeft cheekSquintRight "
    "eyeBlinkLeft eyeBlinkRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight noseSneerLeft noseSneerRight "
    "mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight"
).split()
"""The ARKit channels that both the codes and the face network know."""

CHANNELS = [*FACE_CHANNELS, "headX", "headY", "headZ"]
"""Motion channels: ARKit weights 0..1, then the head's exponential map against the chest in rad."""

FACE_INDEX = [ARKIT_51.index(name) for name in FACE_CHANNELS]
"""Where FACE_CHANNELS stand in ARKIT_51."""

SPEAKER_OF = (1, 3)
"""Decoder rows that hold the speaker codes of persons 0 and 1."""

LISTENER_OF = (2, 0)
"""Decoder rows that hold the listener codes of persons 0 and 1."""


@dataclass(frozen=True)
class DimConfig:
    """Sizes of the network and its sampling defaults; stored as JSON in the weight file."""

    d: int = 192
    heads: int = 4
    ff: int = 768
    window: int = 64
    vq: dict = field(
        default_factory=lambda: {
            "d": 128, "ff": 384, "heads": 4, "window": 32, "encoder_layers": 1, "decoder_layers": 2
        }
    )  # fmt: skip
    groups: int = 2
    codes: int = 256
    code_dim: int = 64
    layers: dict = field(default_factory=lambda: {"encoder": 1, "joint": 2, "decoder": 2})
    channels: list[str] = field(default_factory=lambda: list(CHANNELS))
    token: int = 256
    temperature: float = 0.8
    top_k: int = 26

    def to_dict(self) -> dict:
        """Plain dictionary for JSON."""
        return asdict(self)


def gelu(x: Tensor) -> Tensor:
    """GELU in its tanh approximation."""
    return F.gelu(x, approximate="tanh")


class Stack(nn.Module):
    """Layers and a norm, over whole sequences or block by block."""

    def __init__(self, d: int, ff: int, heads: int, layers: int):
        super().__init__()
        self.layers = nn.ModuleList(Layer(d, ff, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(d)

    def run(self, h: Tensor, bias: Tensor) -> Tensor:
        """Normed output [B, N, d] of a whole sequence under a bias [H, N, N]."""
        for layer in self.layers:
            h, _ = layer(h, bias)
        return self.norm(h)

    def step(self, h: Tensor, rings: list[Tensor], bias: Tensor, block: int) -> Tensor:
        """Normed output of one block [R, T, d]; the block goes into the rings as number `block`."""
        for layer, ring in zip(self.layers, rings, strict=True):
            h, kv = layer(h, bias, ring)
            write_ring(ring, kv, block)
        return self.norm(h)


class RoleEncoder(Stack):
    """Motion of the frame before and the speech token of this frame -> a token per frame."""

    def __init__(self, config: DimConfig):
        super().__init__(config.d, config.ff, config.heads, config.layers["encoder"])
        self.project_in = nn.Linear(len(config.channels) + config.token, config.d)


class CodeDecoder(Stack):
    """Joint token and the row's previous codes -> logits of its next codes."""

    def __init__(self, config: DimConfig):
        super().__init__(config.d, config.ff, config.heads, config.layers["decoder"])
        tokens = 2 * config.groups * config.codes
        self.groups, self.codes = config.groups, config.codes
        self.token_emb = nn.Embedding(tokens, config.d)
        self.to_logits = nn.Linear(config.d, tokens, bias=False)
        nn.init.normal_(self.token_emb.weight, std=0.3)

    def embed(self, codes: Tensor) -> Tensor:
        """Sum [..., rows, T, d] of the embeddings of the previous codes [..., rows, T, G]; odd rows are speakers'."""
        half = self.groups * self.codes
        role = torch.arange(codes.shape[-3], device=codes.device)[:, None, None] % 2
        group = torch.arange(self.groups, device=codes.device)
        return self.token_emb(codes + role * half + group * self.codes).sum(-2)

    def logits(self, h: Tensor) -> Tensor:
        """Each row's own half of the logits, [..., rows, T, G, K], of normed h [..., rows, T, d]."""
        listener, speaker = self.to_logits.weight.chunk(2)
        rows = torch.stack([F.linear(h[..., 0::2, :, :], listener), F.linear(h[..., 1::2, :, :], speaker)], -3)
        return rows.flatten(-4, -3).unflatten(-1, (self.groups, self.codes))


class Quantize(nn.Module):
    """The codebook: row g * K + k of `embedding` [G K, code_dim] is code k of group g."""

    def __init__(self, config: DimConfig):
        super().__init__()
        self.groups, self.codes = config.groups, config.codes
        self.embedding = nn.Parameter(torch.randn(config.groups * config.codes, config.code_dim) * 0.5)

    def tables(self) -> Tensor:
        """The codebook as [G, K, code_dim]."""
        return self.embedding.unflatten(0, (self.groups, self.codes))

    def distances(self, latent: Tensor) -> Tensor:
        """Squared distances [..., G, K] of latents [..., G code_dim] to every code of each group."""
        tables = self.tables()
        x = latent.unflatten(-1, (self.groups, -1))
        cross = torch.einsum("...gc,gkc->...gk", x, tables)
        return (x * x).sum(-1, keepdim=True) - 2 * cross + (tables * tables).sum(-1)

    def forward(self, latent: Tensor) -> Tensor:
        """Nearest codes [..., G], i64."""
        return self.distances(latent).argmin(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Codebook vectors [..., G code_dim] of codes [..., G]."""
        offset = torch.arange(self.groups, device=codes.device) * self.codes
        return self.embedding[codes + offset].flatten(-2)


class VqEncoder(Stack):
    """Motion z -> latents of both groups, causally."""

    def __init__(self, config: DimConfig):
        vq = config.vq
        super().__init__(vq["d"], vq["ff"], vq["heads"], vq["encoder_layers"])
        self.conv_in = CausalConv(len(config.channels), vq["d"], 5)
        self.project = nn.Linear(vq["d"], config.groups * config.code_dim)


class VqDecoder(Stack):
    """Codebook vectors -> motion z, causally."""

    def __init__(self, config: DimConfig):
        vq = config.vq
        super().__init__(vq["d"], vq["ff"], vq["heads"], vq["decoder_layers"])
        self.project = nn.Linear(config.groups * config.code_dim, vq["d"])
        self.conv_in = CausalConv(vq["d"], vq["d"], 5)
        self.out = nn.Linear(vq["d"], len(config.channels))


class Vq(nn.Module):
    """One role's VQ-VAE: encoder, codebook, decoder; all causal."""

    def __init__(self, config: DimConfig):
        super().__init__()
        self.heads, self.window = config.vq["heads"], config.vq["window"]
        self.encoder, self.quantize, self.decoder = VqEncoder(config), Quantize(config), VqDecoder(config)

    def encode(self, motion: Tensor, past: Tensor) -> Tensor:
        """Latents [B, T, G code_dim] of motion z [B, T, C] after the four frames `past` [B, 4, C]."""
        bias = causal_bias(self.heads, motion.shape[1], self.window).to(motion.device)
        encoder = self.encoder
        return encoder.project(encoder.run(gelu(encoder.conv_in(motion, past)), bias))

    def decode(self, vectors: Tensor) -> Tensor:
        """Motion z [B, T, C] of codebook vectors [B, T, G code_dim], from the start of a stream."""
        bias = causal_bias(self.heads, vectors.shape[1], self.window).to(vectors.device)
        decoder = self.decoder
        h = decoder.project(vectors)
        past = h.new_zeros(h.shape[0], decoder.conv_in.carried, h.shape[2])
        return decoder.out(decoder.run(gelu(decoder.conv_in(h, past)), bias))


class Dim(nn.Module):
    """PyTorch twin of the engine's dyadic network."""

    def __init__(self, config: DimConfig | None = None):
        super().__init__()
        self.config = config = config or DimConfig()
        channels = len(config.channels)
        self.encoder_s, self.encoder_l = RoleEncoder(config), RoleEncoder(config)
        self.encoder_joint = Stack(config.d, config.ff, config.heads, config.layers["joint"])
        self.decoder_joint = CodeDecoder(config)
        self.speaker_vq, self.listener_vq = Vq(config), Vq(config)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("rest_motion", torch.zeros(channels))
        self.register_buffer("rest_codes", torch.zeros(4, config.groups))

    def normalise(self, motion: Tensor) -> Tensor:
        """Motion [..., C] in weights and rad -> z."""
        return (motion - self.mean) / self.std

    def physical(self, z: Tensor) -> Tensor:
        """z [..., C] -> weights limited to 0..1, then head angles in rad."""
        motion = z * self.std + self.mean
        return torch.cat([motion[..., :-3].clamp(0, 1), motion[..., -3:]], -1)

    @torch.no_grad()
    def set_rest(self, motion: Tensor) -> None:
        """Makes motion [C] (weights and rad) the rest before frame 0, with the codes that the VQ encoders give it."""
        self.rest_motion.copy_(self.normalise(motion))
        held = self.rest_motion.expand(1, self.config.vq["window"], -1)
        for vq, rows in ((self.speaker_vq, SPEAKER_OF), (self.listener_vq, LISTENER_OF)):
            codes = vq.quantize(vq.encode(held, held[:, :4]))[0, -1]
            for row in rows:
                self.rest_codes[row] = codes.float()

    def encode(self, motion: Tensor, token: Tensor) -> tuple[Tensor, Tensor]:
        """Both role encoders over sequences: motion z of the frame before [B, 2, T, C], speech tokens [B, 2, T, 256].

        Persons stand in pair order for each role: speakers [B, pair, T, d] are persons 0, 1; listeners persons 1, 0.
        """
        bias = causal_bias(self.config.heads, motion.shape[2], self.config.window).to(motion.device)
        x = torch.cat([motion, token], -1)
        out = []
        for encoder, y in ((self.encoder_s, x), (self.encoder_l, x.flip(1))):
            out.append(encoder.run(encoder.project_in(y.flatten(0, 1)), bias).unflatten(0, (-1, 2)))
        return out[0], out[1]

    def join(self, speaker: Tensor, listener: Tensor) -> Tensor:
        """Joint tokens [B, pair, T, 2, d] of role tokens [B, pair, T, d]; they see each other within a frame."""
        config, frames = self.config, speaker.shape[2]
        bias = causal_bias(config.heads, 2 * frames, 2 * config.window, 2, 2).to(speaker.device)
        h = torch.stack([speaker, listener], 3).flatten(2, 3).flatten(0, 1)
        return self.encoder_joint.run(h, bias).unflatten(1, (frames, 2)).unflatten(0, (-1, 2))

    def predict(self, joint: Tensor, codes: Tensor) -> Tensor:
        """Logits [B, 4, T, G, K] of joint tokens [B, pair, T, 2, d] and the codes of the frame before [B, 4, T, G]."""
        config, frames = self.config, joint.shape[2]
        bias = causal_bias(config.heads, frames, config.window).to(joint.device)
        h = joint.transpose(2, 3).flatten(1, 2) + self.decoder_joint.embed(codes)
        h = self.decoder_joint.run(h.flatten(0, 1), bias).unflatten(0, (-1, 4))
        return self.decoder_joint.logits(h)

    def forward(self, motion: Tensor, token: Tensor, codes: Tensor) -> Tensor:
        """Logits [B, 4, T, G, K]; motion [B, 2, T, C] and codes [B, 4, T, G] are those of the frame before."""
        return self.predict(self.join(*self.encode(motion, token)), codes)


def blend(model: Dim, speaker: Tensor, listener: Tensor, turn: Tensor, face: Tensor) -> Tensor:
    """Motion z [..., C]: the listener's, and by `turn` [..., 1] the face network's face (weights [..., 51]) and the
    speaker's head."""
    own = (face[..., FACE_INDEX].clamp(0, 1) - model.mean[:-3]) / model.std[:-3]
    return (1 - turn) * listener + turn * torch.cat([own, speaker[..., -3:]], -1)
