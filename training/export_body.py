"""Export both body networks: weights, ONNX graphs beside them, and golden vectors.

    python training/export_body.py                     # the checkpoints of train_body.py
    python training/export_body.py --random            # untrained weights, for parity work before training
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto

from body import LOWER, PREFIX_TOKENS, UPPER, Body, BodyConfig
from body_stream import BlockConditions, BlockStream, placements
from checkpoint import load_safetensors, rounded, save_safetensors, stored
from corpus_speech import cache_folder
from layers import block_bias
from onnx_graph import Graph

ROOT = Path(__file__).resolve().parent.parent
LICENCE = "MIT, with the attribution lines under data"
DATA = (
    "body motion simulated by rule (training/corpus_body.py), with gestures out of hand-keyed clips of Mesh2Motion, "
    "CC0 1.0, and of one captured handshake: the data used in this project was obtained from mocap.cs.cmu.edu, the "
    "database was created with funding from NSF EIA-0196217; "
    "Voice dataset Kathleen, rhasspy, CC0 1.0; "
    "GRID corpus: Cooke, Barker, Cunningham, Shao (2006), JASA 120(5), Zenodo 3625687, CC BY 4.0; "
    "synthetic voices of flite (slt, rms, awb, kal) and espeak-ng"
)
GOLDEN_BLOCKS, GOLDEN_SEED, TEXT_BLOCK = 20, 1234, 3
GUIDANCE, GUIDED_BLOCKS = 1.5, 4


def random_body(config: BodyConfig, seed: int = 7) -> Body:
    """An untrained network whose output varies with every input."""
    torch.manual_seed(seed)
    model = Body(config)
    torch.nn.init.normal_(model.out.weight, std=0.05)
    model.mean.uniform_(-0.2, 0.2)
    model.std.uniform_(0.05, 0.3)
    model.step_std.uniform_(0.05, 0.2)
    model.low.uniform_(-3, -1)
    model.high.uniform_(1, 3)
    model.frame_low.uniform_(-2, -1)
    model.frame_high.uniform_(1, 2)
    model.rest.uniform_(-0.5, 0.5)
    shapes = torch.linalg.qr(torch.randn_like(model.shapes))[0] * 0.1 * 0.6 ** torch.arange(config.block)
    model.basis.copy_(shapes.flatten())
    model.coast.uniform_(0.0, 1.0)
    return model.eval()


def load_body(path: Path) -> Body:
    """The twin with the weights of an exported file (halves expanded to f32)."""
    tensors, metadata = load_safetensors(path)
    known = BodyConfig.__dataclass_fields__
    model = Body(BodyConfig(**{k: v for k, v in json.loads(metadata["config"]).items() if k in known}))
    model.load_state_dict({name: torch.from_numpy(np.array(t, np.float32)) for name, t in tensors.items()})
    return model.eval()


def save_body(model: Body, path: Path, extra: dict[str, str] | None = None) -> dict[str, tuple[int, int]]:
    """Write a network's .safetensors; returns the byte ranges of its tensors."""
    metadata = {
        "format": "duologue",
        "version": "1",
        "network": model.name,
        "config": json.dumps(model.config.to_dict(), separators=(",", ":")),
        "licence": LICENCE,
        "data": DATA,
        **(extra or {}),
    }
    return save_safetensors(path, stored(model.state_dict()), metadata)


def cond_graph(model: Body, graph: Graph) -> Graph:
    """body-…-cond.onnx: what a block is told -> cond [R, 2, d]."""
    config = model.config
    tokens = graph.input("tokens", ["R", 2, config.audio_window, config.token])
    action, emotion = (graph.input(name, ["R", 2], TensorProto.INT64) for name in ("action", "emotion"))
    placement = graph.input("placement", ["R", 2, 6])
    last = graph.input("last", ["R", 2, 2 * config.last])
    text = graph.input("text", ["R", 2, config.text])
    own = graph.linear(tokens, "audio_down")
    partner = graph.op("Gather", own, graph.ints(1, 0), axis=1)
    windows = graph.op("Concat", own, partner, axis=3)
    windows = graph.op("Reshape", windows, graph.ints(0, 2, 2 * config.audio_window * config.audio_down))
    cond = graph.op("Add", graph.linear(windows, "audio_proj"), graph.weight("person.weight"))
    for name, ids in (("action", action), ("emotion", emotion)):
        cond = graph.op("Add", cond, graph.op("Gather", graph.weight(f"{name}.weight"), ids, axis=0))
    cond = graph.op("Add", cond, graph.linear(placement, "placement"))
    cond = graph.op("Add", cond, graph.linear(last, "last_proj"))
    cond = graph.op("Add", cond, graph.linear(text, "text_proj"))
    if config.head:
        cond = graph.op("Add", cond, graph.linear(graph.input("head", ["R", 2, config.head]), "head_proj"))
    graph.output(cond, "cond", ["R", 2, config.d])
    return graph


