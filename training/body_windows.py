"""Windows of the conversation corpus as the body networks see them in training, made what they will be live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from body import ACTIONS, LOWER, LOWER_FEATURES, UPPER, UPPER_FEATURES
from body_skeleton import LOWER_JOINTS, MIRROR, UPPER_JOINTS
from body_stream import placements
from corpus_conversation import folder

PARTS = {"lower": LOWER, "upper": UPPER}
NAMES = ("lower", "upper", "head", "root", "action", "relationship")
# What a feature's standard deviation is at least: still features must not amplify noise.
STD_FLOORS = {"dx": 0.002, "dz": 0.002, "dyaw": 0.004, "height": 0.01, "contact": 0.3, "Fingers": 0.08, "": 0.02}
# Moves are rare and add up: scaled by their spread, the sampler's noise on a standing person would walk away.
STD_CEILINGS = {"dx": 0.006, "dz": 0.006, "dyaw": 0.012}
BOUNDED = {"contact": (0.0, 1.0), "spread": (-1.0, 1.0), "Fingers": (0.0, 1.0)}
MARGIN, TOTAL_SHARE = 0.05, 0.25
OPENING_FRAMES = 32
LEAD_IN = 64


def named(table: dict, feature: str, default=None):
    """The entry of the first key that a feature's name contains."""
    return next((value for key, value in table.items() if key in feature), default)


def load_part(part: str, tokens: str) -> dict[str, np.ndarray]:
    """Streams of a part that have bodies: lower, upper, head, root [S, 2, n, .], action, emotion, phone [S, 2, n],
    relationship [S], token [S, 2, LEAD_IN + n, 256] f16 with zeros before the conversation."""
    paths = sorted((folder() / "body").glob(f"{part}-*.npz"))
    if not paths:
        raise FileNotFoundError(f"no bodies of {part} in {folder()}/body: run `python training/corpus_body.py` first")
    out: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path) as file:
            for name in NAMES:
                out.setdefault(name, []).append(file[name])
        with np.load(folder() / path.name) as file:
            for name in ("emotion", "phone"):
                out.setdefault(name, []).append(file[name])
        token = np.load(folder() / tokens / f"{path.stem}.npy")
        out.setdefault("token", []).append(np.pad(token, ((0, 0), (LEAD_IN, 0), (0, 0))))
    return {name: np.stack(values) for name, values in out.items()}


def kept_statistics(data: dict[str, np.ndarray], path: Path) -> dict[str, dict[str, Tensor]]:
    """`statistics` of both parts, computed once and kept at `path`: both networks must speak of the same z."""
    if not path.exists():
        torch.save({part: statistics(data[part], data["action"], part) for part in PARTS}, path)
    return torch.load(path, weights_only=True)


def rest_pose(pose: np.ndarray, part: str) -> np.ndarray:
    """A still, symmetric pose [F] of the average standing person `pose` [F]."""
    names, joints = (LOWER_FEATURES, LOWER_JOINTS) if part == "lower" else (UPPER_FEATURES, UPPER_JOINTS)
    out, index = pose.copy(), {name: i for i, name in enumerate(names)}
    for joint in joints:
        at = slice(index[f"{joint}.x"], index[f"{joint}.x"] + 3)
        other = joint.replace("left", "right") if joint.startswith("left") else joint.replace("right", "left")
        mirrored = slice(index[f"{other}.x"], index[f"{other}.x"] + 3)
        out[at] = (pose[at] + MIRROR * pose[mirrored]) / 2
    if part == "lower":
        out[:3], out[-2:] = 0, 1
    else:
        out[-14:] = np.tile((pose[-14:-7] + pose[-7:]) / 2, 2)
    return out


def statistics(values: np.ndarray, action: np.ndarray, part: str) -> dict[str, Tensor]:
    """mean, std (floored), low, high and rest [F] of features [..., F] with actions [...]; the last three in z."""
    names = PARTS[part].features
    flat, acts = values.reshape(-1, values.shape[-1])[::2].astype(np.float64), action.reshape(-1)[::2]
    mean = flat.mean(0)
    # The spread within an action counts more: sitters must not decide how finely a standing person's height is seen.
    inside = np.stack([flat[acts == a].mean(0) if (acts == a).any() else mean for a in range(len(ACTIONS))])
    std = np.maximum(np.sqrt(((flat - inside[acts]) ** 2).mean(0)), TOTAL_SHARE * flat.std(0))
    low, high = flat.min(0), flat.max(0)
    margin = MARGIN * (high - low)
    low, high = low - margin, high + margin
    for i, name in enumerate(names):
        std[i] = min(max(std[i], named(STD_FLOORS, name)), named(STD_CEILINGS, name, np.inf))
        bounds = named(BOUNDED, name)
        if bounds:
            low[i], high[i] = max(low[i], bounds[0]), min(high[i], bounds[1])
    rest = rest_pose(np.median(flat[acts == 0][::7], 0), part)
    rest = np.clip(rest, low, high)
    out = {"mean": mean, "std": std}
    out |= {name: (bound - mean) / std for name, bound in (("low", low), ("high", high), ("rest", rest))}
    return {name: torch.from_numpy(value).float() for name, value in out.items()}


