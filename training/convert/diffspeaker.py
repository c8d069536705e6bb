"""DiffSpeaker (VOCASET, BIWI): the Lightning checkpoint as our file, and a runner of that file.

Ours beside theirs: x_proj = vertice_map, audio_proj = audio_feature_map, style = obj_vector, step = time_embedding,
denoiser.layers.i = transformer_decoder.layers.i with norm1, attn (self_attn), cross_norm (norm2), cross
(multihead_attn), norm2 (norm3), ff (linear1, linear2), and out = motion_decoder.
"""

import json
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from convert import wav2vec2
from convert.blocks import FeedForward, attend, load, sinusoid
from convert.source import ConvertError, Source
from convert.target import read_converted, write_converted
from diffusion import denoising_steps

NETWORK = "diffspeaker"
AUDIO, HEADS = 768, 4
VARIANTS = {
    "VOCASET": {"d": 512, "ff": 1024, "layers": 1, "ids": 8, "out": 15069, "fps": 30, "period": 30, "smooth": 3},
    "BIWI": {"d": 1024, "ff": 2048, "layers": 1, "ids": 6, "out": 70110, "fps": 25, "period": 25, "smooth": 1},
}
"""Published configurations; `smooth` is the width of the moving average over the emitted frames."""

LICENCE = "DiffSpeaker's weights carry no licence: all rights reserved; convert for your own use, do not pass on"
LIMITS = (
    "The streaming engine cannot run this file: self-attention sees the whole clip, before and after each frame.",
    "The speech encoder (wav2vec 2.0 or HuBERT) is not streaming: it normalises over the whole utterance, its "
    "positional convolution sees 1.28 s ahead and its 12 layers the whole clip. The engine's own encoder cannot "
    "replace it: the features differ.",
)
VERTEX_LIMIT = (
    "The output is {count} vertex offsets in the units of the training mesh, not 51 ARKit weights: convert with "
    "--basis BASIS.npz (51 blendshapes on the same mesh) to fold a least-squares solve into the last layer."
)
BASIS_LIMIT = (
    "The 51 weights are the unconstrained least-squares solution on the given blendshapes: they may leave 0..1 and are "
    "to be clamped by whoever applies them."
)


def published(sizes):
    """{published name: shape} of the denoiser."""
    d, ff, total = sizes["d"], sizes["ff"], sizes["d"] * sizes["layers"]
    names = {
        "audio_feature_map.weight": (d, AUDIO),
        "audio_feature_map.bias": (d,),
        "vertice_map.weight": (d, sizes["out"]),
        "vertice_map.bias": (d,),
        "time_embedding.linear_1.weight": (total, AUDIO),
        "time_embedding.linear_1.bias": (total,),
        "time_embedding.linear_2.weight": (total, total),
        "time_embedding.linear_2.bias": (total,),
        "motion_decoder.weight": (sizes["out"], d),
        "motion_decoder.bias": (sizes["out"],),
        "obj_vector.weight": (sizes["ids"], total),
    }
    for i in range(sizes["layers"]):
        layer = f"transformer_decoder.layers.{i}"
        for part in ("self_attn", "multihead_attn"):
            names[f"{layer}.{part}.in_proj_weight"], names[f"{layer}.{part}.in_proj_bias"] = (3 * d, d), (3 * d,)
            names[f"{layer}.{part}.out_proj.weight"], names[f"{layer}.{part}.out_proj.bias"] = (d, d), (d,)
        names[f"{layer}.linear1.weight"], names[f"{layer}.linear1.bias"] = (ff, d), (ff,)
        names[f"{layer}.linear2.weight"], names[f"{layer}.linear2.bias"] = (d, ff), (d,)
        for norm in ("norm1", "norm2", "norm3"):
            names[f"{layer}.{norm}.weight"] = names[f"{layer}.{norm}.bias"] = (d,)
    return {f"denoiser.{name}": shape for name, shape in names.items()}