def prefix_graph(model: Body, graph: Graph) -> Graph:
    """body-…-prefix.onnx: relationship and diffusion step -> keys and values of the two prefix tokens per layer."""
    config = model.config
    ids, t = graph.input("relationship", ["R"], TensorProto.INT64), graph.input("t", [1])
    relation = graph.op("Gather", graph.weight("relationship.weight"), ids, axis=0)
    half = config.d // 2
    frequency = np.exp(-np.log(10000.0) * np.arange(half) / half).astype(np.float32)[None]
    angle = graph.op("Mul", graph.op("Unsqueeze", t, graph.ints(1)), graph.constant(frequency))
    sinusoid = graph.op("Concat", graph.op("Cos", angle), graph.op("Sin", angle), axis=1)
    up = graph.linear(sinusoid, "step.up")
    step = graph.linear(graph.op("Mul", up, graph.op("Sigmoid", up)), "step.down")
    step = graph.op("Expand", step, graph.op("Shape", relation))
    prefix = graph.op("Concat", *(graph.op("Unsqueeze", y, graph.ints(1)) for y in (relation, step)), axis=1)
    for i in range(config.layers):
        qkv = graph.linear(prefix, f"denoiser.layers.{i}.attn.qkv")
        kv = graph.slice(qkv, 2, config.d, 3 * config.d)
        graph.output(kv, f"layers.{i}.prefix", ["R", PREFIX_TOKENS, 2 * config.d])
    return graph


def block_graph(model: Body, graph: Graph) -> Graph:
    """body-….onnx: one pass over one block of R rows (the context pass is the same graph at the context step)."""
    config = model.config
    tokens, features = config.tokens, config.patch * len(config.features)
    x = graph.input("x", ["R", tokens, features])
    cond = graph.input("cond", ["R", 2, config.d])
    h = graph.linear(x, "x_proj")
    if config.lower:
        h = graph.op("Add", h, graph.linear(graph.input("lower", ["R", tokens, config.lower]), "lower_proj"))
    prefixes, rings = [], []
    for i in range(config.layers):
        prefixes.append(graph.input(f"layers.{i}.prefix", ["R", PREFIX_TOKENS, 2 * config.d]))
        rings.append(graph.input(f"layers.{i}.ring", ["R", config.window, 2 * config.d]))
    bias = graph.input("bias", [config.heads, tokens, config.window])
    h = graph.op("Reshape", h, graph.ints(0, config.slots, 2, config.d))
    h = graph.op("Add", h, graph.op("Unsqueeze", graph.weight("slot.weight"), graph.ints(1)))
    h = graph.op("Add", h, graph.op("Unsqueeze", cond, graph.ints(1)))
    h = graph.op("Reshape", h, graph.ints(0, tokens, config.d))
    own = block_bias(config.heads, tokens, 2).numpy()
    for i in range(config.layers):
        rest = {"prefix": prefixes[i], "prefix_tokens": PREFIX_TOKENS, "own": own}
        h, kv = graph.layer(h, f"denoiser.layers.{i}", rings[i], bias, **rest)
        graph.output(kv, f"layers.{i}.kv", ["R", tokens, 2 * config.d])
    graph.output(graph.linear(graph.layernorm(h, "norm"), "out"), "x0", ["R", tokens, features])
    return graph


GRAPHS = {"": block_graph, "-cond": cond_graph, "-prefix": prefix_graph}


