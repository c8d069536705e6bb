"""Export the speech encoder: weights, ONNX graph beside them, and the golden vectors of sound, noise and encoder.

    python export.py                     # the checkpoint of train_encoder.py
    python export.py --random            # untrained weights, for parity work before training
    python export.py --weights FILE      # again from an exported .safetensors (new goldens and graph only)
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from scipy.signal import lfilter

from checkpoint import rounded, save_safetensors, stored
from corpus_speech import REPOSITORY, cache_folder
from mel import BANDS, SAMPLE_RATE_HZ, log_mel, tick_rows
from onnx_graph import Graph
from philox import normal_of, normals, philox4x32
from phones import PHONES
from speech_encoder import SpeechEncoder, config_of, load_encoder, ring_bias

NAME = "speech-encoder"
LICENCE = "MIT, with the attribution lines under data"
DATA = (
    "Voice dataset Kathleen, rhasspy, CC0 1.0; "
    "GRID corpus: Cooke, Barker, Cunningham, Shao (2006), JASA 120(5), Zenodo 3625687, CC BY 4.0; "
    "synthetic voices of flite (slt, rms, awb, kal) and espeak-ng"
)
GOLDEN_TICKS = 80
ROWS = 2


def golden_sound(seconds, seed):
    """A sound with everything in it: gliding vowels, hisses, clicks, a pause of digital silence. f32 [N]."""
    random = np.random.default_rng(seed)
    count = int(seconds * SAMPLE_RATE_HZ)
    t = np.arange(count) / SAMPLE_RATE_HZ
    pitch = 110 + 60 * np.sin(2 * np.pi * 0.7 * t + seed)
    source = np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE_HZ), prepend=0.0)
    source += 0.01 * random.standard_normal(count)
    voice = np.zeros(count)
    span = SAMPLE_RATE_HZ // 8
    for start in range(0, count, span):
        piece = source[start : start + span]
        if random.random() < 0.3:
            piece = 0.2 * random.standard_normal(len(piece))
        for formant in random.uniform((250, 800, 2200), (800, 2200, 3200)):
            radius = np.exp(-np.pi * 90 / SAMPLE_RATE_HZ)
            angle = 2 * np.pi * formant / SAMPLE_RATE_HZ
            piece = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], piece)
        voice[start : start + span] = piece * gain_to(0.1, piece) * 10 ** random.uniform(-1, 0.2)
    voice[count // 2 : count // 2 + SAMPLE_RATE_HZ // 4] = 0
    voice[count // 3] = 0.9
    return (np.round(np.clip(voice, -1, 1) * 32767) / 32768).astype(np.float32)


def gain_to(rms, samples):
    """The factor that brings samples to a level."""
    return rms / (np.sqrt(np.mean(samples**2)) + 1e-9)


def save_encoder(encoder, path, extra=None):
    """Write the weights; returns the byte ranges of the tensors."""
    config = config_of(encoder) | {"mels": BANDS, "phones": PHONES}
    metadata = {
        "format": "duologue",
        "version": "1",
        "network": NAME,
        "config": json.dumps(config, separators=(",", ":")),
        "licence": LICENCE,
        "data": DATA,
        **(extra or {}),
    }
    return save_safetensors(path, stored(encoder.exported()), metadata)


def causal_conv(graph, x, path, conv, new):
    """The convolution of `new` rows x after its carried rows, an input; publishes the rows to carry on."""
    shape = ["R", conv.carried, conv.inputs]
    rows = graph.op("Concat", graph.input(f"{path}.state", shape), x, axis=1)
    graph.output(graph.slice(rows, 1, new, new + conv.carried), f"{path}.state_out", shape)
    starts = range(0, new, conv.stride)
    spans = [graph.slice(rows, 1, start, start + conv.taps) for start in starts]
    flat = [graph.op("Reshape", span, graph.ints(0, 1, conv.taps * conv.inputs)) for span in spans]
    return graph.linear(graph.op("Concat", *flat, axis=1) if len(flat) > 1 else flat[0], path)


def encoder_graph(encoder, spans, location):
    """speech-encoder.onnx: one tick of R rows."""
    config = encoder.config
    d, window = config.d, config.window
    graph = Graph(NAME, stored(encoder.exported()), spans, location, d, config.heads)
    x = graph.gelu(causal_conv(graph, graph.input("mel", ["R", 2, BANDS]), "conv_in", encoder.conv_in, 2))
    h = graph.gelu(causal_conv(graph, x, "conv_down", encoder.conv_down, 2))
    rings = [graph.input(f"blocks.{i}.ring", ["R", window, 2 * d]) for i in range(config.layers)]
    bias = graph.input("bias", [config.heads, window])
    for i, block in enumerate(encoder.blocks):
        path = f"blocks.{i}"
        rows = graph.layernorm(h, f"{path}.norm1")
        h = graph.op("Add", h, graph.gelu(causal_conv(graph, rows, f"{path}.conv", block.conv, 1)))
        qkv = graph.linear(graph.layernorm(h, f"{path}.norm2"), f"{path}.attn.qkv")
        mixed, kv = graph.attention(qkv, rings[i], bias)
        graph.output(kv, f"{path}.kv", ["R", 1, 2 * d])
        h = graph.op("Add", h, graph.linear(mixed, f"{path}.attn.out"))
        up = graph.gelu(graph.linear(graph.layernorm(h, f"{path}.norm3"), f"{path}.ff.up"))
        h = graph.op("Add", h, graph.linear(up, f"{path}.ff.down"))
    token = graph.layernorm(graph.op("Reshape", h, graph.ints(0, d)), "norm")
    graph.output(token, "token", ["R", d])
    graph.output(graph.op("Softmax", graph.linear(token, "phone_head"), axis=-1), "phones", ["R", len(PHONES)])
    voicing = graph.op("Sigmoid", graph.linear(token, "voicing_head"))
    graph.output(graph.op("Reshape", voicing, graph.ints(0)), "voicing", ["R"])
    return graph


def golden_mel():
    """Rows [n, R, 2, 80] of two different sounds."""
    seconds = GOLDEN_TICKS / 30
    return np.stack([tick_rows(golden_sound(seconds, 11 + r), GOLDEN_TICKS) for r in range(ROWS)], 1)


@torch.no_grad()
def golden_encoder(encoder):
    """Inputs and outputs of the encoder, tick by tick, in f32 on weights rounded to halves."""
    mel, state = golden_mel(), encoder.start(ROWS)
    out = [encoder.tick(torch.from_numpy(rows), state) for rows in mel]
    return {
        "mel": mel,
        "token": torch.stack([o["token"] for o in out]),
        "phones": torch.stack([o["phones"].softmax(-1) for o in out]),
        "voicing": torch.stack([o["voicing"].sigmoid() for o in out]),
    }


def halves(words):
    """uint32 [.., n] as its 16-bit halves [.., 2n], low first: whole numbers that an F32 tensor holds exactly."""
    words = np.asarray(words, np.uint32)
    return np.stack([words & 0xFFFF, words >> 16], -1).reshape(*words.shape[:-1], -1)


def golden_philox():
    """Cases of the generator: counter, key and words as 16-bit halves (low first), normal; and a block of normals."""
    random = np.random.default_rng(3)
    counter = random.integers(0, 2**32, (64, 4), np.uint32)
    counter[:32] %= np.array([51, 4, 100000, 9], np.uint32)
    key = random.integers(0, 2**32, (64, 2), np.uint32)
    key[:16] = (1234, 0)
    counter[0], key[0] = 0, 0
    words = philox4x32(counter, key)
    return {
        "counter": halves(counter),
        "key": halves(key),
        "words": halves(words),
        "normal": normal_of(words),
        "seed_1234_frame_7_step_2": normals(1234, 51, ROWS, 7, 2),
    }


def graph_error(encoder, models, golden):
    """The largest difference between the ONNX graph, run tick by tick with rings, and the golden vectors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(models / f"{NAME}.onnx"), options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    window, state = encoder.config.window, encoder.start(ROWS)
    feed = {f"blocks.{i}.ring": ring.numpy() for i, ring in enumerate(state["ring"])}
    feed |= {f"blocks.{i}.conv.state": rows.numpy() for i, rows in enumerate(state["conv"])}
    feed |= {"conv_in.state": state["conv_in"].numpy(), "conv_down.state": state["conv_down"].numpy()}
    worst = 0.0
    for n, mel in enumerate(golden["mel"]):
        feed["mel"] = mel
        # The slots are filled round and round, so that an order of slots would show.
        age = (n - 1 - np.arange(window)) % window + 1
        feed["bias"] = ring_bias(encoder.config.heads, torch.from_numpy(age), n).numpy()
        out = dict(zip(names, session.run(None, feed)))
        for name in ("token", "phones", "voicing"):
            worst = max(worst, float(np.abs(out[name] - np.asarray(golden[name][n])).max()))
        for name, value in out.items():
            if name.endswith(".state_out"):
                feed[name.removesuffix("_out")] = value
            elif name.endswith(".kv"):
                feed[name.removesuffix("kv") + "ring"][:, n % window] = value[:, 0]
    return worst


