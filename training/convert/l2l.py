"""Learning2Listen: the listener VQ-VAE and the predictor of one person as one file of ours.

Batch norms are multiplied into the layer after them and the attention's scale into its queries, so that every layer is
one of ours: pre-norm, rows [Q; K; V], scale 1 / sqrt(head), GELU in its tanh approximation. Exact but for rounding.
"""

import torch

from convert.source import ConvertError, Source, read_arrays
from convert.target import write_converted

NETWORK = "learning2listen"
KERNEL, MOTION, MELS = 5, 56, 128
VQ_HEADS, HEADS = 8, 10
EPS = 1e-5
CHANNELS = [
    *(f"expression{i}" for i in range(50)),
    *(f"{part}{axis}" for part in ("head", "jaw") for axis in "XYZ"),
]
"""DECA: 50 FLAME expressions, head rotation, jaw rotation (axis-angle)."""

VQ_BASE = {"d": 256, "ff": 384, "layers": 12, "codes": 200, "stages": 3, "frames": 32, "positions": 4}
PREDICTOR_BASE = {
    "d": 200,
    "ff": 128,
    "layers": 5,
    "cross": 2,
    "codes": 200,
    "stages": 3,
    "frames": 40,
    "tokens": 9,
    "past": 4,
}
LICENCE = "Learning2Listen's weights carry no licence: all rights reserved; convert for your own use, do not pass on"
LIMITS = (
    "The streaming engine cannot run this file: the VQ-VAE works on whole windows of 32 frames, the predictor on 40, "
    "and each of its codes stands for 64 channels of a whole window, not for a moment, so none can be emitted alone.",
    "The output is 50 FLAME expressions, head and jaw of one person, not ARKit weights; the speaker's face and a mel "
    "spectrogram of 120 columns a second go in.",
    "listener_past_transformer was left out: the published code never reaches it.",
)


def layers_of(path, count, d, ff):
    """{published name: shape} of a transformer under `path`."""
    names = {}
    for i in range(count):
        attention, feed = f"{path}.net.{2 * i}.fn", f"{path}.net.{2 * i + 1}.fn"
        for norm in (attention, feed):
            names[f"{norm}.norm.weight"] = names[f"{norm}.norm.bias"] = (d,)
        names[f"{attention}.fn.to_qkv.weight"] = (3 * d, d)
        names[f"{attention}.fn.to_out.weight"], names[f"{attention}.fn.to_out.bias"] = (d, d), (d,)
        names[f"{feed}.fn.l1.weight"], names[f"{feed}.fn.l1.bias"] = (ff, d), (ff,)
        names[f"{feed}.fn.l2.weight"], names[f"{feed}.fn.l2.bias"] = (d, ff), (d,)
    return names


def stages_of(path, count, first, d):
    """{published name: shape} of convolutions with a batch norm each."""
    names = {}
    for i in range(count):
        names[f"{path}.{i}.0.weight"], names[f"{path}.{i}.0.bias"] = (d, d if i else first, KERNEL), (d,)
        for part in ("weight", "bias", "running_mean", "running_var"):
            names[f"{path}.{i}.2.{part}"] = (d,)
    return names


def published_vq(sizes):
    """{published name: shape} of the VQ-VAE."""
    d, names = sizes["d"], {}
    names |= stages_of("encoder.squasher", sizes["stages"], MOTION, d)
    names |= stages_of("decoder.expander", sizes["stages"], d, d)
    for side, length in (("encoder", sizes["positions"]), ("decoder", sizes["frames"])):
        names |= layers_of(f"{side}.{side}_transformer", sizes["layers"], d, sizes["ff"])
        names[f"{side}.{side}_pos_embedding.pos_embedding"] = (length, d)
        names[f"{side}.{side}_linear_embedding.net.weight"] = (d, d)
        names[f"{side}.{side}_linear_embedding.net.bias"] = (d,)
    names["decoder.cross_smooth_layer.weight"], names["decoder.cross_smooth_layer.bias"] = (
        (MOTION, d, KERNEL),
        (MOTION,),
    )
    names["quantize.embedding.weight"] = (sizes["codes"], d)
    return {f"module.{name}": shape for name, shape in names.items()}


