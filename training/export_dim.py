"""Export the dyadic network: weights, ONNX graphs beside them, and golden vectors.

    python training/export_dim.py                      # the checkpoint of train_dim.py
    python training/export_dim.py --random             # untrained weights, for parity work before training
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto

from checkpoint import SINGLE, load_safetensors, rounded, save_safetensors, stored, to_numpy
from dim import Dim, DimConfig
from dim_stream import DimStream, VqStream, gumbels, scores
from export_face import DATA as FACE_DATA
from export_face import LICENCE
from layers import block_bias, ring_bias
from onnx_graph import Graph

ROOT = Path(__file__).resolve().parent.parent
FILE = "dim.safetensors"
DATA = f"{FACE_DATA}; head motion simulated by rule from published figures of human conversation"
ROLES = ("speaker_vq", "listener_vq")
GOLDEN_FRAMES, GOLDEN_SEED, GOLDEN_TEMPERATURE, GOLDEN_TOP_K = 80, 1234, 0.8, 26
# A draw or a nearest code closer than this to the second best could fall the other way with other rounding.
MARGIN = 1e-3
# The same for the logit on which the rank limit falls, which no noise is added to.
RANK_MARGIN = 1e-4
LOGITS_EVERY = 4


def singles(name: str) -> bool:
    """Whether a tensor of two dimensions stays F32: codebooks and codes."""
    return name.endswith("quantize.embedding") or name == "rest_codes"


def stored_dim(model: Dim) -> dict[str, np.ndarray]:
    """The tensors as the engine stores them: matrices as F16, vectors, codebooks and codes as F32."""
    state = model.state_dict()
    return stored(state) | {name: to_numpy(t).astype(SINGLE) for name, t in state.items() if singles(name)}


def round_weights(model: Dim) -> None:
    """Puts the matrices through F16, as the engine computes with them."""
    state = model.state_dict()
    model.load_state_dict(rounded(state) | {name: t for name, t in state.items() if singles(name)})


def random_dim(seed: int = 7) -> Dim:
    """An untrained network whose output varies with every input; its rest is a still face."""
    torch.manual_seed(seed)
    model = Dim()
    with torch.no_grad():
        model.decoder_joint.to_logits.weight.normal_(std=0.12)
        for vq in (model.speaker_vq, model.listener_vq):
            vq.quantize.embedding.normal_(std=0.35)
            vq.decoder.out.weight.normal_(std=0.06)
        model.mean[:-3] = torch.rand(21) * 0.2 + 0.05
        model.std[:-3] = torch.rand(21) * 0.1 + 0.05
        model.std[-3:] = 0.1
    round_weights(model)
    model.set_rest(torch.zeros(len(model.config.channels)))
    return model.eval()


def load_dim(path: Path) -> Dim:
    """The twin with the weights of an exported file (halves expanded to f32)."""
    tensors, metadata = load_safetensors(path)
    known = DimConfig.__dataclass_fields__
    model = Dim(DimConfig(**{k: v for k, v in json.loads(metadata["config"]).items() if k in known}))
    model.load_state_dict({name: torch.from_numpy(np.array(t, np.float32)) for name, t in tensors.items()})
    return model.eval()


def save_dim(model: Dim, path: Path, extra: dict[str, str] | None = None) -> dict[str, tuple[int, int]]:
    """Write dim.safetensors; returns the byte ranges of its tensors."""
    metadata = {
        "format": "duologue",
        "version": "1",
        "network": "dim",
        "config": json.dumps(model.config.to_dict(), separators=(",", ":")),
        "licence": LICENCE,
        "data": DATA,
        **(extra or {}),
    }
    return save_safetensors(path, stored_dim(model), metadata)


class DimGraph(Graph):
    """Graph pieces that the three graphs share."""

    def stack(self, path, h, bias, rows, window, count, own=None, tokens=1):
        """Layers with rings as inputs and new keys and values as outputs, then the norm; h [rows, T, width]."""
        for i in range(count):
            name = f"{path}.layers.{i}"
            ring = self.input(f"{name}.ring", [rows, window, 2 * self.width])
            h, kv = self.layer(h, name, ring, bias, own=own)
            self.output(kv, f"{name}.kv", [rows, tokens, 2 * self.width])
        return self.layernorm(h, f"{path}.norm")

    def conv(self, path, x, inputs, rows=2, taps=5):
        """Causal convolution of one new row x [rows, 1, C] after its carried rows, an input; and GELU."""
        shape = [rows, taps - 1, inputs]
        seen = self.op("Concat", self.input(f"{path}.state", shape), x, axis=1)
        self.output(self.slice(seen, 1, 1, taps), f"{path}.state_out", shape)
        return self.gelu(self.linear(self.op("Reshape", seen, self.ints(rows, 1, taps * inputs)), path))

    def reshape(self, x, *shape):
        """x with another shape."""
        return self.op("Reshape", x, self.ints(*shape))

    def gather(self, x, *index):
        """Rows of x along its first axis."""
        return self.op("Gather", x, self.ints(*index), axis=0)


def predict_graph(model: Dim, spans: dict) -> Graph:
    """dim.onnx: motion and codes of the frame before, speech tokens -> logits, each row's own half."""
    config = model.config
    channels, d = len(config.channels), config.d
    graph = DimGraph("dim", stored_dim(model), spans, FILE, d, config.heads)
    motion, token = graph.input("motion", [2, channels]), graph.input("token", [2, config.token])
    codes = graph.input("codes", [4, config.groups], TensorProto.INT64)
    x = graph.reshape(graph.op("Concat", motion, token, axis=1), 2, 1, channels + config.token)
    bias = graph.input("bias", [config.heads, config.window])
    roles = []
    for path, rows in (("encoder_s", x), ("encoder_l", graph.gather(x, 1, 0))):
        h = graph.linear(rows, f"{path}.project_in")
        roles.append(graph.stack(path, h, bias, 2, config.window, config.layers["encoder"]))
    joint_bias = graph.input("joint_bias", [config.heads, 2 * config.window])
    own = block_bias(config.heads, 2, 2).numpy()
    h = graph.op("Concat", *roles, axis=1)
    h = graph.stack("encoder_joint", h, joint_bias, 2, 2 * config.window, config.layers["joint"], own, 2)
    half = config.groups * config.codes
    offset = np.arange(4)[:, None] % 2 * half + np.arange(config.groups) * config.codes
    rows = graph.op("Add", codes, graph.constant(offset.astype(np.int64)))
    before = graph.op("Gather", graph.weight("decoder_joint.token_emb.weight"), rows, axis=0)
    before = graph.op("ReduceSum", before, graph.ints(1), keepdims=1)
    h = graph.op("Add", graph.reshape(h, 4, 1, d), before)
    h = graph.stack("decoder_joint", h, bias, 4, config.window, config.layers["decoder"])
    both = graph.linear(graph.reshape(h, 2, 2, d), "decoder_joint.to_logits")
    listener = graph.slice(graph.slice(both, 1, 0, 1), 2, 0, half)
    speaker = graph.slice(graph.slice(both, 1, 1, 2), 2, half, 2 * half)
    logits = graph.op("Concat", listener, speaker, axis=1)
    shape = [4, config.groups, config.codes]
    graph.output(graph.reshape(logits, *shape), "logits", shape)
    return graph


