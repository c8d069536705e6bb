"""Windows of the conversation corpus as the body networks see them in training, made what they will be live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from body import ACTIONS, LOWER, LOWER_FEATURES, UPPER, UPPER_FEATURES, Body
from body_skeleton import LOWER_JOINTS, MIRROR, UPPER_JOINTS
from body_stream import placements
from corpus_conversation import folder
from corpus_speech import cache_folder

PARTS = {"lower": LOWER, "upper": UPPER}
NAMES = ("lower", "upper", "head", "root", "action", "relationship")
STD_FLOORS = {"dx": 0.002, "dz": 0.002, "dyaw": 0.004, "height": 0.01, "contact": 0.3, "Fingers": 0.08, "": 0.02}
"""What a feature's standard deviation is at least: still features must not amplify noise."""
STD_CEILINGS = {"dx": 0.006, "dz": 0.006, "dyaw": 0.012}
"""Moves are rare and add up: scaled by their spread, what is told of a standing person's would be next to nothing."""
CHANGE_FLOOR, STEP_FLOOR = 0.15, 0.02
"""What a block's change, and a step, are at least, as a share of the floor above."""
STEADY_SHARE = 0.1
"""Steps small against this share of the floor of the change say nothing of what comes."""
SMALLEST_SHAPE = 1e-3
"""Spread of a feature's least shape, at least, as a share of its first one's."""
IMPORTANCE = (0.3, 12.0)
"""Bounds of the weight of errors where all motion is small."""
CLIP = (3.0, 12.0)
"""Bounds of the bounds of coefficients."""
BOUNDED = {"contact": (0.0, 1.0), "spread": (-1.0, 1.0), "Fingers": (0.0, 1.0)}
MARGIN, TOTAL_SHARE = 0.05, 0.25
OPENING_FRAMES = 32
STATISTICS_STREAMS = 300
"""Streams that statistics are taken of, at most: they have settled by then, and more would not fit in memory."""


def named(table: dict, feature: str, default=None):
    """The entry of the first key that a feature's name contains."""
    return next((value for key, value in table.items() if key in feature), default)