def published_predictor(sizes):
    """{published name: shape} of the predictor, without the branch that is never reached."""
    d, wide, names = sizes["d"], 2 * sizes["d"], {}
    for name, channels in (("audio", MELS), ("motion", MOTION)):
        names[f"{name}_projector.weight"], names[f"{name}_projector.bias"] = (wide, channels), (wide,)
        names[f"{name}_full_pos_embedding.pos_embedding"] = (sizes["frames"], wide)
    names["listener_past_tok_embedding.weight"] = (sizes["codes"], d)
    names["listener_past_pos_embedding.pos_embedding"] = (sizes["past"], d)
    for name, shape in layers_of("cm_transformer", sizes["cross"], wide, sizes["ff"]).items():
        if name.endswith("to_qkv.weight"):
            names[name.replace("to_qkv", "to_kv")] = (2 * wide, wide)
            names[name.replace("to_qkv", "to_q")] = (wide, wide)
        else:
            names[name] = shape
    names |= stages_of("post_compressor", sizes["stages"], wide, wide)
    names["post_projector.weight"], names["post_projector.bias"] = (d, wide), (d,)
    names |= layers_of("cross_modal_layer.transformer_layer", sizes["layers"], d, sizes["ff"])
    names["cross_modal_layer.cross_norm_layer.weight"] = names["cross_modal_layer.cross_norm_layer.bias"] = (d,)
    names["cross_modal_layer.cross_output_layer.weight"] = (sizes["codes"], d)
    names["cross_modal_layer.cross_pos_embedding.pos_embedding"] = (sizes["tokens"], d)
    return {f"module.{name}": shape for name, shape in names.items()}


def vq_sizes(source):
    """Sizes of a VQ-VAE, read from its shapes."""
    codes, d = source.shape("module.quantize.embedding.weight")
    return {
        "d": d,
        "ff": source.shape("module.encoder.encoder_transformer.net.1.fn.fn.l1.weight")[0],
        "layers": source.count("module.encoder.encoder_transformer.net.{}.fn.norm.weight") // 2,
        "codes": codes,
        "stages": source.count("module.encoder.squasher.{}.0.weight"),
        "frames": source.shape("module.decoder.decoder_pos_embedding.pos_embedding")[0],
        "positions": source.shape("module.encoder.encoder_pos_embedding.pos_embedding")[0],
    }


def predictor_sizes(source):
    """Sizes of a predictor, read from its shapes."""
    codes, d = source.shape("module.listener_past_tok_embedding.weight")
    layers = "module.cross_modal_layer.transformer_layer.net.{}.fn.norm.weight"
    return {
        "d": d,
        "ff": source.shape("module.cm_transformer.net.1.fn.fn.l1.weight")[0],
        "layers": source.count(layers) // 2,
        "cross": source.count("module.cm_transformer.net.{}.fn.norm.weight") // 2,
        "codes": codes,
        "stages": source.count("module.post_compressor.{}.0.weight"),
        "frames": source.shape("module.audio_full_pos_embedding.pos_embedding")[0],
        "tokens": source.shape("module.cross_modal_layer.cross_pos_embedding.pos_embedding")[0],
        "past": source.shape("module.listener_past_pos_embedding.pos_embedding")[0],
    }


def convert_layers(took, path, ours, count, heads):
    """Our tensors of the transformer under `path`; the scale 1 / sqrt(d) becomes 1 / sqrt(head) by shorter queries."""
    out = {}
    for i in range(count):
        attention, feed, layer = f"{path}.net.{2 * i}.fn", f"{path}.net.{2 * i + 1}.fn", f"{ours}.{i}"
        if f"{attention}.fn.to_qkv.weight" in took:
            qkv = took[f"{attention}.fn.to_qkv.weight"].clone()
        else:
            qkv = torch.cat([took[f"{attention}.fn.to_q.weight"], took[f"{attention}.fn.to_kv.weight"]])
        d = qkv.shape[1]
        qkv[:d] /= heads**0.5
        out[f"{layer}.attn.qkv.weight"], out[f"{layer}.attn.qkv.bias"] = qkv, torch.zeros(3 * d)
        for kind in ("weight", "bias"):
            out[f"{layer}.norm1.{kind}"] = took[f"{attention}.norm.{kind}"]
            out[f"{layer}.attn.out.{kind}"] = took[f"{attention}.fn.to_out.{kind}"]
            out[f"{layer}.norm2.{kind}"] = took[f"{feed}.norm.{kind}"]
            out[f"{layer}.ff.up.{kind}"] = took[f"{feed}.fn.l1.{kind}"]
            out[f"{layer}.ff.down.{kind}"] = took[f"{feed}.fn.l2.{kind}"]
    return out


