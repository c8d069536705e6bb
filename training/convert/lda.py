"""Listen, Denoise, Action! (dance): the Lightning checkpoint as our file, and a runner of that file.

Ours beside theirs: x_proj = input_projection, step = diffusion_embedding, layers.i.{step, cond, in, out, gate} =
residual_layers.i.{diffusion_projection, local_cond_projection, nn.in_proj, nn.out_proj, output_projection},
layers.i.blocks.j.{attn, norm1, ff, norm2} = nn.attention_blocks.j.{attn, norm_2, ff, norm_1}, skip and out. Rows of
attn.qkv are [Q; K; V]; the published order is [K; V; Q].
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from convert.blocks import attend, load
from convert.source import ConvertError, Source, descend
from convert.target import read_converted, write_converted
from diffusion import denoising_steps

NETWORK = "lda-dance"
KERNELS, TABLE = 21, 64
DEFAULTS = {"heads": 8, "dilations": [0, 1, 2], "seq_len": 150}
SCHEDULE = {"T": 150, "beta_start": 0.01, "beta_end": 0.7, "betas": "linear"}
BASE = {"features": 61, "d": 256, "step": 512, "layers": 20, "blocks": 2, "ff": 1024, "heads": 8, "cond": 11}
"""Published sizes; LDA-U has cond 3 (no style)."""

JOINTS = {
    "RightFoot": "rightFoot",
    "RightLeg": "rightLowerLeg",
    "RightUpLeg": "rightUpperLeg",
    "LeftFoot": "leftFoot",
    "LeftLeg": "leftLowerLeg",
    "LeftUpLeg": "leftUpperLeg",
    "RightHand": "rightHand",
    "RightForeArm": "rightLowerArm",
    "RightArm": "rightUpperArm",
    "RightShoulder": "rightShoulder",
    "LeftHand": "leftHand",
    "LeftForeArm": "leftLowerArm",
    "LeftArm": "leftUpperArm",
    "LeftShoulder": "leftShoulder",
    "Head": "head",
    "Neck": "neck",
    "Spine1": "chest",
    "Spine": "spine",
    "Hips": "hips",
}
"""The published joints, in the order of their three features each, and the bones of our skeleton they drive."""

ROOT = ["Hips_Yposition", "reference_dXposition", "reference_dZposition", "reference_dYrotation"]
FEATURES = [f"{joint}_{axis}" for joint in JOINTS for axis in ("alpha", "beta", "gamma")] + ROOT
STYLES = ["gCA", "gCH", "gJZ", "gKR", "gLH", "gLO", "gPO", "gTP"]
AUDIO = ["Chroma_0", "Spectralflux_0", "Beatactivation_0"]
LICENCE = "Motorica AB: academic and research use only, no commercial use and no redistribution without their consent"
LIMITS = (
    "The streaming engine cannot run this file: every attention layer sees up to 37 frames ahead and there are 40 of "
    "them, two in each residual layer.",
    "71 million parameters and 150 steps of noise prediction: above what the engine budgets by more than a hundred.",
    "It dances to music: its conditions are chroma, spectral flux and beats of a song, and a dance style. Weights for "
    "speech gestures were not published.",
    "Rotations are against the rest pose of the training skeleton, in centimetres; upperChest, fingers and toes stand "
    "still. Retarget before showing them on a character.",
)


def published(sizes):
    """{published name: shape}."""
    d, step, features = sizes["d"], sizes["step"], sizes["features"]
    names = {
        "input_projection.conv1d.weight": (d, features, 1),
        "input_projection.conv1d.bias": (d,),
        "diffusion_embedding.projection1.weight": (step, 2 * TABLE),
        "diffusion_embedding.projection1.bias": (step,),
        "diffusion_embedding.projection2.weight": (step, step),
        "diffusion_embedding.projection2.bias": (step,),
        "skip_projection.conv1d.weight": (d, d, 1),
        "skip_projection.conv1d.bias": (d,),
        "output_projection.conv1d.weight": (features, d, 1),
        "output_projection.conv1d.bias": (features,),
    }
    for i in range(sizes["layers"]):
        layer = f"residual_layers.{i}"
        for part, shape in (
            ("nn.in_proj", (d, d)),
            ("nn.out_proj", (2 * d, d)),
            ("diffusion_projection", (d, step)),
            ("local_cond_projection", (d, sizes["cond"])),
            ("output_projection.conv1d", (2 * d, d, 1)),
        ):
            names[f"{layer}.{part}.weight"], names[f"{layer}.{part}.bias"] = shape, shape[:1]
        dilation = sizes["dilations"][i % len(sizes["dilations"])]
        up, down, taps = ("conv_1", "conv_2", (3,)) if dilation else ("linear_1", "linear_2", ())
        for j in range(sizes["blocks"]):
            block = f"{layer}.nn.attention_blocks.{j}"
            names[f"{block}.attn.in_proj.weight"] = (3 * d, d)
            names[f"{block}.attn.gate.weight"], names[f"{block}.attn.gate.bias"] = (2 * d, d), (2 * d,)
            for part in ("offsets", "amplitudes", "sharpness"):
                names[f"{block}.attn.position_scorer.{part}"] = (1, KERNELS, sizes["heads"], 1, 1)
            names[f"{block}.attn.position_scorer.bias"] = (1, sizes["heads"], 1, 1)
            names[f"{block}.attn.position_scorer.slopes"] = (sizes["heads"], 1, 1)
            names[f"{block}.ff.{up}.weight"] = (sizes["ff"], d, *taps)
            names[f"{block}.ff.{down}.weight"] = (d, sizes["ff"], *taps)
            for norm in ("norm_1", "norm_2"):
                names[f"{block}.{norm}.weight"] = names[f"{block}.{norm}.bias"] = (d,)
    return {f"diffusion_model.{name}": shape for name, shape in names.items()}


def our_name(name):
    """Our name of a published tensor."""
    name = name.removeprefix("diffusion_model.").replace(".conv1d.", ".")
    if not name.startswith("residual_layers."):
        for theirs, ours in (
            ("input_projection.", "x_proj."),
            ("diffusion_embedding.projection1.", "step.up."),
            ("diffusion_embedding.projection2.", "step.down."),
            ("skip_projection.", "skip."),
            ("output_projection.", "out."),
        ):
            name = name.replace(theirs, ours)
        return name
    for theirs, ours in (
        ("residual_layers.", "layers."),
        (".nn.attention_blocks.", ".blocks."),
        (".nn.in_proj.", ".in."),
        (".nn.out_proj.", ".out."),
        (".diffusion_projection.", ".step."),
        (".local_cond_projection.", ".cond."),
        (".output_projection.", ".gate."),
        (".attn.in_proj.", ".attn.qkv."),
        (".attn.position_scorer.", ".attn.place."),
        (".norm_2.", ".first."),
        (".norm_1.", ".norm2."),
        (".first.", ".norm1."),
        (".ff.linear_1.", ".ff.up."),
        (".ff.linear_2.", ".ff.down."),
        (".ff.conv_1.", ".ff.up."),
        (".ff.conv_2.", ".ff.down."),
    ):
        name = name.replace(theirs, ours)
    return name


def sizes_of(source):
    """Sizes read from the shapes, and from the stored settings what shapes do not tell."""
    prefix, settings = "diffusion_model.", descend(source.content, "hyper_parameters")
    d, features, _ = source.shape(f"{prefix}input_projection.conv1d.weight")
    block = f"{prefix}residual_layers.0.nn.attention_blocks"
    tisa = descend(settings, "Diffusion", "args", "tisa")
    for key, known in (("norm", "LN"), ("activation", "relu"), ("use_preln", False), ("bias", False)):
        got = descend(tisa, key)
        if got is not None and got != known:
            raise ConvertError(
                f"{source.where}: its settings say {key} = {got!r}, expected {known!r}",
                "Only the published configuration is converted.",
            )
    return {
        "features": features,
        "d": d,
        "step": source.shape(f"{prefix}diffusion_embedding.projection1.weight")[0],
        "layers": source.count(f"{prefix}residual_layers.{{}}.nn.in_proj.weight"),
        "blocks": source.count(f"{block}.{{}}.attn.in_proj.weight"),
        "ff": ff_of(source, block),
        "heads": source.shape(f"{block}.0.attn.position_scorer.bias")[1],
        "cond": source.shape(f"{prefix}residual_layers.0.local_cond_projection.weight")[1],
        "dilations": list(descend(tisa, "dilation_cycle") or DEFAULTS["dilations"]),
    }


def ff_of(source, block):
    """The hidden width of the feed-forward, be it of linears or of convolutions."""
    kinds = [f"{block}.0.ff.{kind}.weight" for kind in ("linear_1", "conv_1")]
    return source.shape(kinds[0] if kinds[0] in source.state else kinds[1])[0]


def scaler(source, which, count, needed=True):
    """Mean and scale [count] of a fitted scaler in the Lightning settings."""
    found = descend(source.content, "hyper_parameters", "Data", "scalers", which)
    if found is None and not needed:
        return None
    mean, scale = descend(found, "mean_"), descend(found, "scale_")
    if mean is None or scale is None or len(mean) != count or len(scale) != count:
        got = "nothing" if mean is None else f"{len(mean)} numbers"
        raise ConvertError(
            f"{source.where}: hyper_parameters.Data.scalers.{which} holds {got}, expected a mean and a scale of {count}",
            "Give the Lightning .ckpt itself, not its state_dict: without the scalers its numbers mean nothing.",
        )
    return torch.as_tensor(mean).float(), torch.as_tensor(scale).float()


def step_table(total):
    """Sines and cosines [total, 128] of t * 10^(4 k / 63), in the rounding of F32 that training saw."""
    frequency = 10.0 ** (torch.arange(TABLE) * 4.0 / 63.0)
    angle = torch.arange(total)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)


def convert(path, out, half=False):
    """Convert a checkpoint; returns what to tell."""
    source = Source(path, "lda")
    sizes = sizes_of(source)
    if sizes["features"] != len(FEATURES):
        raise ConvertError(
            f"{source.where} has {sizes['features']} motion features, expected {len(FEATURES)} (the dance weights)",
            "Only dance weights were published; others have features that are not known here.",
        )
    tensors = {}
    for key, shape in published(sizes).items():
        tensor, name = source.take(key, *shape), our_name(key)
        if name.endswith("attn.qkv.weight"):
            tensor = tensor.roll(sizes["d"], 0)
        elif ".attn.place." in name:
            tensor = tensor.reshape(-1, sizes["heads"]) if tensor.ndim == 5 else tensor.reshape(-1)
        elif key.endswith("conv1d.weight"):
            tensor = tensor[..., 0]
        tensors[name] = tensor
    others = source.finish("diffusion_model.")
    styles = len(STYLES) if sizes["cond"] == len(AUDIO) + len(STYLES) else 0
    if sizes["cond"] != len(AUDIO) + styles:
        raise ConvertError(
            f"{source.where} has {sizes['cond']} condition channels, expected 11 (dance) or 3 (dance, no style)",
            "Only the published dance weights are known here.",
        )
    tensors["mean"], tensors["std"] = scaler(source, "out_scaler", len(FEATURES))
    tensors["cond_mean"], tensors["cond_std"] = scaler(source, "in_scaler", len(AUDIO))
    style = scaler(source, "style_scaler", styles, needed=False) if styles else None
    style = style or (torch.zeros(styles), torch.ones(styles))
    for i, name in enumerate(("cond_mean", "cond_std")):
        tensors[name] = torch.cat([tensors[name], style[i]])
    settings = descend(source.content, "hyper_parameters", "Diffusion")
    schedule = {
        "T": descend(settings, "n_noise_schedule") or SCHEDULE["T"],
        "beta_start": descend(settings, "noise_schedule_start") or SCHEDULE["beta_start"],
        "beta_end": descend(settings, "noise_schedule_end") or SCHEDULE["beta_end"],
        "betas": "linear",
    }
    tensors["step.table"] = step_table(schedule["T"])
    config = {
        **sizes,
        "fps": 30,
        "channels": FEATURES,
        "joints": JOINTS,
        "conditions": AUDIO + STYLES[:styles],
        "units": "radians, centimetres",
        "schedule": schedule,
        "steps": schedule["T"],
        "eta": 1,
        "spacing": "trailing",
        "prediction": "eps",
        "rule": "ddim",
        "segment": DEFAULTS["seq_len"],
    }
    write_converted(
        out, NETWORK, tensors, config, "Listen, Denoise, Action! dance, zenodo.org/records/8156769", LICENCE, LIMITS, half
    )
    left = f"; {len(others)} other tensors left out" if others else ""
    return [f"{len(tensors)} tensors, scalers of {len(FEATURES)} features included{left}", *LIMITS]


class Place(nn.Module):
    """TISA v2: a bias by distance alone, ln(sum of |a| sigmoid(sgn(a) (distance - o) / s) + 1e-8 + |b|) - m |distance|."""

    def __init__(self, heads):
        super().__init__()
        for name in ("offsets", "amplitudes", "sharpness"):
            self.register_parameter(name, nn.Parameter(torch.ones(KERNELS, heads)))
        self.bias = nn.Parameter(torch.zeros(heads))
        self.slopes = nn.Parameter(torch.ones(heads))

    def forward(self, frames):
        """Bias [heads, frames, frames] of query i for key j, by i - j."""
        distance = torch.arange(1 - frames, frames, dtype=torch.float32)
        bump = torch.sigmoid(self.amplitudes.sign() * (distance[:, None, None] - self.offsets) / self.sharpness)
        mass = (self.amplitudes.abs() * bump).sum(1)
        curve = torch.log(mass + (1e-8 + self.bias.abs())) - distance.abs()[:, None] * self.slopes
        place = torch.arange(frames)[:, None] - torch.arange(frames) + frames - 1
        return curve[place].permute(2, 0, 1)


class Attention(nn.Module):
    """Attention whose only output projection is a gate."""

    def __init__(self, d, heads):
        super().__init__()
        self.qkv, self.gate, self.place = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, 2 * d), Place(heads)
        self.heads = heads

    def forward(self, x):
        mixed = attend(*self.qkv(x).chunk(3, -1), self.heads, self.place(x.shape[1]))
        value, gate = self.gate(mixed).chunk(2, -1)
        return value * torch.sigmoid(gate)


class FeedForward(nn.Module):
    """Two linears, or two convolutions over three frames, around a ReLU; no biases."""

    def __init__(self, d, ff, dilation):
        super().__init__()
        self.dilation = dilation
        self.up, self.down = (nn.Module(), nn.Module())
        for part, shape in ((self.up, (ff, d)), (self.down, (d, ff))):
            part.weight = nn.Parameter(torch.zeros(*shape, *([3] if dilation else [])))

    def forward(self, x):
        if not self.dilation:
            return F.linear(F.relu(F.linear(x, self.up.weight)), self.down.weight)
        across = {"padding": self.dilation, "dilation": self.dilation}
        h = F.relu(F.conv1d(x.transpose(1, 2), self.up.weight, **across))
        return F.conv1d(h, self.down.weight, **across).transpose(1, 2)


class Block(nn.Module):
    """Post-norm: norm1 after attention, norm2 after the feed-forward."""

    def __init__(self, d, ff, heads, dilation):
        super().__init__()
        self.attn, self.ff = Attention(d, heads), FeedForward(d, ff, dilation)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return self.norm2(x + self.ff(x))


class Residual(nn.Module):
    """One gated residual layer with a skip output."""

    def __init__(self, sizes, dilation):
        super().__init__()
        d = sizes["d"]
        self.step, self.cond = nn.Linear(sizes["step"], d), nn.Linear(sizes["cond"], d)
        self.add_module("in", nn.Linear(d, d))
        self.blocks = nn.ModuleList(Block(d, sizes["ff"], sizes["heads"], dilation) for _ in range(sizes["blocks"]))
        self.out, self.gate = nn.Linear(d, 2 * d), nn.Linear(d, 2 * d)

    def forward(self, x, step, cond):
        y = self.get_submodule("in")(x + self.step(step)[:, None] + self.cond(cond))
        for block in self.blocks:
            y = block(y)
        gate, kept = self.out(y).chunk(2, -1)
        residual, skip = self.gate(torch.sigmoid(gate) * torch.tanh(kept)).chunk(2, -1)
        return (x + residual) / math.sqrt(2), skip


class Lda(nn.Module):
    """Runner of a converted file: the published forward pass and sampler over whole clips."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        d, features = config["d"], config["features"]
        self.x_proj = nn.Linear(features, d)
        self.step = nn.Module()
        self.step.up, self.step.down = nn.Linear(2 * TABLE, config["step"]), nn.Linear(config["step"], config["step"])
        self.step.register_buffer("table", torch.zeros(config["schedule"]["T"], 2 * TABLE))
        cycle = config["dilations"]
        self.layers = nn.ModuleList(Residual(config, cycle[i % len(cycle)]) for i in range(config["layers"]))
        self.skip, self.out = nn.Linear(d, d), nn.Linear(d, features)
        for name, count in (("mean", features), ("std", features), ("cond_mean", config["cond"]), ("cond_std", config["cond"])):
            self.register_buffer(name, torch.zeros(count))

    def forward(self, x, cond, t):
        """The noise in x [B, T, 61] for standardised conditions [B, T, C] (audio, then style) and steps [B]."""
        step = F.silu(self.step.down(F.silu(self.step.up(self.step.table[t]))))
        h = F.relu(self.x_proj(x))
        total = 0.0
        for layer in self.layers:
            h, skip = layer(h, step, cond)
            total = total + skip
        return self.out(F.relu(self.skip(total / math.sqrt(len(self.layers)))))

    def sample(self, cond, noise, steps=None, eta=None):
        """Features [B, T, 61] in radians and centimetres for conditions [B, T, C] as they were measured.

        noise [S, B, T, 61]: the first x, then the fresh noise of every step but the last. 150 steps with eta 1 are the
        published ancestral sampler; fewer, or eta 0, are DDIM.
        """
        config = self.config
        eta = config["eta"] if eta is None else eta
        ladder = denoising_steps(config["schedule"], steps or config["steps"], eta, config["spacing"], "ddim", "eps")
        cond, x = (cond - self.cond_mean) / self.cond_std, noise[0]
        for i, step in enumerate(ladder):
            eps = self(x, cond, torch.full((len(x),), step.t))
            # In terms of x and eps, because x0 itself is beyond reach where almost all of x is noise.
            keep = step.x0_weight / math.sqrt(step.alpha_bar)
            x = keep * x + (step.direction - keep * math.sqrt(1 - step.alpha_bar)) * eps
            if step.sigma:
                x = x + step.sigma * noise[i + 1]
        return x * self.std + self.mean