class Windows:
    """Random windows of the corpus, cut into blocks; block 0 of a window is context only."""

    def __init__(
        self,
        data: dict[str, np.ndarray],
        stats: dict[str, dict[str, Tensor]],
        part: str,
        blocks: int,
        seed: int,
        openings: float = 0.0,
    ):
        """A share `openings` of the windows is the beginning of a stream, led in from the rest pose of `stats`."""
        self.data, self.part, self.blocks, self.openings = data, part, blocks, openings
        self.random = np.random.default_rng(seed)
        self.speech = np.pad(np.cumsum(data["phone"] != 0, axis=-1), ((0, 0), (0, 0), (1, 0)))
        self.where = placements(np.swapaxes(data["root"], 1, 2))
        self.rest = {p: (s["rest"] * s["std"] + s["mean"]).numpy() for p, s in stats.items()}

    def pick(self) -> tuple[int, int, bool]:
        """(stream, first frame, whether it is an opening); of two draws mostly the one with more speech."""
        streams, _, length = self.data["phone"].shape
        frames = 8 * self.blocks
        if self.random.random() < self.openings:
            return int(self.random.integers(streams)), 0, True
        draws = []
        for _ in range(2 if self.random.random() < 0.5 else 1):
            s, k = int(self.random.integers(streams)), int(self.random.integers(length - frames + 1))
            draws.append(((self.speech[s, :, k + frames] - self.speech[s, :, k]).sum(), s, k))
        return (*max(draws)[1:], False)

    def led_in(self, frames: np.ndarray, part: str) -> np.ndarray:
        """Frames [2, n, F] that begin with a block of rest and come out of it smoothly; moves wait for the block."""
        out = frames.copy()
        t = np.clip((np.arange(frames.shape[1]) - 7) / OPENING_FRAMES, 0, 1)[:, None]
        share = t * t * (3 - 2 * t)
        first = 4 if part == "lower" else 0
        poses = slice(first - 1 if first else 0, -2 if first else None)
        out[..., poses] = share * frames[..., poses] + (1 - share) * self.rest[part][poses]
        out[:, :8] = self.rest[part]
        return out

    def batch(self, count: int) -> dict[str, Tensor]:
        """frames [B, K, 2, 8, F], token [B, 8 (K - 1) + 16, 2, 256] (16 newest of a block), action, emotion [B, K, 2],
        place [B, K, 2, 6], relationship [B]; for the upper also lower [B, K, 2, 8, 27] and head [B, K, 2, 12]."""
        rows: dict[str, list[np.ndarray]] = {}
        config, data, length = PARTS[self.part], self.data, 8 * self.blocks
        for s, k, opening in (self.pick() for _ in range(count)):
            order = [0, 1] if self.random.random() < 0.5 else [1, 0]
            span, starts = slice(k, k + length), np.arange(k, k + length, 8)
            newest = starts - config.lead
            row = {}
            for name, part in (("frames", self.part), ("lower", "lower")):
                values = data[part][s][order, span]
                values = self.led_in(values, part) if opening else values
                row[name] = values.reshape(2, self.blocks, 8, -1).swapaxes(0, 1)
            heard = slice(LEAD_IN + newest[0] - 15, LEAD_IN + newest[-1] + 1)
            row["token"] = data["token"][s][order, heard].swapaxes(0, 1).astype(np.float32)
            for name in ("action", "emotion"):
                row[name] = data[name][s][order][:, starts].T.astype(np.int64)
            row["place"] = self.where[s, np.maximum(starts - 1, 0)][:, order]
            row["relationship"] = np.array(int(np.ravel(data["relationship"][s])[0]))
            last = np.maximum(newest[:, None] + np.arange(-3, 1), 0)
            row["head"] = data["head"][s][order][:, last].swapaxes(0, 1).reshape(self.blocks, 2, 12)
            for name, value in row.items():
                rows.setdefault(name, []).append(value)
        return {name: torch.from_numpy(np.stack(values)) for name, values in rows.items()}


def blurred(batch: dict[str, Tensor], config: dict, generator: torch.Generator) -> None:
    """Make a batch what it will be live, in place: conditions a little off, sometimes missing."""
    count = len(batch["frames"])

    def level(most: float, *shape: int) -> Tensor:
        return most * torch.rand(count, *[1] * len(shape), generator=generator) * torch.randn(
            count, *shape, generator=generator
        )

    def chosen(share: float) -> Tensor:
        return torch.rand(count, generator=generator) < share

    batch["token"] += level(config["token_noise"], *batch["token"].shape[1:])
    batch["token"][chosen(config["null_share"])] = 0
    batch["place"] += level(0.05, *batch["place"].shape[1:])
    batch["head"] += level(0.06, *batch["head"].shape[1:])
    batch["head"][chosen(0.1)] = 0
    batch["relationship"][chosen(0.1)] = 0
