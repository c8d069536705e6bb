"""Free-running evaluation of the body networks on held-out simulated conversations.

    python evaluate_body.py                              # the exported pair in public/models
    python evaluate_body.py --checkpoints --minutes 4    # the latest checkpoints of train_body.py
    python evaluate_body.py --save DIR                   # and the motion of every run as .npz

Nothing but speech tokens, heads and conditions comes from the corpus: every block follows the blocks emitted before it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from body import LOWER_FEATURES, UPPER_FEATURES, Body
from body_skeleton import forward
from body_stream import BodyStream
from body_windows import load_part
from export_body import ROOT, load_body

RATE_HZ = 30
ACTIONS = {"stand": 0, "walk": 1, "sit": 2}
GROUPS = {
    "root": ("dx", "dz", "dyaw"),
    "height": ("height",),
    "legs": ("hips", "Leg", "Foot"),
    "trunk": ("spine", "chest", "upperChest"),
    "arms": ("Shoulder", "Arm"),
    "hands": ("leftHand", "rightHand"),
    "fingers": ("Fingers",),
}
"""Groups of features by what their names contain."""


def talks(data: dict[str, np.ndarray], action: str, frames: int) -> list[dict[str, np.ndarray]]:
    """The part's streams in which an action prevails, end to end: arrays [2, n, .] of at most `frames` frames."""
    share = (data["action"] == ACTIONS[action]).mean((1, 2))
    least = 0.05 if action == "walk" else 0.999
    names = ("lower", "upper", "head", "root", "action", "emotion", "phone")
    out: list[dict[str, np.ndarray]] = []
    for s in np.flatnonzero(share >= least):
        one = {name: data[name][s] for name in names} | {"token": np.asarray(data["token"][s])}
        one["relationship"] = int(np.ravel(data["relationship"][s])[0])
        out.append(one)
        if sum(o["phone"].shape[1] for o in out) >= frames:
            break
    return out


