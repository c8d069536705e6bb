"""Labels of the InterAct corpus that the data set does not publish: action modes, facing, the split.

The paper computes {sit, walk, stand} "in a heuristic way" and a flag of facing each other, and splits its 241 sequences
into 208 to train and 33 to test; it says neither thresholds nor which sequences. The figures here are ours.
"""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import combinations

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from body import ACTIONS
from interact_files import DatasetError, Sequence

RATE_HZ = 30.0
STAND, WALK, SIT = (ACTIONS.index(name) for name in ("stand", "walk", "sit"))

FIGURES = {
    # what: (value, reason)
    "sits: hips below, above m": ((0.68, 0.74), "our hips stand at 0.93 m, sit at 0.48 m; entered below, left above"),
    # On 68 simulated streams, whose actions are known, these agree with 99 % of the frames.
    "walks: root faster, slower m/s": ((0.25, 0.10), "walking is 0.85 and more, with slow ends; sway is below"),
    "speed is smoothed s": (0.15, "standard deviation: a third of a step"),
    "shortest action s": (0.5, "shorter ones join what was before"),
    "faces within degrees": (45.0, "90 % of talk is within ±45°: Kendon 1990"),
    "shortest facing s": (0.5, "a glance is not a turn"),
}
TEST_SHARE = 33 / 241
"""Of the paper."""
VAL_SHARE = 0.05


def held_above(values: np.ndarray, on: float, off: float) -> np.ndarray:
    """True [n] from where values [n] rise over `on` until they fall under `off`."""
    out = np.zeros(len(values), bool)
    state = bool(values[0] > on) if len(values) else False
    for k, value in enumerate(values):
        state = value > off if state else value > on
        out[k] = state
    return out


def without_short(labels: np.ndarray, shortest: int) -> np.ndarray:
    """Labels [n] whose runs shorter than `shortest` frames carry on what was before (the first: what comes after)."""
    out = labels.copy()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]])
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        if b - a < shortest and a > 0:
            out[a:b] = out[a - 1]
    first = np.flatnonzero(np.diff(out))
    if len(first) and first[0] + 1 < shortest:
        out[: first[0] + 1] = out[first[0] + 1]
    return out


def action_modes(root: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Stand, walk or sit, u8 [n], of root [n, 3] (x, z, yaw) and height of the hips [n] scaled to our legs."""
    below, above = FIGURES["sits: hips below, above m"][0]
    fast, slow = FIGURES["walks: root faster, slower m/s"][0]
    shortest = int(FIGURES["shortest action s"][0] * RATE_HZ)
    sits = held_above(-height, -below, -above)
    sigma = FIGURES["speed is smoothed s"][0] * RATE_HZ
    way = gaussian_filter1d(root[:, :2].astype(float), sigma, axis=0, mode="nearest")
    speed = np.linalg.norm(np.gradient(way, axis=0), axis=1) * RATE_HZ if len(way) > 1 else np.zeros(len(way))
    out = np.where(sits, SIT, np.where(held_above(speed, fast, slow), WALK, STAND))
    return without_short(out, shortest).astype(np.uint8)


def facing_flags(root: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """1 where both persons' faces point to the other, else 0, u8 [n]: root [2, n, 3], ahead [2, n, 2] on the floor."""
    to = root[::-1, :, :2] - root[:, :, :2]
    to = to / np.maximum(np.linalg.norm(to, axis=-1, keepdims=True), 1e-6)
    cosine = np.sum(to * ahead, -1).min(0)
    inside = (cosine > np.cos(np.radians(FIGURES["faces within degrees"][0]))).astype(np.uint8)
    size = int(FIGURES["shortest facing s"][0] * RATE_HZ) | 1
    return median_filter(inside, size, mode="nearest")


def _order(name: str) -> int:
    return zlib.crc32(name.encode())


def split(found: list[Sequence]) -> dict[str, str]:
    """Part of every sequence by name. Test: whole pairs of actors that nobody else in the split acts as a pair, as near
    to the paper's 13.7 % as pairs allow (7 to 21 %), else single sequences. Validation: 5 %, single sequences."""
    counts = Counter(s.pair for s in found)
    pairs = sorted(counts, key=lambda pair: _order("+".join(pair)))[:16]
    want = TEST_SHARE * len(found)
    subsets = [c for size in range(1, len(pairs)) for c in combinations(pairs, size)]
    chosen = min(subsets, key=lambda c: (abs(sum(counts[p] for p in c) - want), len(c)), default=())
    held = sum(counts[p] for p in chosen)
    by_name = sorted(found, key=lambda s: _order(s.name))
    if 0.5 * want <= held <= 1.5 * want:
        test = {s.name for s in found if s.pair in chosen}
    else:
        test = {s.name for s in by_name[: round(want)]}
    rest = [s.name for s in by_name if s.name not in test]
    val = set(rest[: max(round(VAL_SHARE * len(found)), 1 if len(rest) > 1 else 0)])
    return {s.name: "test" if s.name in test else "val" if s.name in val else "train" for s in found}


def given_split(found: list[Sequence], given: dict[str, list[str]], where: object) -> dict[str, str]:
    """The split of a file {part: [names]}; raises where it misses a sequence or names one twice."""
    out = {name: part for part, names in given.items() for name in names}
    names = {s.name for s in found}
    twice = sum(len(v) for v in given.values()) - len(out)
    if names - set(out) or twice or set(given) - {"train", "val", "test"}:
        got = f"{len(names - set(out))} sequences without a part, {twice} in two, parts {sorted(given)}"
        move = "name every sequence once, as <date>_<scenario>"
        raise DatasetError("a split that does not fit the data", where, got, "train, val and test", move)
    return {name: out[name] for name in sorted(names)}