def decoder_graph(model: Dim, spans: dict) -> Graph:
    """dim-decoder.onnx: codes of this frame -> motion z of both roles, both persons."""
    config, vq = model.config, model.config.vq
    graph = DimGraph("dim-decoder", stored_dim(model), spans, FILE, vq["d"], vq["heads"])
    codes = graph.input("codes", [4, config.groups], TensorProto.INT64)
    bias = graph.input("vq_bias", [vq["heads"], vq["window"]])
    offset = graph.constant((np.arange(config.groups) * config.codes).astype(np.int64))
    latent = config.groups * config.code_dim
    for role, rows in zip(ROLES, ((1, 3), (2, 0)), strict=True):
        path = f"{role}.decoder"
        chosen = graph.op("Add", graph.gather(codes, *rows), offset)
        vectors = graph.op("Gather", graph.weight(f"{role}.quantize.embedding"), chosen, axis=0)
        h = graph.linear(graph.reshape(vectors, 2, 1, latent), f"{path}.project")
        h = graph.conv(f"{path}.conv_in", h, vq["d"])
        h = graph.stack(path, h, bias, 2, vq["window"], vq["decoder_layers"])
        z = graph.reshape(graph.linear(h, f"{path}.out"), 2, len(config.channels))
        graph.output(z, role.removesuffix("_vq"), [2, len(config.channels)])
    return graph