def convert_stages(took, path, count, after, pooled):
    """Our tensors of convolutions whose batch norms go into the layer after them, and that layer `after` (w, b).

    A batch norm is a x + b per channel. It passes replicate padding and repetition as it is; where a max-pool follows
    (`pooled`, all stages but the first), max(a x + b) = |a| max(sign(a) x) + b, and the sign stays as a tensor.
    """
    layers = [(took[f"{path}.{i}.0.weight"], took[f"{path}.{i}.0.bias"]) for i in range(count)] + [after]
    out = {}
    for i in range(count):
        norm = {
            part: took[f"{path}.{i}.2.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        }
        scale = norm["weight"] / (norm["running_var"] + EPS).sqrt()
        shift = norm["bias"] - scale * norm["running_mean"]
        if pooled and i > 0:
            out[f"{i}.sign"] = torch.where(scale < 0, -1.0, 1.0)
            scale = scale.abs()
        weight, bias = (tensor.double() for tensor in layers[i + 1])
        shape = (1, -1, 1) if weight.ndim == 3 else (1, -1)
        moved = (weight * shift.reshape(shape)).flatten(1).sum(1)
        layers[i + 1] = ((weight * scale.reshape(shape)).float(), (bias + moved).float())
    for i in range(count):
        out[f"{i}.weight"], out[f"{i}.bias"] = layers[i]
    return out, layers[count]


def take_all(source, table):
    """{published name without `module.`: tensor}."""
    return {name.removeprefix("module."): source.take(name, *shape) for name, shape in table.items()}


def finish(source, *unused):
    """Leave out counters and unused branches; anything else unknown is an error."""
    source.rest = {name for name in source.rest if not name.endswith("num_batches_tracked")}
    source.drop(*unused)
    source.finish("module.")


def convert_vq(source, sizes):
    """Our tensors of the VQ-VAE."""
    took = take_all(source, published_vq(sizes))
    finish(source)
    out = {"quantize.embedding.weight": took["quantize.embedding.weight"]}
    for side, stages, pooled in (("encoder", "squasher", True), ("decoder", "expander", False)):
        linear = f"{side}.{side}_linear_embedding.net"
        after = (took[f"{linear}.weight"], took[f"{linear}.bias"])
        conv, after = convert_stages(took, f"{side}.{stages}", sizes["stages"], after, pooled)
        out |= {f"{side}.conv.{name}": tensor for name, tensor in conv.items()}
        out[f"{side}.project.weight"], out[f"{side}.project.bias"] = after
        out[f"{side}.position"] = took[f"{side}.{side}_pos_embedding.pos_embedding"]
        out |= convert_layers(took, f"{side}.{side}_transformer", f"{side}.layers", sizes["layers"], VQ_HEADS)
    for kind in ("weight", "bias"):
        out[f"decoder.out.{kind}"] = took[f"decoder.cross_smooth_layer.{kind}"]
    return out


def convert_predictor(source, sizes):
    """Our tensors of the predictor."""
    took = take_all(source, published_predictor(sizes))
    finish(source, "module.listener_past_transformer.")
    after = (took["post_projector.weight"], took["post_projector.bias"])
    conv, after = convert_stages(took, "post_compressor", sizes["stages"], after, True)
    out = {f"conv.{name}": tensor for name, tensor in conv.items()}
    out["project.weight"], out["project.bias"] = after
    for kind in ("weight", "bias"):
        out[f"audio_proj.{kind}"] = took[f"audio_projector.{kind}"]
        out[f"x_proj.{kind}"] = took[f"motion_projector.{kind}"]
        out[f"norm.{kind}"] = took[f"cross_modal_layer.cross_norm_layer.{kind}"]
    out["audio_position"] = took["audio_full_pos_embedding.pos_embedding"]
    out["x_position"] = took["motion_full_pos_embedding.pos_embedding"]
    out["token_emb.weight"] = took["listener_past_tok_embedding.weight"]
    out["token_position"] = took["listener_past_pos_embedding.pos_embedding"]
    out["position"] = took["cross_modal_layer.cross_pos_embedding.pos_embedding"]
    out["to_logits.weight"] = took["cross_modal_layer.cross_output_layer.weight"]
    out |= convert_layers(took, "cm_transformer", "cross", sizes["cross"], HEADS)
    return out | convert_layers(took, "cross_modal_layer.transformer_layer", "layers", sizes["layers"], HEADS)


def read_scale(path, *whats):
    """Mean and std arrays `body_mean_X`, `body_std_X` … of a normalisation .npz, with their expected lengths."""
    names = [f"body_{kind}_{what}" for what in whats for kind in ("mean", "std")]
    arrays = [torch.from_numpy(array.copy()) for array in read_arrays(path, *names)]
    for name, array in zip(names, arrays, strict=True):
        expected = MELS if name.endswith("audio") else MOTION
        if len(array) != expected:
            raise ConvertError(
                f"{path}: {name} has {len(array)} numbers, expected {expected}",
                "Give the ..._preprocess_core.npz that stands beside the weights.",
            )
    return arrays


def convert(vq, vq_norm, out, predictor=None, predictor_norm=None, half=False):
    """Convert the VQ-VAE and, where given, the predictor, each with its normalisation; returns what to tell."""
    if (predictor is None) != (predictor_norm is None):
        raise ConvertError("the predictor and its normalisation go together, got one of them", "Give both or neither.")
    source = Source(vq, "l2l (the VQ-VAE)")
    sizes = {"vq": vq_sizes(source)}
    tensors = {f"vq.{name}": tensor for name, tensor in convert_vq(source, sizes["vq"]).items()}
    tensors["mean"], tensors["std"] = read_scale(vq_norm, "Y")
    if predictor:
        source = Source(predictor, "l2l (the predictor)")
        sizes["predictor"] = predictor_sizes(source)
        if sizes["predictor"]["codes"] != sizes["vq"]["codes"]:
            raise ConvertError(
                f"{predictor} knows {sizes['predictor']['codes']} codes, the VQ-VAE {sizes['vq']['codes']}",
                "Give the two files of one person.",
            )
        tensors |= {f"predictor.{name}": t for name, t in convert_predictor(source, sizes["predictor"]).items()}
        for what, arrays in (("speaker", ("X",)), ("audio", ("audio",))):
            tensors[f"{what}_mean"], tensors[f"{what}_std"] = read_scale(predictor_norm, *arrays)
    config = {
        **sizes,
        "heads": {"vq": VQ_HEADS, "predictor": HEADS},
        "gelu": "tanh",
        "fps": 30,
        "channels": CHANNELS,
        "mels": MELS,
        "mel_columns_per_frame": 4,
        "hop": sizes["vq"]["frames"] // sizes["vq"]["positions"],
        "temperature": 0.7,
        "top_p": 0.9,
        "code_layout": "channel-major",
    }
    limits = [*LIMITS[: 3 if predictor else 2], *([] if predictor else ["Only the VQ-VAE is in this file."])]
    write_converted(
        out, NETWORK, tensors, config, "Learning2Listen, github.com/evonneng/learning2listen", LICENCE, limits, half
    )
    return [f"{len(tensors)} tensors, normalisation included", *limits]


def listing():
    """What is recognised, in lines; layers beyond the first repeat."""
    yield "Learning2Listen listener VQ-VAE (.pth, state_dict under `module.`):"
    yield from (f"  {key} {list(shape)}" for key, shape in published_vq({**VQ_BASE, "layers": 1}).items())
    yield "Learning2Listen predictor (.pth):"
    yield from (
        f"  {key} {list(shape)}"
        for key, shape in published_predictor({**PREDICTOR_BASE, "layers": 1, "cross": 1}).items()
    )
    yield "with ..._preprocess_core.npz of each: body_mean_Y, body_std_Y; body_{mean,std}_X, body_{mean,std}_audio"
