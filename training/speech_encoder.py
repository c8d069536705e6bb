"""The streaming speech encoder, twin of src/engine/model: log-mel in, 30 tokens a second out, strictly causal.

`SpeechEncoder.forward` runs whole sequences for training; `SpeechEncoder.tick` runs one tick with carried state, as
the engine does. Both give the same numbers. Letters: R rows, T ticks, C width, H heads, W ring, P phones.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from mel import BANDS, SILENT_ROW
from phones import PHONES


@dataclass
class EncoderConfig:
    """Sizes of the encoder; `lookahead` ticks pass before the token of a frame is emitted."""

    d: int = 256
    heads: int = 4
    ff: int = 1024
    layers: int = 3
    window: int = 64
    lookahead: int = 2
    dropout: float = 0.1


def slopes(heads):
    """How fast each head forgets: 2^(-8h/H), h = 1..H, of scores per frame of distance."""
    return torch.tensor([2.0 ** (-8 * h / heads) for h in range(1, heads + 1)])


def distance_bias(heads, ticks, window):
    """Scores' bias [H, T, T] of a sequence: -slope * distance within the window of the past, -inf elsewhere."""
    distance = torch.arange(ticks)[:, None] - torch.arange(ticks)
    bias = -slopes(heads)[:, None, None] * distance
    return bias.masked_fill((distance < 0) | (distance > window), -math.inf)


def ring_bias(heads, age, filled):
    """Bias [H, W] of ring slots that hold the frame `age` frames ago; -1e9 for slots not yet filled."""
    return (-slopes(heads)[:, None] * age).masked_fill(age > filled, -1e9)


class CausalConv(nn.Linear):
    """A strided convolution over time that sees no future; weight [O, K*C], tap k = 0 is the oldest."""

    def __init__(self, inputs, outputs, taps, stride=1):
        super().__init__(taps * inputs, outputs)
        self.taps, self.stride, self.inputs = taps, stride, inputs

    @property
    def carried(self):
        """Rows of the past that the next output needs."""
        return self.taps - self.stride

    def forward(self, x, past):
        """x [R, N, C] after past [R, K-s, C] -> [R, N/s, O]."""
        x = torch.cat([past.to(x.dtype), x], 1)
        count = (x.shape[1] - self.carried) // self.stride
        span = count * self.stride
        taps = [x[:, k : k + span : self.stride] for k in range(self.taps)]
        return super().forward(torch.cat(taps, -1))


class Attention(nn.Module):
    """Self-attention over the window; qkv rows are [Q; K; V], heads are contiguous slices."""

    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.d, 3 * config.d)
        self.out = nn.Linear(config.d, config.d)

    def forward(self, x, bias, ring=None):
        """x [R, T, C], bias broadcast to [R, H, T, keys], ring [R, W, 2C] (k‖v) before x; returns (out, kv)."""
        q, kv = self.qkv(x).split([x.shape[-1], 2 * x.shape[-1]], -1)
        keys = kv if ring is None else torch.cat([ring, kv], 1)
        k, v = keys.chunk(2, -1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.out(mixed.transpose(1, 2).flatten(2)), kv


class FeedForward(nn.Module):
    """The widening pair of linears."""

    def __init__(self, config):
        super().__init__()
        self.up = nn.Linear(config.d, config.ff)
        self.down = nn.Linear(config.ff, config.d)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """Convolution, attention, feed-forward, each on a normed copy and added back."""

    def __init__(self, config):
        super().__init__()
        self.norm1 = nn.LayerNorm(config.d)
        self.conv = CausalConv(config.d, config.d, taps=3)
        self.norm2 = nn.LayerNorm(config.d)
        self.attn = Attention(config)
        self.norm3 = nn.LayerNorm(config.d)
        self.ff = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, h, past, bias, ring=None):
        """h [R, T, C]; returns (h, the rows that the convolution carries on, this block's k‖v [R, T, 2C])."""
        rows = self.norm1(h)
        h = h + self.dropout(F.gelu(self.conv(rows, past), approximate="tanh"))
        mixed, kv = self.attn(self.norm2(h), bias, ring)
        h = h + self.dropout(mixed)
        h = h + self.dropout(self.ff(self.norm3(h)))
        return h, torch.cat([past, rows], 1)[:, -self.conv.carried :], kv