def encoder_graph(model: Dim, spans: dict) -> Graph:
    """dim-encoder.onnx: given motion z -> codes of both roles, as whole f32 numbers."""
    config, vq = model.config, model.config.vq
    graph = DimGraph("dim-encoder", stored_dim(model), spans, FILE, vq["d"], vq["heads"])
    channels, groups = len(config.channels), config.groups
    motion = graph.reshape(graph.input("motion", [2, channels]), 2, 1, channels)
    bias = graph.input("vq_bias", [vq["heads"], vq["window"]])
    for role in ROLES:
        path = f"{role}.encoder"
        h = graph.conv(f"{path}.conv_in", motion, channels)
        h = graph.linear(graph.stack(path, h, bias, 2, vq["window"], vq["encoder_layers"]), f"{path}.project")
        x = graph.reshape(h, 2, groups, 1, config.code_dim)
        table = graph.weight(f"{role}.quantize.embedding")
        gap = graph.op("Sub", x, graph.reshape(table, 1, groups, config.codes, config.code_dim))
        squares = graph.op("ReduceSum", graph.op("Mul", gap, gap), graph.ints(3), keepdims=0)
        nearest = graph.op("ArgMin", squares, axis=2, keepdims=0)
        graph.output(
            graph.op("Cast", nearest, to=TensorProto.FLOAT), f"{role.removesuffix('_vq')}_codes", [2, groups]
        )
    return graph


def golden_inputs(config: DimConfig) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens [n, 2, 256], voicing [n, 2] and face weights [n, 2, 51]: the other networks' goldens where they exist."""
    encoder, face = ROOT / "test/golden/speech-encoder.safetensors", ROOT / "test/golden/face.safetensors"
    generator = torch.Generator().manual_seed(5)
    if encoder.exists() and face.exists():
        told, seen = load_safetensors(encoder)[0], load_safetensors(face)[0]
        out = (told["token"], told["voicing"], seen["face"])
        return tuple(torch.from_numpy(np.array(v[:GOLDEN_FRAMES], np.float32)) for v in out)
    token = torch.randn(GOLDEN_FRAMES, 2, config.token, generator=generator)
    voicing = torch.rand(GOLDEN_FRAMES, 2, generator=generator)
    return token, voicing, torch.rand(GOLDEN_FRAMES, 2, 51, generator=generator)


def margin(values: np.ndarray) -> float:
    """The smallest distance between the largest and the second largest along the last axis."""
    top = np.partition(values, -2, -1)[..., -2:]
    return float((top[..., 1] - top[..., 0]).min())


def draw_margin(logits: np.ndarray, seed: int, frame: int, config: DimConfig) -> float:
    """How far a frame's draws are from falling otherwise, also where the rank limit itself is a near tie."""
    noise = gumbels(seed, frame, config)
    noisy = scores(logits, noise, GOLDEN_TEMPERATURE, GOLDEN_TOP_K)
    ranked = -np.sort(-logits, -1)
    first_out, last_in = ranked[..., GOLDEN_TOP_K, None], ranked[..., GOLDEN_TOP_K - 1, None]
    tied = last_in - first_out < RANK_MARGIN
    wider = np.where(tied & (logits == first_out), logits / np.float32(GOLDEN_TEMPERATURE) + noise, noisy)
    narrower = np.where(tied & (logits == last_in), -np.inf, noisy)
    return min(margin(values) for values in (noisy, wider, narrower)) if same_winner(wider, narrower) else 0.0


