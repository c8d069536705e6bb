"""Export the face network: weights, ONNX graphs beside them, and golden vectors.

    python training/export_face.py                     # the checkpoint of train_face.py
    python training/export_face.py --random            # untrained weights, for parity work before training
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto

from checkpoint import load_safetensors, rounded, save_safetensors, stored
from face import Conditions, Face, FaceConfig, FaceStream
from onnx_graph import Graph

ROOT = Path(__file__).resolve().parent.parent
LICENCE = "MIT, with the attribution lines under data"
DATA = (
    "Voice dataset Kathleen, rhasspy, CC0 1.0; "
    "GRID corpus: Cooke, Barker, Cunningham, Shao (2006), JASA 120(5), Zenodo 3625687, CC BY 4.0; facial coefficients "
    "derived from the video; "
    "synthetic voices of espeak-ng and flite; "
    "face curves simulated by a co-articulation model calibrated on those coefficients, on ranges of Live Link Face "
    "takes, Copyright (c) 2021 Alexandre Donciu-Julin, MIT, and on ICT FaceKit, Copyright (c) 2020 USC Institute for "
    "Creative Technologies, MIT"
)
GOLDEN_FRAMES, GOLDEN_SEED = 80, 1234
GOLDEN_CONDITIONS = {"style": [1, 3], "partner_style": [3, 1], "facing": [1, 0], "emotion": [0, 5]}


def random_face(seed: int = 7) -> Face:
    """An untrained network whose output varies with every input."""
    torch.manual_seed(seed)
    model = Face()
    torch.nn.init.normal_(model.out.weight, std=0.05)
    model.mean.uniform_(0.05, 0.3)
    model.std.uniform_(0.05, 0.2)
    return model.eval()


def load_face(path: Path) -> Face:
    """The twin with the weights of an exported file (halves expanded to f32)."""
    tensors, metadata = load_safetensors(path)
    known = FaceConfig.__dataclass_fields__
    model = Face(FaceConfig(**{k: v for k, v in json.loads(metadata["config"]).items() if k in known}))
    model.load_state_dict({name: torch.from_numpy(np.array(t, np.float32)) for name, t in tensors.items()})
    return model.eval()


def save_face(model: Face, path: Path, extra: dict[str, str] | None = None) -> dict[str, tuple[int, int]]:
    """Write face.safetensors; returns the byte ranges of its tensors."""
    metadata = {
        "format": "duologue",
        "version": "1",
        "network": "face",
        "config": json.dumps(model.config.to_dict(), separators=(",", ":")),
        "licence": LICENCE,
        "data": DATA,
        **(extra or {}),
    }
    return save_safetensors(path, stored(model.state_dict()), metadata)


def face_graph(model: Face, spans: dict, location: str) -> Graph:
    """face.onnx: one pass over one frame of R rows (the context pass is the same graph at the context step)."""
    config = model.config
    graph = Graph("face", stored(model.state_dict()), spans, location, config.d, config.heads)
    x = graph.input("x", ["R", 1, len(config.channels)])
    audio = graph.input("audio", ["R", config.audio])
    prefixes = [graph.input(f"layers.{i}.prefix", ["R", 5, 2 * config.d]) for i in range(config.layers)]
    rings = [graph.input(f"layers.{i}.ring", ["R", config.window, 2 * config.d]) for i in range(config.layers)]
    bias = graph.input("bias", [config.heads, config.window])
    spoken = graph.op("Unsqueeze", graph.linear(audio, "audio_proj"), graph.ints(1))
    h = graph.op("Add", graph.linear(x, "x_proj"), spoken)
    for i in range(config.layers):
        path = f"denoiser.layers.{i}"
        h, kv = graph.layer(h, path, rings[i], bias, prefix=prefixes[i])
        graph.output(kv, f"layers.{i}.kv", ["R", 1, 2 * config.d])
    graph.output(graph.linear(graph.layernorm(h, "norm"), "out"), "x0", ["R", 1, len(config.channels)])
    return graph


def prefix_graph(model: Face, spans: dict, location: str) -> Graph:
    """face-prefix.onnx: conditions and a diffusion step -> keys and values of the five prefix tokens per layer."""
    config = model.config
    graph = Graph("face-prefix", stored(model.state_dict()), spans, location, config.d, config.heads)
    names = ("style", "partner_style", "facing", "emotion")
    ids = [graph.input(name, ["R"], TensorProto.INT64) for name in names]
    t = graph.input("t", [1])
    tokens = [graph.op("Gather", graph.weight(f"{name}.weight"), i, axis=0) for name, i in zip(names, ids, strict=True)]
    half = config.d // 2
    frequency = np.exp(-np.log(10000.0) * np.arange(half) / half).astype(np.float32)[None]
    angle = graph.op("Mul", graph.op("Unsqueeze", t, graph.ints(1)), graph.constant(frequency))
    sinusoid = graph.op("Concat", graph.op("Cos", angle), graph.op("Sin", angle), axis=1)
    up = graph.linear(sinusoid, "step.up")
    step = graph.linear(graph.op("Mul", up, graph.op("Sigmoid", up)), "step.down")
    tokens.append(graph.op("Expand", step, graph.op("Shape", tokens[0])))
    prefix = graph.op("Concat", *[graph.op("Unsqueeze", token, graph.ints(1)) for token in tokens], axis=1)
    for i in range(config.layers):
        qkv = graph.linear(prefix, f"denoiser.layers.{i}.attn.qkv")
        graph.output(graph.slice(qkv, 2, config.d, 3 * config.d), f"layers.{i}.prefix", ["R", 5, 2 * config.d])
    return graph


def golden_audio(config: FaceConfig) -> torch.Tensor:
    """Tokens [n, 2, 512] for the golden vectors: the encoder's own golden tokens when they exist, else seeded noise."""
    path = ROOT / "test/golden/speech-encoder.safetensors"
    if path.exists():
        token = torch.from_numpy(load_safetensors(path)[0]["token"].astype(np.float32)[:GOLDEN_FRAMES])
    else:
        token = torch.randn(GOLDEN_FRAMES, 2, config.audio // 2, generator=torch.Generator().manual_seed(5))
    return torch.cat([token, token.flip(1)], -1)


@torch.no_grad()
def golden(model: Face) -> dict[str, np.ndarray]:
    """Golden vectors of the streaming sampler with two rows, computed in f32 on weights rounded to halves."""
    conditions = {name: torch.tensor(ids) for name, ids in GOLDEN_CONDITIONS.items()}
    stream = FaceStream(model, 2, Conditions(**conditions), seed=GOLDEN_SEED)
    audio = golden_audio(model.config)
    frames = [stream.frame(tokens) for tokens in audio]
    out = {"audio": audio, "x_T": torch.stack([f.initial for f in frames])}
    out |= {name: ids.float() for name, ids in conditions.items()}
    for i in range(model.config.steps):
        out[f"x0.{i}"] = torch.stack([f.x0[i] for f in frames])
        out[f"x.{i}"] = torch.stack([f.x[i] for f in frames])
    out["face"] = torch.stack([f.face for f in frames])
    return {name: np.ascontiguousarray(value.numpy(), np.float32) for name, value in out.items()}


@torch.no_grad()
def graph_error(model: Face, models: Path, frames: int = 70) -> float:
    """Largest difference of x0 (in weights) and of keys and values between the ONNX graphs and the twin."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    face = ort.InferenceSession(str(models / "face.onnx"), options, ["CPUExecutionProvider"])
    prefix = ort.InferenceSession(str(models / "face-prefix.onnx"), options, ["CPUExecutionProvider"])
    config = model.config
    ids = {name: np.array(values, np.int64) for name, values in GOLDEN_CONDITIONS.items()}
    stream = FaceStream(model, 2, Conditions(**{k: torch.from_numpy(v) for k, v in ids.items()}), GOLDEN_SEED)
    worst = 0.0
    for tokens in golden_audio(config)[:frames]:
        bias, rings = stream.bias(), [ring.clone() for ring in stream.rings]
        x = stream.frame(tokens).initial[:, None]
        for step in (stream.steps[0], config.context_step):
            kv = prefix.run(None, {**ids, "t": np.array([step], np.float32)})
            ours = stream.prefixes[step]
            feed = {"x": x.numpy(), "audio": tokens.numpy(), "bias": bias.numpy()}
            for i in range(config.layers):
                worst = max(worst, float(np.abs(kv[i] - ours[i].numpy()).max()))
                feed |= {f"layers.{i}.prefix": kv[i], f"layers.{i}.ring": rings[i].numpy()}
            got = dict(zip([o.name for o in face.get_outputs()], face.run(None, feed), strict=True))
            x0, new = model.frame(x, tokens, ours, rings, bias)
            worst = max(worst, float((torch.from_numpy(got["x0"]) - x0).mul(model.std).abs().max()))
            for i, own in enumerate(new):
                worst = max(worst, float(np.abs(got[f"layers.{i}.kv"] - own.numpy()).max()))
    return worst


def export(model: Face, models: Path, goldens: Path | None, extra: dict[str, str] | None = None) -> float:
    """Write weights, graphs and (unless None) golden vectors; returns the graphs' largest error."""
    model.load_state_dict(rounded(model.state_dict()))
    spans = save_face(model, models / "face.safetensors", extra)
    face_graph(model, spans, "face.safetensors").save(models / "face.onnx")
    prefix_graph(model, spans, "face.safetensors").save(models / "face-prefix.onnx")
    if goldens:
        save_safetensors(goldens / "face.safetensors", golden(model), {"seed": str(GOLDEN_SEED)})
    return graph_error(model, models)


def main() -> None:
    """Command line of the exporter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", action="store_true", help="export untrained weights")
    parser.add_argument("--checkpoint", type=Path, help="checkpoint of train_face.py (default: the latest in the cache)")
    parser.add_argument("--lips", type=Path, help="checkpoint of the lip fine-tuning, whose denoiser is swapped in")
    parser.add_argument("--models", type=Path, default=ROOT / "public/models")
    parser.add_argument("--golden", type=Path, default=ROOT / "test/golden")
    options = parser.parse_args()
    torch.set_num_threads(2)
    extra: dict[str, str] = {}
    if options.random:
        model = random_face()
    else:
        from train_face import load_ema

        model, extra = load_ema(options.checkpoint, options.lips)
    error = export(model, options.models, options.golden, extra)
    print(f"face.safetensors, face.onnx, face-prefix.onnx: graphs within {error:.1e} of the twin")
    if error > 1e-3:
        raise SystemExit("the ONNX graphs do not agree with the twin")


if __name__ == "__main__":
    main()