def our_name(name):
    """Our name of a published tensor of the denoiser."""
    name = name.removeprefix("denoiser.")
    for theirs, ours in (
        ("transformer_decoder.layers.", "denoiser.layers."),
        ("audio_feature_map.", "audio_proj."),
        ("vertice_map.", "x_proj."),
        ("time_embedding.linear_1.", "step.up."),
        ("time_embedding.linear_2.", "step.down."),
        ("motion_decoder.", "out."),
        ("obj_vector.", "style."),
        (".norm2.", ".cross_norm."),
        (".norm3.", ".norm2."),
        (".self_attn.out_proj.", ".attn.out."),
        (".multihead_attn.out_proj.", ".cross.out."),
        (".self_attn.in_proj_", ".attn.qkv."),
        (".multihead_attn.in_proj_", ".cross.qkv."),
        (".linear1.", ".ff.up."),
        (".linear2.", ".ff.down."),
    ):
        name = name.replace(theirs, ours)
    return name


def sizes_of(source):
    """Sizes of the denoiser in a checkpoint, read from its shapes."""
    d, out = source.shape("denoiser.vertice_map.weight")
    return {
        "d": d,
        "ff": source.shape("denoiser.transformer_decoder.layers.0.linear1.weight")[0],
        "layers": source.count("denoiser.transformer_decoder.layers.{}.linear1.weight"),
        "ids": source.shape("denoiser.obj_vector.weight")[0],
        "out": out,
    }


def variant_of(sizes, wanted=None):
    """The name of the published configuration; `wanted` overrides it. Raises ConvertError where neither tells."""
    if wanted:
        return wanted
    for name, known in VARIANTS.items():
        if known["out"] == sizes["out"]:
            return name
    raise ConvertError(
        f"the network puts out {sizes['out']} numbers, expected 15069 (VOCASET) or 70110 (BIWI)",
        "Say with --variant which of the two its frame rate and period are.",
    )