def free_run(lower: Body, upper: Body, streams: list[dict], seed: int, guidance: float = 1.0) -> dict[str, np.ndarray]:
    """One talk over all streams: lower, upper, root [2, n, .] from frame 8 on (frames 0 to 7 are rest)."""
    first = streams[0]

    def ids(one: dict, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        pair = (torch.from_numpy(one[name][:, k].astype(np.int64)) for name in ("action", "emotion"))
        return (*pair, torch.tensor([one["relationship"]]))

    stream = BodyStream(lower, upper, first["root"][:, 0], *ids(first, 0), seed=seed, guidance=guidance)
    made = []
    for one in streams:
        token = torch.from_numpy(one["token"].astype(np.float32))
        head = torch.from_numpy(one["head"].astype(np.float32))
        for k in range(token.shape[1]):
            ahead = min(k + 8 - k % 8, token.shape[1] - 1)
            stream.action, stream.emotion, stream.relationship = ids(one, ahead)
            block = stream.frame(token[:, k], head[:, k])
            if block is not None:
                made.append(block)
    return {name: np.concatenate([getattr(b, name) for b in made], 1) for name in ("lower", "upper", "root")}


def members(names: list[str], keys: tuple[str, ...]) -> list[int]:
    """Indices of the features of a group."""
    return [i for i, name in enumerate(names) if any(k in name.split(".")[0] for k in keys)]


def fast_share(x: np.ndarray, above_hz: float = 5.0) -> float:
    """Share of the power of the motion's velocity above a frequency, for x [2, n, F]."""
    step = np.diff(x, axis=1)
    power = np.abs(np.fft.rfft(step - step.mean(1, keepdims=True), axis=1)) ** 2
    hz = np.fft.rfftfreq(step.shape[1], 1 / RATE_HZ)
    return float(power[:, hz > above_hz].sum() / max(power.sum(), 1e-12))


def edge_ratio(x: np.ndarray) -> float:
    """Mean size of the second difference across block edges over that inside blocks; x [2, n, F] begins a block."""
    acceleration = np.abs(np.diff(x, 2, axis=1)).mean((0, 2))
    across = np.isin((np.arange(len(acceleration)) + 1) % 8, (7, 0))
    return float(acceleration[across].mean() / max(acceleration[~across].mean(), 1e-9))


def kinematics(motion: dict[str, np.ndarray]) -> dict[str, float]:
    """Slide of feet in contact (the slower of ankle and toes) and speed of the hands, in the world, cm/s."""
    slide, hands = [], []
    for p in range(2):
        lower, upper, root = (motion[name][p].astype(float) for name in ("lower", "upper", "root"))
        position, _ = forward(lower, upper, np.zeros((len(root), 3)), root)
        for i, side in enumerate(("left", "right")):
            speeds = [
                np.linalg.norm(np.diff(position[side + bone][:, [0, 2]], axis=0), axis=1) for bone in ("Foot", "Toes")
            ]
            held = (lower[1:, 25 + i] > 0.5) & (lower[:-1, 25 + i] > 0.5)
            slide.append(np.minimum(*speeds)[held] * RATE_HZ * 100)
        hands.append(
            sum(np.linalg.norm(np.diff(position[s + "Hand"], axis=0), axis=1) for s in ("left", "right")) / 2
        )
    slid = np.concatenate(slide)
    speaking = motion["phone"][:, 1:] != 0
    # A pause of a few frames within speech is speech still.
    near = np.stack([np.convolve(row, np.ones(15), "same") > 0 for row in speaking])
    speed = np.stack(hands) * RATE_HZ * 100
    return {
        "foot_slide_cm_s": float(slid.mean()),
        "foot_slide_p95_cm_s": float(np.percentile(slid, 95)),
        "hands_cm_s": float(speed.mean()),
        "hands_speaking_over_silent": float(speed[near].mean() / max(speed[~near].mean(), 1e-9)) if near.any() else 0.0,
    }


def measures(motion: dict[str, np.ndarray]) -> dict:
    """Everything measured on lower, upper, root [2, n, .] and phone [2, n] of one run."""
    out: dict = kinematics(motion)
    for group, keys in GROUPS.items():
        for name, names in (("lower", LOWER_FEATURES), ("upper", UPPER_FEATURES)):
            index = members(names, keys)
            if not index:
                continue
            x = motion[name][..., index].astype(float)
            out[group] = {
                "std": float(np.sqrt(x.var(1).mean())),
                "speed_per_s": float(np.abs(np.diff(x, axis=1)).mean() * RATE_HZ),
                "share_above_5_hz": fast_share(x),
                "edge_over_inside": edge_ratio(x),
            }
    root, minutes = motion["root"], motion["root"].shape[1] / RATE_HZ / 60
    gap = np.linalg.norm(root[0, :, :2] - root[1, :, :2], axis=1)
    ends = {"first": gap[0], "last": gap[-1], "least": gap.min(), "most": gap.max()}
    out["distance_m"] = {name: float(value) for name, value in ends.items()}
    out["drift_m_per_min"] = float(np.linalg.norm(root[:, -1, :2] - root[:, 0, :2], axis=1).mean() / minutes)
    out["turn_rad_per_min"] = float(np.abs(root[:, -1, 2] - root[:, 0, 2]).mean() / minutes)
    return out


def cut(motion: dict[str, np.ndarray], lengths: list[int]) -> list[dict[str, np.ndarray]]:
    """A run in pieces of the streams' lengths; it begins at frame 8."""
    ends = np.cumsum(lengths) - 8
    spans = [slice(max(end - size, 0), end) for end, size in zip(ends, lengths, strict=True)]
    return [{n: v[:, span] for n, v in motion.items()} for span in spans]


def averaged(items: list) -> dict | float:
    """The mean of equal trees of numbers."""
    if isinstance(items[0], dict):
        return {key: averaged([item[key] for item in items]) for key in items[0]}
    return float(np.mean(items))


def rounded(tree: dict | float, digits: int = 4) -> dict | float:
    """A tree of numbers for print."""
    return {k: rounded(v, digits) for k, v in tree.items()} if isinstance(tree, dict) else round(tree, digits)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "public/models")
    parser.add_argument("--checkpoints", action="store_true", help="measure the latest checkpoints instead")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--actions", nargs="*", default=list(ACTIONS), choices=ACTIONS)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--part", default="val")
    parser.add_argument("--tokens", default="tokens")
    parser.add_argument("--streams", help="folder of the cache that holds the conversations")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.checkpoints:
        from train_body import load_ema

        lower, upper = (load_ema(part)[0] for part in ("lower", "upper"))
    else:
        lower, upper = (load_body(options.models / f"body-{part}.safetensors") for part in ("lower", "upper"))
    data = load_part(options.part, options.tokens, options.streams)
    for action in options.actions:
        streams = talks(data, action, int(options.minutes * 60 * RATE_HZ))
        if not streams:
            print(f"{action}: no held-out stream")
            continue
        motion = free_run(lower, upper, streams, options.seed, options.guidance)
        phone = np.concatenate([s["phone"] for s in streams], 1)
        count = min(motion["lower"].shape[1], phone.shape[1] - 8)
        motion = {name: value[:, :count] for name, value in (motion | {"phone": phone[:, 8:]}).items()}
        pieces = [measures(piece) for piece in cut(motion, [s["phone"].shape[1] for s in streams])]
        whole = measures(motion)
        result = {
            "seconds": count / RATE_HZ,
            "corpus": averaged([measures({n: s[n] for n in motion}) for s in streams]),
            "emitted": averaged(pieces),
            "first": pieces[0],
            "last": pieces[-1],
            "whole": {name: whole[name] for name in ("distance_m", "drift_m_per_min", "turn_rad_per_min")},
        }
        print(action, json.dumps(rounded(result)))
        if options.save:
            options.save.mkdir(parents=True, exist_ok=True)
            np.savez(options.save / f"{action}.npz", **motion)


if __name__ == "__main__":
    main()