def same_winner(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether both have their largest values at the same places of the last axis."""
    return bool((one.argmax(-1) == other.argmax(-1)).all())


def golden_run(model: Dim, seed: int) -> dict[str, torch.Tensor] | None:
    """The streamed frames under a seed, or None where a draw was too close."""
    token, voicing, face = golden_inputs(model.config)
    stream = DimStream(model, seed, GOLDEN_TEMPERATURE, GOLDEN_TOP_K)
    frames = []
    for k in range(GOLDEN_FRAMES):
        frame = stream.frame(token[k], voicing[k], face[k])
        if draw_margin(frame.logits.numpy(), seed, k, model.config) < MARGIN:
            return None
        frames.append(frame)
    out = {"token": token, "voicing": voicing, "face": face}
    for name in ("logits", "codes", "speaker", "listener", "turn", "motion"):
        out[name] = torch.stack([getattr(frame, name) for frame in frames])
    out["logits"] = out["logits"][::LOGITS_EVERY]
    return out


def golden_encoding(model: Dim, motion: torch.Tensor) -> dict[str, torch.Tensor]:
    """Codes of both roles for motion z [n, 2, C]; frames whose nearest codes are near ties are moved a little first."""
    vq = VqStream(model)
    generator = torch.Generator().manual_seed(9)
    kept, codes = [], {"speaker_vq": [], "listener_vq": []}
    for given in motion:
        before = vq.snapshot()
        for attempt in range(200):
            moved = given + 0.02 * attempt**0.5 * torch.randn(given.shape, generator=generator)
            distance = {
                role: model.get_submodule(role).quantize.distances(latent) for role, latent in vq.frame(moved).items()
            }
            if all(margin(-d.detach().numpy()) > MARGIN for d in distance.values()):
                break
            vq.restore(before)
        else:
            raise RuntimeError("no motion near the golden one has clear codes")
        kept.append(moved)
        for role, d in distance.items():
            codes[role].append(d.argmin(-1))
    out = {f"{role.removesuffix('_vq')}_codes": torch.stack(c) for role, c in codes.items()}
    return {"encode_motion": torch.stack(kept)} | out


@torch.no_grad()
def golden(model: Dim) -> tuple[dict[str, np.ndarray], int]:
    """Golden vectors of the streaming network, in f32 on weights rounded to halves, and the first clear seed."""
    for seed in range(GOLDEN_SEED, GOLDEN_SEED + 200):
        run = golden_run(model, seed)
        if run is not None:
            out = run | golden_encoding(model, run["motion"])
            return {name: np.ascontiguousarray(v.numpy(), np.float32) for name, v in out.items()}, seed
    raise RuntimeError("no seed gives clear draws")


@torch.no_grad()
def graph_error(model: Dim, models: Path, vectors: dict[str, np.ndarray]) -> float:
    """Largest difference between the ONNX graphs, run frame by frame on the golden run, and its vectors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    config, vq = model.config, model.config.vq
    files = ("dim", "dim-decoder", "dim-encoder")
    sessions = [
        onnxruntime.InferenceSession(str(models / f"{name}.onnx"), options, ["CPUExecutionProvider"]) for name in files
    ]
    feeds = [
        {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs() if i.name.endswith(("ring", "state"))}
        for session in sessions
    ]
    for role in ROLES:
        feeds[2][f"{role}.encoder.conv_in.state"][:] = model.rest_motion.numpy()
    motion, codes = model.rest_motion.expand(2, -1).numpy(), model.rest_codes.numpy()
    worst = 0.0
    for k in range(GOLDEN_FRAMES):
        now = codes.astype(np.int64)
        motions, codes = vectors["motion"][k], vectors["codes"][k]
        vq_bias = ring_bias(vq["heads"], vq["window"], k)[:, 0].numpy()
        feeds[0] |= {
            "motion": motion,
            "token": vectors["token"][k],
            "codes": now,
            "bias": ring_bias(config.heads, config.window, k)[:, 0].numpy(),
            "joint_bias": ring_bias(config.heads, 2 * config.window, k, 2, 2)[:, 0].numpy(),
        }
        feeds[1] |= {"codes": codes.astype(np.int64), "vq_bias": vq_bias}
        feeds[2] |= {"motion": vectors["encode_motion"][k], "vq_bias": vq_bias}
        for session, feed in zip(sessions, feeds, strict=True):
            out = dict(zip([o.name for o in session.get_outputs()], session.run(None, feed), strict=True))
            for name, value in out.items():
                if name.endswith(".state_out"):
                    feed[name.removesuffix("_out")] = value
                elif name.endswith(".kv"):
                    ring = feed[name.removesuffix("kv") + "ring"]
                    slot = k * value.shape[1] % ring.shape[1]
                    ring[:, slot : slot + value.shape[1]] = value
                elif name != "logits" or k % LOGITS_EVERY == 0:
                    wanted = vectors[name][k // LOGITS_EVERY if name == "logits" else k]
                    worst = max(worst, float(np.abs(value - wanted).max()))
        motion = motions
    return worst


def export(model: Dim, models: Path, goldens: Path | None, extra: dict[str, str] | None = None) -> float:
    """Write weights, graphs and (unless None) golden vectors; returns the graphs' largest error."""
    round_weights(model)
    spans = save_dim(model, models / FILE, extra)
    predict_graph(model, spans).save(models / "dim.onnx")
    decoder_graph(model, spans).save(models / "dim-decoder.onnx")
    encoder_graph(model, spans).save(models / "dim-encoder.onnx")
    vectors, seed = golden(model)
    if goldens:
        about = {"seed": str(seed), "temperature": str(GOLDEN_TEMPERATURE), "top_k": str(GOLDEN_TOP_K)}
        save_safetensors(goldens / FILE, vectors, about)
    return graph_error(model, models, vectors)


def main() -> None:
    """Command line of the exporter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", action="store_true", help="export untrained weights")
    parser.add_argument("--checkpoint", type=Path, help="checkpoint of train_dim.py (default: the latest in the cache)")
    parser.add_argument("--predictor", type=Path, help="checkpoint for all but the VQ decoders (of the stage before)")
    parser.add_argument("--temperature", type=float, help="of the draws, instead of the one trained with")
    parser.add_argument("--top-k", type=int, help="codes that may be drawn")
    parser.add_argument("--models", type=Path, default=ROOT / "public/models")
    parser.add_argument("--golden", type=Path, default=ROOT / "test/golden")
    options = parser.parse_args()
    torch.set_num_threads(1)
    extra: dict[str, str] = {}
    if options.random:
        model = random_dim()
    else:
        from train_dim import load_average

        model, extra = load_average(options.checkpoint)
        if options.predictor:
            other, about = load_average(options.predictor)
            drawn = {name: t for name, t in other.state_dict().items() if "_vq.decoder." not in name}
            model.load_state_dict(model.state_dict() | drawn)
            extra["steps"] = f"{about['steps']}; VQ decoders {extra['steps']}"
    chosen = {"temperature": options.temperature, "top_k": options.top_k}
    model.config = replace(model.config, **{name: value for name, value in chosen.items() if value is not None})
    error = export(model, options.models, options.golden, extra)
    print(f"dim.safetensors, dim.onnx, dim-decoder.onnx, dim-encoder.onnx: graphs within {error:.1e} of the twin")
    if error > 1e-3:
        raise SystemExit("the ONNX graphs do not agree with the twin")


if __name__ == "__main__":
    main()
