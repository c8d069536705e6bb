"""Listen, Denoise, Action! (dance): the Lightning checkpoint as our file.

Ours beside theirs: x_proj = input_projection, step = diffusion_embedding, layers.i.{step, cond, in, out, gate} =
residual_layers.i.{diffusion_projection, local_cond_projection, nn.in_proj, nn.out_proj, output_projection},
layers.i.blocks.j.{attn, norm1, ff, norm2} = nn.attention_blocks.j.{attn, norm_2, ff, norm_1}, skip and out. Rows of
attn.qkv are [Q; K; V]; the published order is [K; V; Q].
"""

import torch

from convert.source import ConvertError, Source, descend
from convert.target import write_converted

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
            f"{source.where}: hyper_parameters.Data.scalers.{which} holds {got}, expected mean and scale of {count}",
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
        out,
        NETWORK,
        tensors,
        config,
        "Listen, Denoise, Action! dance, zenodo.org/records/8156769",
        LICENCE,
        LIMITS,
        half,
    )
    left = f"; {len(others)} other tensors left out" if others else ""
    return [f"{len(tensors)} tensors, scalers of {len(FEATURES)} features included{left}", *LIMITS]


def listing():
    """What is recognised, in lines; layers beyond the third repeat."""
    yield "LDA dance and LDA-U dance (Lightning .ckpt, with its hyper_parameters):"
    for key, shape in published({**BASE, "dilations": DEFAULTS["dilations"], "layers": 3}).items():
        yield f"  {key} {list(shape)}  ->  {our_name(key)}"
    yield "  hyper_parameters.Data.scalers.{out,in,style}_scaler.{mean_,scale_}  ->  mean, std, cond_mean, cond_std"