def golden_conditions(config: BodyConfig) -> list[BlockConditions]:
    """What the golden blocks are told: changing ids, the encoder's golden tokens if they exist, words in one block."""
    generator = torch.Generator().manual_seed(5)
    path = ROOT / "test/golden/speech-encoder.safetensors"
    if path.exists():
        spoken = torch.from_numpy(load_safetensors(path)[0]["token"].astype(np.float32))
    else:
        spoken = torch.randn(80, 2, config.token, generator=generator)
    spoken = spoken.repeat(3, 1, 1)[: 8 * GOLDEN_BLOCKS].transpose(0, 1)
    spoken = torch.cat([torch.zeros(2, config.audio_window, config.token), spoken], 1)
    root = torch.tensor([[0.0, 0, 0.2], [0.1, 1.3, 3.1]]) + 0.2 * torch.randn(GOLDEN_BLOCKS, 2, 3, generator=generator)
    where = torch.from_numpy(placements(root.numpy()))
    ids = [torch.randint(n, (GOLDEN_BLOCKS, 2), generator=generator) for n in (len(config.actions), config.emotions)]
    head = 0.2 * torch.randn(GOLDEN_BLOCKS, 2, 12, generator=generator)
    words = torch.randn(2, config.text, generator=generator)
    below = 0.2 * torch.randn(GOLDEN_BLOCKS, 2, config.lower, generator=generator)
    out = []
    for i in range(GOLDEN_BLOCKS):
        newest = 8 * (i + 1) - config.lead
        tokens = spoken[:, newest + 1 : newest + 1 + config.audio_window]
        text = words if i == TEXT_BLOCK else None
        upper = (head[i], below[i]) if config.head else (None, None)
        out.append(BlockConditions(tokens, ids[0][i], ids[1][i], where[i], torch.tensor([3]), text, *upper))
    return out


def golden_lower(config: BodyConfig) -> list[torch.Tensor] | list[None]:
    """Lower-body blocks [8, 54] that the golden upper body is given."""
    if not config.lower:
        return [None] * GOLDEN_BLOCKS
    given = 0.7 * torch.randn(GOLDEN_BLOCKS, config.tokens, config.lower, generator=torch.Generator().manual_seed(6))
    return list(given)


@torch.no_grad()
def golden(model: Body, lower_rest: torch.Tensor | None) -> dict[str, np.ndarray]:
    """Golden vectors of the streaming sampler, computed in f32 on weights rounded to halves.

    The rings are opened with the first block's conditions (silent) and, for the upper body, `lower_rest` [8, 54].
    """
    conditions, lower = golden_conditions(model.config), golden_lower(model.config)
    stream = BlockStream(model, GOLDEN_SEED)
    stream.open(conditions[0], lower_rest)
    told, blocks = [], []
    for c, given in zip(conditions, lower, strict=True):
        told.append(stream.seen(c))
        blocks.append(stream.block(c, given))
    out = {name: torch.stack([getattr(c, name) for c in conditions]) for name in ("tokens", "placement")}
    out |= {name: torch.stack([getattr(c, name) for c in conditions]).float() for name in ("action", "emotion")}
    out |= {"relationship": conditions[0].relationship.float(), "text": conditions[TEXT_BLOCK].text}
    if lower_rest is not None:
        out |= {"head": torch.stack([c.head for c in conditions]), "lower": torch.stack(lower)}
        out["open_lower"] = lower_rest
    out["x_T"] = torch.stack([b.initial for b in blocks])
    for i in range(model.config.steps):
        out[f"x0.{i}"] = torch.stack([b.x0[i] for b in blocks])
        out[f"x.{i}"] = torch.stack([b.x[i] for b in blocks])
    out["told"] = torch.stack(told)
    out["frames"] = torch.stack([b.frames for b in blocks])
    guided = BlockStream(model, GOLDEN_SEED, guidance=GUIDANCE)
    guided.open(conditions[0], lower_rest)
    made = []
    for c, given in zip(conditions[:GUIDED_BLOCKS], lower[:GUIDED_BLOCKS], strict=True):
        made.append((guided.seen(c), guided.block(c, given).frames))
    out["guided_told"], out["guided"] = (torch.stack(values) for values in zip(*made, strict=True))
    return {name: np.ascontiguousarray(value.numpy(), np.float32) for name, value in out.items()}