class SpeechEncoder(nn.Module):
    """Mel rows -> tokens, phone logits, voicing logit. `energy_head` is a training aid and is not exported."""

    def __init__(self, config=None):
        super().__init__()
        self.config = config = config or EncoderConfig()
        self.conv_in = CausalConv(BANDS, config.d, taps=5)
        self.conv_down = CausalConv(config.d, config.d, taps=4, stride=2)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.d)
        self.phone_head = nn.Linear(config.d, len(PHONES))
        self.voicing_head = nn.Linear(config.d, 1)
        self.energy_head = nn.Linear(config.d, 1)

    def start(self, rows, device=None):
        """The state before any sound: silent mel rows, zero activations, an empty ring."""
        d, window = self.config.d, self.config.window
        return {
            "conv_in": torch.full((rows, self.conv_in.carried, BANDS), float(SILENT_ROW), device=device),
            "conv_down": torch.zeros(rows, self.conv_down.carried, d, device=device),
            "conv": [torch.zeros(rows, b.conv.carried, d, device=device) for b in self.blocks],
            "ring": [torch.zeros(rows, window, 2 * d, device=device) for _ in self.blocks],
            "filled": 0,
        }

    def heads_of(self, h):
        """Normed tokens and the heads' outputs: token [.., C], phones [.., P] logits, voicing and energy [..]."""
        token = self.norm(h)
        return {
            "token": token,
            "phones": self.phone_head(token),
            "voicing": self.voicing_head(token)[..., 0],
            "energy": self.energy_head(token)[..., 0],
        }

    def forward(self, mel):
        """Whole sequences: mel [R, T, 2, 80] -> outputs [R, T, ...]; token t tells of frame t - lookahead."""
        state = self.start(mel.shape[0], mel.device)
        x = F.gelu(self.conv_in(mel.flatten(1, 2), state["conv_in"]), approximate="tanh")
        h = F.gelu(self.conv_down(x, state["conv_down"]), approximate="tanh")
        bias = distance_bias(self.config.heads, h.shape[1], self.config.window).to(mel.device)
        for i, block in enumerate(self.blocks):
            h, _, _ = block(h, state["conv"][i].to(h.dtype), bias)
        return self.heads_of(h)

    @torch.no_grad()
    def tick(self, mel, state):
        """One tick: mel [R, 2, 80] and `state`, which is advanced in place -> outputs [R, ...]."""
        window, filled = self.config.window, state["filled"]
        x = F.gelu(self.conv_in(mel, state["conv_in"]), approximate="tanh")
        h = F.gelu(self.conv_down(x, state["conv_down"]), approximate="tanh")
        state["conv_in"] = torch.cat([state["conv_in"], mel], 1)[:, -self.conv_in.carried :]
        state["conv_down"] = torch.cat([state["conv_down"], x], 1)[:, -self.conv_down.carried :]
        distance = torch.arange(window, -1, -1)
        bias = ring_bias(self.config.heads, distance, filled)[:, None]
        for i, block in enumerate(self.blocks):
            h, state["conv"][i], kv = block(h, state["conv"][i], bias, state["ring"][i])
            state["ring"][i] = torch.cat([state["ring"][i], kv], 1)[:, -window:]
        state["filled"] = min(filled + 1, window)
        return {name: value[:, 0] for name, value in self.heads_of(h).items()}

    def exported(self):
        """The weights that the engine loads."""
        return {name: t for name, t in self.state_dict().items() if not name.startswith("energy_head")}


def load_encoder(path):
    """The encoder of a training checkpoint (its averaged weights) or of an exported .safetensors file."""
    if str(path).endswith(".safetensors"):
        from checkpoint import load_safetensors

        tensors, _ = load_safetensors(path)
        encoder = SpeechEncoder()
        state = {name: torch.from_numpy(array.astype("float32")) for name, array in tensors.items()}
        encoder.load_state_dict(encoder.state_dict() | state)
    else:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        encoder = SpeechEncoder(EncoderConfig(**saved["config"]["model"]))
        encoder.load_state_dict(saved["average"])
    return encoder.eval()


def config_of(encoder):
    """The model's part of the exported configuration."""
    return {key: value for key, value in asdict(encoder.config).items() if key != "dropout"}