def load_part(part: str, tokens: str, streams: str | None = None) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Streams of a part that have bodies and tokens: lower, upper, head, root [S, 2, n, .], action, emotion, phone
    [S, 2, n], relationship [S], token: S arrays [2, n, 256] f16, left on disk. `streams` names another folder."""
    home = cache_folder() / streams if streams else folder()
    paths = [p for p in sorted((home / "body").glob(f"{part}-*.npz")) if (home / tokens / f"{p.stem}.npy").exists()]
    if not paths:
        raise FileNotFoundError(f"no bodies of {part} in {home}/body: run `python training/corpus_body.py` first")
    out: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path) as file:
            for name in NAMES:
                out.setdefault(name, []).append(file[name])
        with np.load(home / path.name) as file:
            for name in ("emotion", "phone"):
                out.setdefault(name, []).append(file[name])
        out.setdefault("token", []).append(np.load(home / tokens / f"{path.stem}.npy", mmap_mode="r"))
    return {name: values if name == "token" else np.stack(values) for name, values in out.items()}


def kept_statistics(data: dict[str, np.ndarray], path: Path) -> dict[str, dict[str, Tensor]]:
    """`statistics` of both parts, computed once and kept at `path`: both networks must speak of the same bodies."""
    if not path.exists():
        torch.save(both_statistics(data), path)
    return torch.load(path, weights_only=True)


def importance(data: dict[str, np.ndarray], model: Body, part: str) -> Tensor:
    """Weights [actions, F] of errors: what is small beside the spread of all counts as much where all motion is small,
    within limits. A standing person's feet must not slide because others walk."""
    values, actions = data[part], data["action"]
    out = torch.ones(len(ACTIONS), values.shape[-1])
    for action in range(len(ACTIONS)):
        total, count = torch.zeros(values.shape[-1]), 0
        for s, p in np.argwhere((actions[:, :, 8::8] == action).any(2))[::4]:
            frames = torch.from_numpy(values[s, p])
            blocks = frames[8 : len(frames) // 8 * 8].unflatten(0, (-1, 8))
            starts = torch.arange(8, 8 + 8 * len(blocks), 8)
            before = torch.stack([frames[starts - 1], frames[starts - 1] - frames[starts - 2]], 1)
            rest = (blocks - model.coasting(before))[torch.from_numpy(actions[s, p, starts] == action)]
            total, count = total + rest.square().sum((0, 1)), count + rest.shape[0] * 8
        if count:
            size = model.shapes.square().sum(2).mean(1)
            out[action] = (size / (total / count).clamp(min=1e-12)).clamp(*IMPORTANCE)
    return out


def both_statistics(data: dict[str, np.ndarray]) -> dict[str, dict[str, Tensor]]:
    """`statistics` of both parts; what the upper body is told of the lower's last frame comes after its own."""
    some = slice(None, None, -(-len(data["action"]) // STATISTICS_STREAMS))
    out = {part: statistics(data[part][some], data["action"][some], part) for part in PARTS}
    for name in ("mean", "std", "step_std", "rest"):
        out["upper"][name] = torch.cat([out["upper"][name], out["lower"][name]])
    return out


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


def principal_shapes(
    values: np.ndarray, weights: np.ndarray, floors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coast [F, 8], basis [F, 8, 8] and the largest coefficient [F] of the frames 0 to 7 after a frame and a step.

    values [S, n, F] are sequences, weights [S, n] those of their frames. Coast is the regression of the change since
    the last frame on the step to that, by feature; what it leaves is `floors` [F] at least, and column k of a feature's
    basis is the k-th principal shape of that, scaled to its spread (about zero, not the mean).
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, 10, axis=1)[:, ::3].astype(np.float64)
    step, change = windows[..., 1:2] - windows[..., :1], windows[..., 2:] - windows[..., 1:2]
    weight = weights[:, 2 : 2 + values.shape[1] - 9][:, ::3].astype(np.float64)
    weight /= weight.sum()
    power = np.einsum("st,stf->f", weight, step[..., 0] ** 2)
    coast = np.einsum("st,stf,stfi->fi", weight, step[..., 0], change, optimize=True)
    coast /= (power + (STEADY_SHARE * floors) ** 2)[:, None]
    change -= coast * step
    moment = np.einsum("st,stfi,stfj->fij", weight, change, change, optimize=True)
    # What hardly moves is taken to move as the rest does.
    power = np.trace(moment, axis1=1, axis2=2) / 8
    usual = (moment[power > floors**2] / power[power > floors**2, None, None]).mean(0)
    moment += np.maximum(0, floors**2 - power)[:, None, None] * usual
    spread, shapes = np.linalg.eigh(moment)
    spread, shapes = np.sqrt(np.maximum(spread, 0))[:, ::-1], shapes[..., ::-1]
    shapes = shapes * np.where(shapes[:, -1:] < 0, -1, 1)
    spread = np.maximum(spread, SMALLEST_SHAPE * spread[:, :1])
    basis = shapes * spread[:, None]
    most = np.zeros(spread.shape)
    for sequence in change:
        most = np.maximum(most, np.abs(np.einsum("fik,tfi->tfk", shapes, sequence)).max(0))
    return coast, basis, (most / spread).max(1)


def statistics(values: np.ndarray, action: np.ndarray, part: str) -> dict[str, Tensor]:
    """The buffers of a network, [F] and basis [F * 64], of features [S, 2, n, F] with actions [S, 2, n]."""
    names = PARTS[part].features
    flat, acts = values.reshape(-1, values.shape[-1])[::2].astype(np.float64), action.reshape(-1)[::2]
    mean = flat.mean(0)
    # The spread within an action counts more: sitters must not decide how finely a standing person's height is seen.
    inside = np.stack([flat[acts == a].mean(0) if (acts == a).any() else mean for a in range(len(ACTIONS))])
    std = np.maximum(np.sqrt(((flat - inside[acts]) ** 2).mean(0)), TOTAL_SHARE * flat.std(0))
    low, high = flat.min(0), flat.max(0)
    margin = MARGIN * (high - low)
    low, high = low - margin, high + margin
    floors = np.array([named(STD_FLOORS, name) for name in names])
    for i, name in enumerate(names):
        std[i] = min(max(std[i], floors[i]), named(STD_CEILINGS, name, np.inf))
        bounds = named(BOUNDED, name)
        if bounds:
            low[i], high[i] = max(low[i], bounds[0]), min(high[i], bounds[1])
    rest = np.clip(rest_pose(np.median(flat[acts == 0][::7], 0), part), low, high)
    # Between what is usual and each action alike: walking is rare and must not be lost, nor drown the rest.
    rows, tellers = values.reshape(-1, *values.shape[2:]), action.reshape(-1, action.shape[-1])
    weights = (1 / np.sqrt(np.maximum(np.bincount(tellers.ravel(), minlength=len(ACTIONS)), 1)))[tellers]
    coast, basis, most = principal_shapes(rows, weights, CHANGE_FLOOR * floors)
    step = np.diff(rows, axis=1).astype(np.float64)
    step = np.sqrt((weights[:, 1:, None] * step**2).sum((0, 1)) / weights[:, 1:].sum())
    bound = np.clip(1.1 * most, *CLIP)
    out = {
        "mean": mean,
        "std": std,
        "step_std": np.maximum(step, STEP_FLOOR * floors),
        "rest": (rest - mean) / std,
        "low": -bound,
        "high": bound,
        "frame_low": low,
        "frame_high": high,
        "basis": basis.ravel(),
        "coast": coast.ravel(),
    }
    return {name: torch.from_numpy(value).float() for name, value in out.items()}


def newest(token: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Tokens [2, stop - start, 256] of frames from `start` on; silence before the talk."""
    out = np.zeros((2, stop - start, token.shape[-1]), np.float32)
    out[:, max(-start, 0) :] = token[:, max(start, 0) : stop]
    return out


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
        sizes = {p: len(config.features) for p, config in PARTS.items()}
        self.rest = {p: (s["rest"] * s["std"] + s["mean"]).numpy()[: sizes[p]] for p, s in stats.items()}

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
        """frames [B, K, 2, 8, F], before [B, K, 2, 2, last] (the last frame and the step to it), token
        [B, 8 (K - 1) + 16, 2, 256] (16 newest of a block), action, emotion [B, K, 2], place [B, K, 2, 6], speech
        [B, K, 2, 8], relationship [B]; for the upper also lower [B, K, 2, 8, 27] and head [B, K, 2, 12]."""
        rows: dict[str, list[np.ndarray]] = {}
        config, data, length = PARTS[self.part], self.data, 8 * self.blocks
        for s, k, opening in (self.pick() for _ in range(count)):
            order = [0, 1] if self.random.random() < 0.5 else [1, 0]
            span, starts = slice(k, k + length), np.arange(k, k + length, 8)
            heard = starts - config.lead
            row, before = {}, []
            for name, part in (("frames", self.part), ("lower", "lower")):
                values = data[part][s][order, span]
                values = self.led_in(values, part) if opening else values
                row[name] = values.reshape(2, self.blocks, 8, -1).swapaxes(0, 1)
                earlier = np.maximum(starts[0] + np.array([-2, -1]), 0)
                earlier = values[:, [0, 0]] if opening else data[part][s][order][:, earlier]
                whole = np.concatenate([earlier, values], 1)
                last, second = whole[:, 1 : 1 + length : 8], whole[:, 0:length:8]
                before.append(np.stack([last, last - second], 2).swapaxes(0, 1))
            row["before"] = before[0] if self.part == "lower" else np.concatenate(before, -1)
            row["token"] = newest(data["token"][s], heard[0] - 15, heard[-1] + 1)[order].swapaxes(0, 1)
            for name in ("action", "emotion"):
                row[name] = data[name][s][order][:, starts].T.astype(np.int64)
            row["place"] = self.where[s, np.maximum(starts - 1, 0)][:, order]
            speech = data["phone"][s][order, span] != 0
            row["speech"] = speech.reshape(2, self.blocks, 8).swapaxes(0, 1).astype(np.float32)
            row["relationship"] = np.array(int(np.ravel(data["relationship"][s])[0]))
            at = np.maximum(heard[:, None] + np.arange(-3, 1), 0)
            row["head"] = data["head"][s][order][:, at].swapaxes(0, 1).reshape(self.blocks, 2, 12)
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
