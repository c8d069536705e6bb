"""Runner of a converted Learning2Listen file: the published forward passes and loop."""

import torch
from torch import nn
from torch.nn import functional as F

from convert.blocks import Layer, attend, load
from convert.l2l import HEADS, KERNEL, MELS, MOTION, NETWORK, VQ_HEADS
from convert.target import read_converted


def replicate(x, conv, stride=1):
    """A convolution over frames x [B, C, T] whose edges are repeated."""
    return F.conv1d(F.pad(x, (2, 2), mode="replicate"), conv.weight, conv.bias, stride)


class Squash(nn.Module):
    """Convolutions that halve the time in each stage: [B, T, C] to [B, T / 2^stages, d]."""

    def __init__(self, first, d, stages):
        super().__init__()
        self.conv = nn.ModuleList(nn.Conv1d(d if i else first, d, KERNEL) for i in range(stages))
        for conv in list(self.conv)[1:]:
            conv.register_buffer("sign", torch.ones(d))

    def squash(self, x):
        """Leaky ReLU, then stride 2 (first stage) or a max-pool of 2."""
        x = x.transpose(1, 2)
        for i, conv in enumerate(self.conv):
            x = F.leaky_relu(replicate(x, conv, 1 if i else 2), 0.2)
            if i:
                x = F.max_pool1d(conv.sign[:, None] * x, 2)
        return x.transpose(1, 2)


class Encoder(Squash):
    """Motion [B, 32, 56] to four positions [B, 4, d]."""

    def __init__(self, sizes):
        super().__init__(MOTION, sizes["d"], sizes["stages"])
        d = sizes["d"]
        self.project, self.position = nn.Linear(d, d), nn.Parameter(torch.zeros(sizes["positions"], d))
        self.layers = nn.ModuleList(Layer(d, sizes["ff"], VQ_HEADS, "tanh") for _ in range(sizes["layers"]))

    def forward(self, x):
        x = self.project(self.squash(x)) + self.position
        for layer in self.layers:
            x = layer(x)
        return x


class Decoder(nn.Module):
    """Four positions [B, 4, d] to motion [B, 32, 56]."""

    def __init__(self, sizes):
        super().__init__()
        d = sizes["d"]
        self.conv = nn.ModuleList(nn.Conv1d(d, d, KERNEL) for _ in range(sizes["stages"]))
        self.project, self.position = nn.Linear(d, d), nn.Parameter(torch.zeros(sizes["frames"], d))
        self.layers = nn.ModuleList(Layer(d, sizes["ff"], VQ_HEADS, "tanh") for _ in range(sizes["layers"]))
        self.out = nn.Conv1d(d, MOTION, KERNEL, padding=2)

    def forward(self, x):
        x = x.transpose(1, 2)
        for i, conv in enumerate(self.conv):
            if i:
                x = F.leaky_relu(replicate(x, conv), 0.2).repeat_interleave(2, 2)
            else:
                x = F.leaky_relu(F.conv_transpose1d(x, conv.weight, conv.bias, 2, 2, 1), 0.2)
        x = self.project(x.transpose(1, 2)) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.out(x.transpose(1, 2)).transpose(1, 2)


class Vq(nn.Module):
    """The VQ-VAE. A code holds some channels at all four positions: the published layout, channel-major."""

    def __init__(self, sizes):
        super().__init__()
        self.encoder, self.decoder = Encoder(sizes), Decoder(sizes)
        self.quantize = nn.Module()
        self.quantize.embedding = nn.Embedding(sizes["codes"], sizes["d"])

    def codes(self, motion):
        """Codes [B, 4] of standardised motion [B, 32, 56]."""
        h = self.encoder(motion).transpose(1, 2)
        rows = h.reshape(len(h), -1, self.quantize.embedding.weight.shape[1])
        return torch.cdist(rows, self.quantize.embedding.weight.expand(len(h), -1, -1)).argmin(-1)

    def decode(self, codes):
        """Standardised motion [B, 32, 56] of codes [B, 4]."""
        rows = self.quantize.embedding(codes)
        return self.decoder(rows.reshape(len(rows), rows.shape[2], -1).transpose(1, 2))


class Cross(Layer):
    """Queries from the audio, as it is; keys and values from the normed motion; the residual is on the motion."""

    def forward(self, audio, motion):
        d = motion.shape[-1]
        q = F.linear(audio, self.attn.qkv.weight[:d], self.attn.qkv.bias[:d])
        k, v = F.linear(self.norm1(motion), self.attn.qkv.weight[d:], self.attn.qkv.bias[d:]).chunk(2, -1)
        motion = motion + self.attn.out(attend(q, k, v, self.heads))
        return motion + self.ff(self.norm2(motion))