def to_body(features):
    """Our body from features [T, 61]: {"root" [T, 2] metres x and z, "yaw" [T], "height" [T] metres, bone: exp-map [T, 3]}.

    The first frame's root deltas are ignored, as published; yaw and position start at 0. Hips are against the facing
    frame, as ours are.
    """
    y, dx, dz, turn = (features[:, FEATURES.index(name)].double() for name in ROOT)
    dx, dz, turn = (torch.cat([torch.zeros(1, dtype=torch.float64), value[1:]]) for value in (dx, dz, turn))
    yaw = turn.cumsum(0)
    x = (dx * yaw.cos() + dz * yaw.sin()).cumsum(0)
    z = (dz * yaw.cos() - dx * yaw.sin()).cumsum(0)
    body = {"root": torch.stack([x, z], 1) / 100, "yaw": yaw, "height": y / 100}
    return body | {bone: features[:, 3 * i : 3 * i + 3] for i, bone in enumerate(JOINTS.values())}


def load_lda(path):
    """The runner of a converted file."""
    config, tensors = read_converted(path, NETWORK)
    return load(Lda(config), tensors)


def listing():
    """What is recognised, in lines; layers beyond the third repeat."""
    yield "LDA dance and LDA-U dance (Lightning .ckpt, with its hyper_parameters):"
    for key, shape in published({**BASE, "dilations": DEFAULTS["dilations"], "layers": 3}).items():
        yield f"  {key} {list(shape)}  ->  {our_name(key)}"
    yield "  hyper_parameters.Data.scalers.{out,in,style}_scaler.{mean_,scale_}  ->  mean, std, cond_mean, cond_std"
