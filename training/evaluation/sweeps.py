"""Quality against look-ahead, denoising steps and weight precision.

`lookahead` is a probe, not the product: small softmax heads, fitted on Kathleen's training split, read the phone of
frame n - L from the token that the shipped, frozen encoder gives at frame n. The encoder itself was trained for one
look-ahead, so the curve says what its tokens know, not what an encoder trained for that look-ahead would. `steps` and
`precision` are the product's own output on a part of the recordings.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from checkpoint import DTYPES, rounded
from corpus_speech import RATE_HZ, REPOSITORY, Utterance, cache_folder, recorded
from evaluation.grid import JAW, Clip, grid_measures, load_clips, load_mesh, tracked_figures
from evaluation.lips import frames_of, held_out_kathleen, product_talks, ratio_and_error, speech_measures
from evaluation.setting import Setting, data_folder
from face_metrics import load_ict
from mel import tick_rows
from phones import PHONE_TO_VISEME, PHONES, SILENCE, VISEME_OF_PHONE, frame_phones
from speech_encoder import SpeechEncoder, load_encoder

LOOKAHEADS = tuple(range(7))
STEPS = (1, 2, 3, 4, 6, 8)
BITS = (8, 6)
PROBE_UTTERANCES = 220
SPOKEN, CLIPS = 8, 8
"""Kathleen utterances and GRID clips that the product runs on for every setting of a sweep."""


def spread(items: list, count: int) -> list:
    """`count` of the items, evenly over the list."""
    if len(items) <= count:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, count).astype(int)]


@torch.no_grad()
def encoded(encoder: SpeechEncoder, utterance: Utterance) -> tuple[dict[str, Tensor], np.ndarray]:
    """The encoder's outputs [frames + 6, ...] of every tick of an utterance, and the phones [frames] it says."""
    frames = frames_of(utterance.samples)
    sound = np.pad(utterance.samples.astype(np.float32) / 32768, (0, RATE_HZ // 2))
    out = encoder(torch.from_numpy(tick_rows(sound, frames + LOOKAHEADS[-1]))[None])
    truth = frame_phones([(int(p), s, d) for p, s, d in utterance.segments], frames)
    return {name: value[0] for name, value in out.items()}, truth


def fitted_head(tokens: Tensor, phones: Tensor, iterations: int = 60) -> nn.Linear:
    """A softmax head phones [N] of tokens [N, C], by L-BFGS with a little weight decay."""
    torch.manual_seed(0)
    head = nn.Linear(tokens.shape[1], len(PHONES))
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=iterations, history_size=8, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = nn.functional.cross_entropy(head(tokens), phones) + 1e-5 * head.weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return head


def visemes_right(logits: Tensor, truth: np.ndarray) -> tuple[int, int]:
    """(right, counted) frames of speech of phone logits [frames, 40], as the product decides: summed probabilities."""
    decided = (logits.softmax(-1).numpy() @ PHONE_TO_VISEME).argmax(-1)
    spoken = truth != SILENCE
    return int((decided == VISEME_OF_PHONE[truth])[spoken].sum()), int(spoken.sum())


@torch.no_grad()
def probe_accuracy(head: nn.Module, runs: list, lookahead: int) -> tuple[float, float]:
    """Viseme accuracy and its standard error of a head at a look-ahead on encoded utterances."""
    pairs = [visemes_right(head(out["token"][lookahead : lookahead + len(truth)]), truth) for out, truth in runs]
    return ratio_and_error(*zip(*pairs, strict=True))


def lookahead_sweep(encoder: SpeechEncoder, train: list[Utterance], tests: dict[str, list[Utterance]]) -> dict:
    """Viseme accuracy of the probes by look-ahead in frames, and of the shipped head at its own."""
    fit = [encoded(encoder, utterance) for utterance in train]
    runs = {name: [encoded(encoder, utterance) for utterance in found] for name, found in tests.items()}
    phones = torch.from_numpy(np.concatenate([truth for _, truth in fit]))
    own = encoder.config.lookahead
    out: dict = {"is": "a probe: softmax heads on the frozen shipped encoder", "fitted_on_utterances": len(train)}
    out["shipped_head"] = {"lookahead": own}
    for name, found in runs.items():
        accuracy, error = probe_accuracy(encoder.phone_head, found, own)
        out["shipped_head"] |= {name: accuracy, f"{name}_error": error}
    for lookahead in LOOKAHEADS:
        tokens = torch.cat([one["token"][lookahead : lookahead + len(truth)] for one, truth in fit])
        head = fitted_head(tokens, phones)
        row: dict = {"ms": lookahead * 1000 / 30}
        for name, found in runs.items():
            row[name], row[f"{name}_error"] = probe_accuracy(head, found, lookahead)
        out[str(lookahead)] = row
    return out


def product_row(setting: Setting, spoken: list[Utterance], clips: list[Clip], data: Path) -> dict:
    """What the product makes of the sweep's recordings with one setting."""
    ict, mesh = load_ict(data / "face-ict/ict_arkit.npz"), load_mesh(data / "face-ict/ict_arkit.npz")
    talks, factor = product_talks({"speech-kathleen": spoken}, clips, data, setting)
    speech = speech_measures(spoken, talks[: len(spoken)], ict, tracked_figures(clips, mesh)["open_word_jaw"])
    against = grid_measures(clips, [talk.face for talk in talks[len(spoken) :]], mesh)
    jerk = np.concatenate([np.abs(np.diff(talk.face[:, JAW], 3)) for talk in talks])
    keys = ("viseme_accuracy", "pbm_closed", "false_closures", "open_vowel_jaw")
    return {
        **{name: speech[name] for key in keys for name in (key, f"{key}_error") if name in speech},
        **{key: against[key] for key in ("jaw_r", "jaw_r_error", "lip_shapes_r", "lve_mm2", "fdd_mm2")},
        "jaw_jerk": float(jerk.mean()),
        "real_time_factor": factor,
    }


def quantised(path: Path, out: Path, bits: int) -> None:
    """A .safetensors file with every matrix rounded to `bits` bits a number, one scale a row; same layout, halves."""
    raw = bytearray(path.read_bytes())
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F16" or len(entry["shape"]) < 2:
            continue
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(bytes(raw[start:end]), DTYPES["F16"]).reshape(entry["shape"]).astype(np.float32)
        rows = values.reshape(len(values), -1)
        scale = np.maximum(np.abs(rows).max(1, keepdims=True) / (2 ** (bits - 1) - 1), 1e-12)
        raw[start:end] = (np.round(rows / scale) * scale).astype(DTYPES["F16"]).tobytes()
    out.write_bytes(raw)


def quantised_models(models: Path, out: Path, bits: int) -> Path:
    """A folder of models whose networks are rounded to `bits` bits; everything else is linked."""
    out.mkdir()
    for path in models.iterdir():
        if path.suffix == ".safetensors":
            quantised(path, out / path.name, bits)
        elif path.suffix == ".onnx":
            (out / path.name).symlink_to(path.resolve())
    return out


def singles_of(shipped: SpeechEncoder, folder: Path) -> SpeechEncoder | None:
    """The encoder of a training checkpoint in singles whose rounding is the shipped one, or None."""
    for path in sorted(folder.glob("*encoder*/*.pt")):
        try:
            found = load_encoder(path)
        except (KeyError, TypeError, RuntimeError, ValueError, EOFError, OSError):
            continue
        theirs, ours = rounded(found.exported()), shipped.exported()
        if theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in ours):
            return found
    return None


def encoder_precision(shipped: SpeechEncoder, spoken: list[Utterance]) -> dict:
    """Viseme accuracy of the encoder's twin with singles and with halves, where its checkpoint is at hand."""
    singles = singles_of(shipped, cache_folder() / "runs")
    if singles is None:
        return {"singles": None, "why": "no checkpoint in the cache rounds to the shipped encoder"}
    out = {}
    for name, encoder in (("halves", shipped), ("singles", singles)):
        runs = [encoded(encoder, utterance) for utterance in spoken]
        out[name] = probe_accuracy(encoder.phone_head, runs, encoder.config.lookahead)[0]
    return out


def measure(setting: Setting) -> dict:
    """{lookahead, steps, precision}."""
    torch.set_num_threads(max(1, setting.processes))
    data = data_folder()
    models = setting.models or REPOSITORY / "public" / "models"
    encoder = load_encoder(models / "speech-encoder.safetensors")
    split = json.loads((data / "speech-kathleen" / "split.json").read_text())
    train = [utterance for utterance in recorded("kathleen") if split[utterance.id] == "train"]
    unseen = spread(list(recorded("dc-tts")), 24)
    tests = {"kathleen": held_out_kathleen(data)[: setting.limit], "unseen": unseen[: setting.limit]}
    few = PROBE_UTTERANCES if setting.limit is None else 20
    spoken = spread(tests["kathleen"], SPOKEN)
    clips = spread(load_clips(data)["val"][: setting.limit], CLIPS)
    result: dict = {"lookahead": lookahead_sweep(encoder, spread(train, few), tests)}
    result["steps"] = {
        str(steps): product_row(replace(setting, steps=steps), spoken, clips, data)
        for steps in (STEPS if setting.limit is None else (1, setting.steps))
    }
    halves = result["steps"].get(str(setting.steps)) or product_row(setting, spoken, clips, data)
    result["precision"] = {"halves (shipped)": halves}
    for bits in BITS:
        folder = quantised_models(models, setting.work / f"{bits}-bits", bits)
        result["precision"][f"{bits} bits a row"] = product_row(replace(setting, models=folder), spoken, clips, data)
    result["encoder_precision"] = encoder_precision(encoder, spread(tests["kathleen"], 40))
    result["recordings"] = {"kathleen": len(spoken), "grid": len(clips), "seed": setting.seed}
    return result


COLUMNS = {
    "viseme_accuracy": "visemes",
    "pbm_closed": "P,B,M closed",
    "false_closures": "falsely closed",
    "jaw_r": "GRID jaw r",
    "lip_shapes_r": "lip shapes r",
    "lve_mm2": "LVE mm²",
    "jaw_jerk": "jaw jerk",
    "real_time_factor": "rt factor",
}


def _cell(row: dict, key: str) -> str:
    error = row.get(f"{key}_error")
    return f"{row[key]:.3f}" + (f" ±{error:.3f}" if error is not None else "")


def _rows(title: str, rows: dict[str, dict]) -> list[str]:
    lines = [title, f"{'':18s}" + "".join(f"{label:>15s}" for label in COLUMNS.values())]
    lines += [f"{name:18s}" + "".join(f"{_cell(row, key):>15s}" for key in COLUMNS) for name, row in rows.items()]
    return [*lines, ""]


def table(result: dict) -> str:
    """The three sweeps."""
    lines = ["Look-ahead, viseme accuracy of a probe: softmax heads on the frozen shipped encoder (± standard error)"]
    lines.append(f"{'frames':>8s}{'ms':>8s}{'Kathleen':>16s}{'unseen talker':>16s}")
    for name, row in result["lookahead"].items():
        if name.isdigit():
            lines.append(f"{name:>8s}{row['ms']:8.0f}{_cell(row, 'kathleen'):>16s}{_cell(row, 'unseen'):>16s}")
    own = result["lookahead"]["shipped_head"]
    lines += [f"shipped head at {own['lookahead']}: {_cell(own, 'kathleen')}, {_cell(own, 'unseen')}", ""]
    count = result["recordings"]
    what = f"the product on {count['kathleen']} Kathleen utterances, {count['grid']} GRID clips, seed {count['seed']}"
    lines += _rows(f"Denoising steps, {what}", result["steps"])
    lines += _rows(f"Weight precision, {what}", result["precision"])
    twins = result["encoder_precision"]
    if twins.get("singles") is None:
        lines.append(f"singles: not measured ({twins['why']}); the engine reads halves only")
    else:
        lines.append(f"encoder alone, viseme accuracy: halves {twins['halves']:.4f}, singles {twins['singles']:.4f}")
    return "\n".join(lines)