class Predictor(Squash):
    """Listener codes and 40 frames of the speaker to logits of the listener's next code."""

    def __init__(self, sizes):
        d, wide, frames = sizes["d"], 2 * sizes["d"], sizes["frames"]
        super().__init__(wide, wide, sizes["stages"])
        self.past = sizes["past"]
        self.audio_proj, self.x_proj = nn.Linear(MELS, wide), nn.Linear(MOTION, wide)
        self.audio_position, self.x_position = (nn.Parameter(torch.zeros(frames, wide)) for _ in range(2))
        self.cross = nn.ModuleList(Cross(wide, sizes["ff"], HEADS, "tanh") for _ in range(sizes["cross"]))
        self.project = nn.Linear(wide, d)
        self.token_emb, self.token_position = nn.Embedding(sizes["codes"], d), nn.Parameter(torch.zeros(self.past, d))
        self.position = nn.Parameter(torch.zeros(sizes["tokens"], d))
        self.layers = nn.ModuleList(Layer(d, sizes["ff"], HEADS, "tanh") for _ in range(sizes["layers"]))
        self.norm, self.to_logits = nn.LayerNorm(d), nn.Linear(d, sizes["codes"], bias=False)

    def forward(self, codes, speaker, mel, seen):
        """Logits [B, 9, codes] for codes [B, 4], speaker [B, 40, 56], mel [B, 160, 128], all standardised.

        Only the newest `seen` codes count (0 to 4): the others are zero, and a row that holds none sees no code at all.
        Only the first row of logits is ever used.
        """
        seen = min(seen, self.past)
        audio = F.max_pool1d(mel.transpose(1, 2), 4).transpose(1, 2)
        audio = self.audio_proj(audio) + self.audio_position
        motion = self.x_proj(speaker) + self.x_position
        for layer in self.cross:
            motion = layer(audio, motion)
        told = self.project(self.squash(motion))
        rows = torch.arange(self.past) >= self.past - seen
        heard = self.token_emb(codes) * rows[:, None] + self.token_position
        bias = torch.zeros(self.position.shape[0], self.position.shape[0])
        bias[: self.past, : self.past].masked_fill_(~rows[:, None], float("-inf"))
        h = torch.cat([heard, told], 1) + self.position
        for layer in self.layers:
            h = layer(h, bias)
        return self.to_logits(self.norm(h))


def nucleus(logits, temperature, top_p):
    """Probabilities [B, K] of the fewest codes whose share passes `top_p`, after the temperature."""
    order = (logits / temperature).sort(-1, descending=True)
    before = F.pad(order.values.softmax(-1).cumsum(-1)[..., :-1], (1, 0))
    kept = torch.where(before <= top_p, order.values, float("-inf"))
    return torch.full_like(logits, float("-inf")).scatter(-1, order.indices, kept).softmax(-1)


class Listener(nn.Module):
    """VQ-VAE, predictor and normalisation of one person."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.vq = Vq(config["vq"])
        scales = [("mean", MOTION), ("std", MOTION)]
        if "predictor" in config:
            self.predictor = Predictor(config["predictor"])
            scales += [("speaker_mean", MOTION), ("speaker_std", MOTION), ("audio_mean", MELS), ("audio_std", MELS)]
        for name, count in scales:
            self.register_buffer(name, torch.zeros(count))

    def listen(self, speaker, mel, draw, aligned=True):
        """The listener's motion [B, 8 n, 56] for a speaker [B, T, 56] and mel [B, 4 T, 128], n = (T - 32) / 8 in fours.

        `draw` picks codes [B] of probabilities [B, K]. The published loop takes the mel from column t on, not 4 t: that
        is `aligned=False`. The history is decoded and encoded again at every step, as published.
        """
        config, window = self.config, self.config["vq"]["frames"]
        hop, frames = config["hop"], config["predictor"]["frames"]
        speaker = (speaker - self.speaker_mean) / self.speaker_std
        mel = (mel - self.audio_mean) / self.audio_std
        codes = self.vq.codes(torch.zeros(len(speaker), window, MOTION))
        for t in range(0, speaker.shape[1] - window, hop):
            past = codes[:, t // hop : t // hop + self.predictor.past]
            past = self.vq.codes(self.vq.decode(past)) if t else past
            start = 4 * t if aligned else t
            heard = mel[:, start : start + 4 * frames]
            logits = self.predictor(past, speaker[:, t : t + frames], heard, t // hop)[:, 0]
            chosen = draw(nucleus(logits, config["temperature"], config["top_p"]))
            codes = torch.cat([codes, chosen[:, None]], 1)
        new = codes[:, self.predictor.past :]
        whole = new.shape[1] // self.predictor.past * self.predictor.past
        motion = [self.vq.decode(window) for window in new[:, :whole].split(self.predictor.past, 1)]
        return torch.cat(motion, 1) * self.std + self.mean


def load_l2l(path):
    """The runner of a converted file."""
    config, tensors = read_converted(path, NETWORK)
    return load(Listener(config), tensors)
