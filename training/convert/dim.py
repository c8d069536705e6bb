"""Dyadic Interaction Modeling: no weights of it are public, so nothing is converted; a VQ-VAE file can be checked.

The engine's own listener and speaker network (`training/dim.py`) follows the paper, made causal, and is trained here.
"""

from convert.l2l import layers_of
from convert.source import Source

SIZES = {"motion": 56, "d": 384, "ff": 1536, "layers": 6, "codes": 512, "code": 128}
"""The configuration that the published code loads for both roles."""

WHY = (
    "No weights of DIM are public: neither of the two VQ-VAEs, nor of the joint model.",
    "A file would not convert: its VQ-VAE normalises every channel over the whole clip (InstanceNorm) and attends to "
    "all of it, its decoder's cross-attention sees the whole speaker, and its motion is 56 EMOCA numbers, not ARKit "
    "weights.",
    "The engine has its own causal network after the paper (dim.safetensors); train that one.",
)


def published():
    """{published name: shape} of one VQ-VAE."""
    d, ff, code = SIZES["d"], SIZES["ff"], SIZES["code"]
    names = {
        "encoder.vertice_mapping.0.weight": (d, SIZES["motion"]),
        "encoder.vertice_mapping.0.bias": (d,),
        "encoder.squasher.0.0.weight": (d, d, 5),
        "encoder.squasher.0.0.bias": (d,),
        "encoder.encoder_linear_embedding.net.weight": (d, d),
        "encoder.encoder_linear_embedding.net.bias": (d,),
        "encoder.encoder_linear_embedding_post.net.weight": (code, d),
        "encoder.encoder_linear_embedding_post.net.bias": (code,),
        "decoder.expander.0.0.weight": (d, d, 5),
        "decoder.expander.0.0.bias": (d,),
        "decoder.decoder_linear_embedding.net.weight": (d, d),
        "decoder.decoder_linear_embedding.net.bias": (d,),
        "decoder.decoder_linear_embedding_pre.net.weight": (d, code),
        "decoder.decoder_linear_embedding_pre.net.bias": (d,),
        "decoder.vertice_map_reverse.weight": (SIZES["motion"], d),
        "quantize.embedding.weight": (SIZES["codes"], code),
    }
    for side in ("encoder", "decoder"):
        names |= layers_of(f"{side}.{side}_transformer", SIZES["layers"], d, ff)
    return names


def check(path):
    """Whether a file is one of DIM's VQ-VAEs, tensor for tensor; returns what to tell, raises ConvertError if not."""
    source = Source(path, "dim")
    for name, shape in published().items():
        source.take(name, *shape)
    source.drop("encoder.encoder_pos_embedding.pe", "decoder.decoder_pos_embedding.pe")
    source.finish("encoder.", "decoder.", "quantize.")
    return [f"all {len(published())} tensors of a DIM VQ-VAE are here, in the published shapes; not converted:", *WHY]


def listing():
    """What is recognised, in lines."""
    yield "DIM (nothing public to convert; a VQ-VAE file can be checked):"
    yield from (f"  {name} {list(shape)}" for name, shape in published().items() if ".net.1" not in name)
