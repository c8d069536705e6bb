"""Free-running evaluation of a dyadic network on held-out streams: what it emits for minutes against the corpus.

    python evaluate_dim.py                                     # public/models/dim.safetensors
    python evaluate_dim.py --checkpoint FILE --temperature 0.6 --top-k 16

Every frame follows the frames emitted before. The face network's part of the blend is the stream's own face here, so
head and listening are measured, not lips.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import find_peaks, welch

from corpus_speech import REPOSITORY
from dim import CHANNELS, LISTENER_OF, SPEAKER_OF, Dim
from dim_loss import HEAD
from dim_stream import DimStream
from dim_windows import Corpus
from evaluation.metrics import dyadic
from export_dim import load_dim
from mel import FRAME_RATE_HZ
from train_dim import load_average

JITTER_HZ = 5.0
NOD_RAD, LONGEST_NOD_S = 0.045, 0.6
BLINK, BROW, SMILE = (CHANNELS.index(n) for n in ("eyeBlinkLeft", "browInnerUp", "mouthSmileLeft"))
DEGREES = 180 / np.pi


@dataclass
class Heard:
    """What the network is given: tokens [S, 2, n, 256], voicing [S, 2, n], the face network's weights [S, 2, n, 51]."""

    token: np.ndarray
    voicing: np.ndarray
    face: np.ndarray

    def with_partners(self, kind: str) -> "Heard":
        """The same with a wrong partner for person s % 2 of stream s: another stream's, 2 s late or early, silent."""
        out = Heard(*(x.copy() for x in (self.token, self.voicing, self.face)))
        streams = len(out.token)
        # The quietest stretch of all, repeated, is what silence sounds like.
        rows = self.voicing.reshape(-1, self.voicing.shape[-1])
        quiet = np.stack([np.convolve(row, np.ones(60), "valid") for row in rows])
        row, k = np.unravel_index(quiet.argmin(), quiet.shape)
        for s in range(streams):
            partner = 1 - s % 2
            for name in ("token", "voicing", "face"):
                whole = getattr(self, name)
                if kind == "another":
                    new = whole[(s + 1) % streams, partner]
                elif kind == "silence":
                    still = whole[row // 2, row % 2, k : k + 60]
                    new = np.resize(still, whole.shape[2:])
                else:
                    new = np.roll(whole[s, partner], round((2 if kind == "late" else -2) * FRAME_RATE_HZ), 0)
                getattr(out, name)[s, partner] = new
        return out


def heard(corpus: Corpus, frames: int) -> Heard:
    """What the streams of a part sound like."""
    return Heard(*(x[:, :, :frames].astype(np.float32) for x in (corpus.token, corpus.voicing, corpus.face)))


def free_run(
    model: Dim, given: Heard, seed: int = 1, temperature: float | None = None, top_k: int | None = None
) -> dict[str, np.ndarray]:
    """Motion [S, 2, n, C] in weights and rad and codes [S, 4, n, G] of all streams of a part, side by side."""
    token, voicing, face = (torch.from_numpy(x) for x in (given.token, given.voicing, given.face))
    streams, _, frames, _ = token.shape
    stream = DimStream(model, seed, temperature, top_k, conversations=streams)
    out = [stream.frame(*(x[:, :, k].flatten(0, 1) for x in (token, voicing, face))) for k in range(frames)]
    motion = model.physical(torch.stack([f.motion for f in out], 1)).unflatten(0, (streams, 2))
    codes = torch.stack([f.codes for f in out], 1).unflatten(0, (streams, 4))
    return {"motion": motion.numpy(), "codes": codes.numpy()}


def partners(model: Dim, corpus: Corpus, frames: int, right: np.ndarray, **draws: float | None) -> dict[str, dict]:
    """DIM's measures of the listeners s % 2 with the right partner [S, 2, n, C] and with wrong ones.

    In units of each channel's spread, over the frames in which the listener does not speak.
    """
    std, truth = model.std.numpy(), corpus.motion[:, :, :frames].astype(np.float32)
    given, out = heard(corpus, frames), {}
    for kind in ("right", "another", "late", "early", "silence"):
        made = right if kind == "right" else free_run(model, given.with_partners(kind), **draws)["motion"]
        lists: list[list[np.ndarray]] = [[], [], []]
        for s in range(len(truth)):
            p = s % 2
            mask = corpus.turn[s, p, :frames] < 0.1
            if (corpus.turn[s, 1 - p, :frames] > 0.5).sum() < 150:
                continue
            for rows, x in zip(lists, (made[s, p], truth[s, p], truth[s, 1 - p]), strict=True):
                rows.append(x[mask] / std)
        out[kind] = dyadic(*lists, 20)
    return out


def share_above(signal: np.ndarray, limit_hz: float) -> float:
    """Share of the power of signals [..., n] above a frequency, means left out."""
    frequency, power = welch(signal, FRAME_RATE_HZ, nperseg=128, axis=-1, detrend="constant")
    power = power.reshape(-1, len(frequency)).sum(0)[1:]
    return float(power[frequency[1:] > limit_hz].sum() / power.sum())


def per_minute(signals: np.ndarray, where: np.ndarray, **shape: object) -> float:
    """Peaks per minute of signals [N, n] within frames `where` [N, n]."""
    count = 0
    for signal, mask in zip(signals, where, strict=True):
        peaks, _ = find_peaks(signal, **shape)
        count += int(mask[peaks].sum())
    return count / max(where.sum() / FRAME_RATE_HZ / 60, 1e-9)


def entropy_bits(codes: np.ndarray, size: int) -> float:
    """Entropy of code use in bits, mean over groups; codes [..., G]."""
    out = []
    for group in np.moveaxis(codes, -1, 0):
        share = np.bincount(group.ravel(), minlength=size) / group.size
        out.append(-(share[share > 0] * np.log2(share[share > 0])).sum())
    return float(np.mean(out))


def measures(motion: np.ndarray, turn: np.ndarray, codes: np.ndarray, size: int) -> dict[str, float]:
    """The figures of motion [S, 2, n, C] with turns [S, 2, n] and codes [S, 4, n, G]."""
    flat = motion.astype(np.float64).reshape(-1, *motion.shape[2:])
    listening = turn.reshape(-1, turn.shape[-1]) < 0.1
    out: dict[str, float] = {}
    speed = np.linalg.norm(np.diff(flat[..., HEAD], axis=1), axis=-1) * FRAME_RATE_HZ * DEGREES
    for name, mask in (("listening", listening), ("speaking", ~listening)):
        std = flat[mask][:, HEAD].std(0) * DEGREES
        out |= {f"head std {axis}, {name}, degrees": float(v) for axis, v in zip("XYZ", std, strict=True)}
        out[f"head speed, {name}, degrees/s"] = float(speed[mask[:, 1:]].mean())
        out[f"head speed p99, {name}, degrees/s"] = float(np.percentile(speed[mask[:, 1:]], 99))
    out["head power above 5 Hz"] = share_above(np.moveaxis(flat[..., HEAD], -1, 1), JITTER_HZ)
    steps = np.diff(flat[..., HEAD], 2, axis=1) * FRAME_RATE_HZ**2 * DEGREES
    out["head acceleration, degrees/s2"] = float(np.linalg.norm(steps, axis=-1).mean())
    nod = {"prominence": NOD_RAD, "width": (1, LONGEST_NOD_S * FRAME_RATE_HZ)}
    out["nods per minute of listening"] = per_minute(flat[..., HEAD.start], listening, **nod)
    blink = {"height": 0.5, "prominence": 0.3}
    out["blinks per minute of listening"] = per_minute(flat[..., BLINK], listening, **blink)
    for name, channel in (("browInnerUp", BROW), ("mouthSmileLeft", SMILE)):
        out[f"{name} mean, listening"] = float(flat[..., channel][listening].mean())
        out[f"{name} std, listening"] = float(flat[..., channel][listening].std())
        out[f"{name} power above 5 Hz"] = share_above(flat[..., channel], JITTER_HZ)
    out["listener codes, bits"] = entropy_bits(codes[:, list(LISTENER_OF)][turn < 0.1], size)
    out["speaker codes, bits"] = entropy_bits(codes[:, list(SPEAKER_OF)][turn > 0.9], size)
    return out


def main() -> None:
    """Command line of the evaluation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="checkpoint of train_dim.py instead of the exported network")
    parser.add_argument("--part", default="val")
    parser.add_argument("--seconds", type=int, default=47)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--tokens", default="tokens")
    parser.add_argument("--encoder", default="", help="weights that made the tokens, where not the shipped ones")
    parser.add_argument("--streams", type=int, default=0, help="only the first of the part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--partners", action="store_true", help="also with wrong partners")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shipped = REPOSITORY / "public/models/dim.safetensors"
    model = load_average(options.checkpoint)[0] if options.checkpoint else load_dim(shipped)
    corpus = Corpus(options.part, options.tokens, 0, options.encoder, options.streams)
    frames = options.seconds * FRAME_RATE_HZ
    corpus.label(model)
    draws = {"seed": options.seed, "temperature": options.temperature, "top_k": options.top_k}
    made = free_run(model, heard(corpus, frames), **draws)
    turn, size = corpus.turn[:, :, :frames], model.config.codes
    ours = measures(made["motion"], turn, made["codes"], size)
    theirs = measures(corpus.motion[:, :, :frames], turn, corpus.codes[:, :, :frames], size)
    print(json.dumps({name: [round(ours[name], 4), round(theirs[name], 4)] for name in ours}, indent=1))
    if options.partners:
        for kind, row in partners(model, corpus, frames, made["motion"], **draws).items():
            print(f"{kind:8s}", " ".join(f"{name} {value:.4f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