def read_basis(path, out):
    """Blendshape offsets [51, out] of an .npz with `deltas` [51, V, 3] or [51, 3 V]; raises ConvertError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if "deltas" not in file:
                raise ConvertError(
                    f"{path} has no array deltas, got {list(file)}", "Store the blendshapes as `deltas`."
                )
            deltas = np.asarray(file["deltas"], np.float64)
    except (OSError, ValueError) as cause:
        raise ConvertError(
            f"{path} cannot be read as .npz: {cause}", "Store the blendshapes with numpy.savez."
        ) from cause
    flat = deltas.reshape(deltas.shape[0], -1)
    if flat.shape != (51, out):
        raise ConvertError(
            f"{path}: deltas has shape {list(deltas.shape)}, expected [51, {out // 3}, 3]",
            "The blendshapes must stand on the training mesh, vertex for vertex, in ARKit order without tongueOut.",
        )
    return torch.from_numpy(flat)


def fold_basis(tensors, deltas):
    """The tensors with vertices solved away: 51 ARKit weights come out and no vertex goes in.

    The replacement rule feeds back gain * x0, so x_proj(out(h)) is one matrix `loop`; and x_proj of white noise is a
    normal vector of covariance W Wᵀ, drawn through the Cholesky factor `noise`. Both are exact.
    """
    wx, wo, bo = (tensors[name].double() for name in ("x_proj.weight", "out.weight", "out.bias"))
    rank = int(torch.linalg.matrix_rank(deltas))
    if rank < deltas.shape[0]:
        raise ConvertError(f"the basis has rank {rank}, expected 51", "Two blendshapes are the same or one is empty.")
    solve = torch.linalg.pinv(deltas.T)
    covariance = wx @ wx.T
    # A little on the diagonal: with more channels than vertices the covariance is singular.
    slack = 1e-9 * covariance.diagonal().mean() * torch.eye(len(wx), dtype=torch.float64)
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(("out.", "x_proj.weight"))}
    kept["loop.weight"], kept["loop.bias"] = (wx @ wo).float(), (wx @ bo).float()
    kept["noise"] = torch.linalg.cholesky(covariance + slack).float()
    kept["out.weight"], kept["out.bias"] = (solve @ wo).float(), (solve @ bo).float()
    return kept


def convert(path, out, variant=None, basis=None, audio=True, half=False):
    """Convert a checkpoint; returns what to tell. `basis` is an .npz of blendshapes, `audio` takes the encoder too."""
    source = Source(path, "diffspeaker")
    sizes = sizes_of(source)
    name = variant_of(sizes, variant)
    deltas = read_basis(basis, sizes["out"]) if basis else None
    tensors = {our_name(key): source.take(key, *shape) for key, shape in published(sizes).items()}
    dropped = source.drop("denoiser.PPE.")
    encoder = None
    if audio:
        encoder = wav2vec2.sizes_of(source, "audio_encoder.")
        tensors |= {f"encoder.{k}": v for k, v in wav2vec2.convert(source, "audio_encoder.", encoder).items()}
    source.finish("denoiser.", *(["audio_encoder."] if audio else []))
    known = VARIANTS[name]
    if deltas is not None:
        tensors = fold_basis(tensors, deltas)
    config = {
        "variant": name,
        **sizes,
        "heads": HEADS,
        "audio": AUDIO,
        "fps": known["fps"],
        "period": known["period"],
        "smooth": known["smooth"],
        "gelu": "exact",
        "schedule": {"T": 1000, "beta_start": 0.00085, "beta_end": 0.012},
        "steps": 50,
        "spacing": "leading",
        "prediction": "x0",
        "rule": "x0-replacement",
        "channels": 51 if basis else sizes["out"],
        "face": "arkit" if basis else "vertices",
        "encoder": encoder,
    }
    limits = [*LIMITS, BASIS_LIMIT if basis else VERTEX_LIMIT.format(count=sizes["out"])]
    if not audio:
        limits.append("The speech encoder was left out: features [T, 768] must come from elsewhere.")
    write_converted(
        out, NETWORK, tensors, config, f"DiffSpeaker {name}, github.com/theEricMa/DiffSpeaker", LICENCE, limits, half
    )
    return [f"{name}: {len(tensors)} tensors, left out on purpose: {dropped} (positions are a formula)", *limits]


class Cross(nn.Module):
    """Attention of frame i to the prefix tokens and to audio frame i alone."""

    def __init__(self, d):
        super().__init__()
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)

    def forward(self, x, prefix, audio):
        d = x.shape[-1]
        q = F.linear(x, self.qkv.weight[:d], self.qkv.bias[:d])
        k, v = self.kv(torch.stack([audio], 2)).chunk(2, -1)
        k0, v0 = (y[:, None].expand(-1, x.shape[1], -1, -1) for y in self.kv(prefix).chunk(2, -1))
        keys, values = torch.cat([k0, k], 2), torch.cat([v0, v], 2)
        mixed = attend(q.flatten(0, 1)[:, None], keys.flatten(0, 1), values.flatten(0, 1), HEADS)
        return self.out(mixed.view_as(x))

    def kv(self, x):
        """Keys and values of anything [..., d]."""
        d = x.shape[-1]
        return F.linear(x, self.qkv.weight[d:], self.qkv.bias[d:])


class Layer(nn.Module):
    """Self-attention, frame-diagonal cross-attention and a feed-forward, each behind a norm."""

    def __init__(self, d, ff):
        super().__init__()
        self.norm1, self.cross_norm, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn, self.cross = Cross(d), Cross(d)
        self.ff = FeedForward(d, ff)

    def forward(self, h, prefix, audio, bias):
        u = self.norm1(h)
        q = F.linear(u, self.attn.qkv.weight[: h.shape[-1]], self.attn.qkv.bias[: h.shape[-1]])
        k, v = self.attn.kv(torch.cat([prefix, u], 1)).chunk(2, -1)
        h = h + self.attn.out(attend(q, k, v, HEADS, bias))
        h = h + self.cross(self.cross_norm(h), prefix, audio)
        return h + self.ff(self.norm2(h))


class Step(nn.Module):
    """Diffusion step to token: down(SiLU(up(sinusoid)))."""

    def __init__(self, total):
        super().__init__()
        self.up, self.down = nn.Linear(AUDIO, total), nn.Linear(total, total)

    def forward(self, t):
        return self.down(F.silu(self.up(sinusoid(t, AUDIO))))


class DiffSpeaker(nn.Module):
    """Runner of a converted file: the published forward pass and sampler over whole clips."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        d, total = config["d"], config["d"] * config["layers"]
        self.folded = config["face"] == "arkit"
        if self.folded:
            self.x_proj = nn.Module()
            self.x_proj.bias = nn.Parameter(torch.zeros(d))
            self.loop = nn.Linear(d, d)
            self.noise = nn.Parameter(torch.zeros(d, d))
        else:
            self.x_proj = nn.Linear(config["out"], d)
        self.audio_proj = nn.Linear(AUDIO, d)
        self.style = nn.Embedding(config["ids"], total)
        self.step = Step(total)
        self.denoiser = nn.Module()
        self.denoiser.layers = nn.ModuleList(Layer(d, config["ff"]) for _ in range(config["layers"]))
        self.out = nn.Linear(d, config["channels"])
        if config["encoder"]:
            self.encoder = wav2vec2.Wav2Vec2(config["encoder"])

    def positions(self, frames):
        """Sinusoid [frames, d] of the frame number modulo the period: sines and cosines in turn."""
        d = self.config["d"]
        place = torch.arange(frames).remainder(self.config["period"]).double()[:, None]
        angle = place * torch.exp(torch.arange(0, d, 2).double() * (-math.log(10000.0) / d))
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1).float()

    def bias(self, frames):
        """Bias [heads, frames, 2 + frames] of self-attention: nothing on the two prefix tokens, then the distance."""
        period = self.config["period"]
        distance = torch.arange(frames)[:, None] - torch.arange(frames)
        periods = torch.where(distance >= 0, distance // period, (-distance - 1).div(period, rounding_mode="floor"))
        slopes = torch.tensor([2.0 ** (-8 * (h + 1) / HEADS) for h in range(HEADS)])
        return F.pad(-slopes[:, None, None] * periods, (2, 0))

    def hidden(self, h, audio, style, t):
        """Output of the last layer [B, T, d] for x_proj's output h, features [B, T, 768], style and step [B]."""
        d = self.config["d"]
        h = h + self.positions(h.shape[1])
        prefix, bias, audio = (
            torch.stack([self.style(style), self.step(t)], 1),
            self.bias(h.shape[1]),
            self.audio_proj(audio),
        )
        for i, layer in enumerate(self.denoiser.layers):
            h = layer(h, prefix[..., i * d : (i + 1) * d], audio, bias)
        return h

    def forward(self, x, audio, style, t):
        """x0 [B, T, out] for noisy x [B, T, out]; not for a file that was converted with a basis."""
        return self.out(self.hidden(self.x_proj(x), audio, style, t))

    def sample(self, audio, style, noise, steps=None):
        """Motion [B, T, channels] of whole clips with features [B, T, 768] and the first noise [B, T, out].

        With a basis the noise is [B, T, d] white numbers. Vertex motion is the offset from the subject's template.
        """
        config = self.config
        ladder = denoising_steps(
            config["schedule"], steps or config["steps"], 0.0, config["spacing"], config["rule"], config["prediction"]
        )
        h = F.linear(noise, self.noise) + self.x_proj.bias if self.folded else self.x_proj(noise)
        for step in ladder:
            hidden = self.hidden(h, audio, style, torch.full((len(audio),), step.t))
            if self.folded:
                h = step.x0_weight * self.loop(hidden) + self.x_proj.bias
            else:
                h = self.x_proj(step.advance(None, self.out(hidden)))
        return self.smoothed(ladder[-1].x0_weight * self.out(hidden))

    def smoothed(self, motion):
        """A moving average over all frames but the first and the last (VOCASET)."""
        if self.config["smooth"] == 1 or motion.shape[1] < 3:
            return motion
        middle = (motion[:, :-2] + motion[:, 1:-1] + motion[:, 2:]) / 3
        return torch.cat([motion[:, :1], middle, motion[:, -1:]], 1)

    def features(self, wave):
        """Features [1, T, 768] at the frame rate of the motion for sound [N] at 16 kHz."""
        heard = self.encoder(wav2vec2.normalise(wave)[None])
        return wav2vec2.resample(heard, int(heard.shape[1] / 50 * self.config["fps"]))


def load_diffspeaker(path):
    """The runner of a converted file."""
    config, tensors = read_converted(path, NETWORK)
    return load(DiffSpeaker(config), tensors)


def listing():
    """What is recognised, in lines."""
    for name, sizes in VARIANTS.items():
        yield f"DiffSpeaker {name} (Lightning .ckpt): {json.dumps(sizes)}"
        yield from (f"  {key} {list(shape)}  ->  {our_name(key)}" for key, shape in published(sizes).items())
    yield "  audio_encoder.* (wav2vec 2.0 or HuBERT base)  ->  encoder.*"