def export(encoder, models, goldens, extra=None):
    """Write weights, graph and golden vectors; returns the graph's largest error."""
    encoder.load_state_dict(rounded(encoder.state_dict()))
    encoder.eval()
    models, goldens = Path(models), Path(goldens)
    spans = save_encoder(encoder, models / f"{NAME}.safetensors", extra)
    encoder_graph(encoder, spans, f"{NAME}.safetensors").save(models / f"{NAME}.onnx")
    golden = golden_encoder(encoder)
    save_safetensors(goldens / f"{NAME}.safetensors", golden, {})
    samples = golden_sound(1.5, 5)
    save_safetensors(goldens / "logmel.safetensors", {"samples": samples, "rows": log_mel(samples)}, {})
    save_safetensors(goldens / "philox.safetensors", golden_philox(), {})
    return graph_error(encoder, models, golden)


def main():
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", action="store_true", help="untrained weights")
    parser.add_argument("--weights", type=Path, default=cache_folder() / "runs" / NAME / "checkpoint.pt")
    parser.add_argument("--models", type=Path, default=REPOSITORY / "public/models")
    parser.add_argument("--goldens", type=Path, default=REPOSITORY / "test/golden")
    options = parser.parse_args()
    extra = {}
    if options.random:
        torch.manual_seed(7)
        encoder = SpeechEncoder()
    else:
        encoder = load_encoder(options.weights)
        if options.weights.suffix == ".pt":
            steps = torch.load(options.weights, map_location="cpu", weights_only=True)["step"]
            extra["steps"] = str(steps)
    error = export(encoder, options.models, options.goldens, extra)
    print(f"{NAME}.safetensors, {NAME}.onnx, golden vectors: graph within {error:.1e} of the twin")
    if error > 1e-3:
        raise SystemExit("the ONNX graph does not agree with the twin")


if __name__ == "__main__":
    main()