@torch.no_grad()
def graph_error(model: Body, models: Path, lower_rest: torch.Tensor | None, blocks: int = 18) -> float:
    """Largest difference between the ONNX graphs and the twin, with one and two rows: cond, x0, k and v."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    config = model.config
    session = {
        kind: ort.InferenceSession(str(models / f"{model.name}{kind}.onnx"), options, ["CPUExecutionProvider"])
        for kind in GRAPHS
    }
    worst = 0.0

    def off(ours: torch.Tensor, theirs: np.ndarray, scale: torch.Tensor | None = None) -> None:
        nonlocal worst
        gap = (ours - torch.from_numpy(theirs)).abs()
        worst = max(worst, float((gap if scale is None else gap * scale).max()))

    for guidance in (1.0, GUIDANCE):
        conditions, lower = golden_conditions(config), golden_lower(config)
        stream = BlockStream(model, GOLDEN_SEED, guidance=guidance)
        stream.open(conditions[0], lower_rest)
        for told, given in list(zip(conditions, lower, strict=True))[:blocks]:
            rows = [told, told.silent()][: stream.rows]
            feed = {name: torch.stack([getattr(r, name) for r in rows]).numpy() for name in ("tokens", "placement")}
            feed |= {name: torch.stack([getattr(r, name) for r in rows]).numpy() for name in ("action", "emotion")}
            words = [torch.zeros(2, config.text) if r.text is None else r.text for r in rows]
            feed["text"] = torch.stack(words).numpy()
            feed["last"] = stream.seen(told).expand(stream.rows, -1, -1).numpy()
            if config.head:
                feed["head"] = torch.stack([r.head for r in rows]).numpy()
            cond = session["-cond"].run(None, feed)[0]
            branches = stream.branches(told)
            off(branches, cond)
            bias, rings = stream.bias(), [ring.clone() for ring in stream.rings]
            given_rows = stream.given(given)
            x = stream.block(told, given).initial.expand(stream.rows, -1, -1)
            for step in (stream.steps[0], config.context_step):
                relation = told.relationship.expand(stream.rows)
                asked = {"relationship": relation.numpy(), "t": np.array([step], np.float32)}
                kv = session["-prefix"].run(None, asked)
                ours = stream.prefix(told, step)
                feed = {"x": x.numpy(), "cond": cond, "bias": bias.numpy()}
                for i in range(config.layers):
                    off(ours[i], kv[i])
                    feed |= {f"layers.{i}.prefix": kv[i], f"layers.{i}.ring": rings[i].numpy()}
                if given_rows is not None:
                    feed["lower"] = given_rows.numpy()
                *new, out = session[""].run(None, feed)
                x0, kept = model.block(x, branches, ours, rings, bias, given_rows)
                off(x0, out)
                for own, theirs in zip(kept, new, strict=True):
                    off(own, theirs)
    return worst


def export(lower: Body, upper: Body, models: Path, goldens: Path | None, extra: list[dict[str, str]]) -> float:
    """Write weights, graphs and (unless None) golden vectors of both; returns the graphs' largest error."""
    worst = 0.0
    for model, more in zip((lower, upper), extra, strict=True):
        model.load_state_dict(rounded(model.state_dict()))
        file = f"{model.name}.safetensors"
        spans = save_body(model, models / file, more)
        for kind, build in GRAPHS.items():
            name = model.name + kind
            graph = Graph(name, stored(model.state_dict()), spans, file, model.config.d, model.config.heads)
            build(model, graph).save(models / f"{name}.onnx")
        rest = lower.rest_block()[0].clone() if model.config.lower else None
        if goldens:
            note = {"seed": GOLDEN_SEED, "text_block": TEXT_BLOCK, "guidance": GUIDANCE}
            save_safetensors(goldens / file, golden(model, rest), note)
        worst = max(worst, graph_error(model, models, rest))
    return worst


def main() -> None:
    """Command line of the exporter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="body", help="the runs are <run>-lower and <run>-upper")
    parser.add_argument("--random", action="store_true", help="export untrained weights")
    parser.add_argument("--models", type=Path, default=ROOT / "public/models")
    parser.add_argument("--golden", type=Path, default=ROOT / "test/golden")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.random:
        pairs = [(random_body(config, seed), {}) for config, seed in ((LOWER, 7), (UPPER, 8))]
    else:
        from train_body import load_ema

        runs = ((part, cache_folder() / f"runs/{options.run}-{part}/checkpoint.pt") for part in ("lower", "upper"))
        pairs = [load_ema(*run) for run in runs]
    error = export(*(model for model, _ in pairs), options.models, options.golden, [extra for _, extra in pairs])
    print(f"body-lower, body-upper: graphs within {error:.1e} of the twins")
    if error > 1e-4:
        raise SystemExit("the ONNX graphs do not agree with the twins")


if __name__ == "__main__":
    main()
