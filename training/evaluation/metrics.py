"""Distances, spreads and rates of motion, as the papers' code computes them (DIM, audio2photoreal, InterAct).

Shapes: n frames at 30/s, d numbers a frame. A sequence is [n, d]; lists of sequences are listeners or clips.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.cluster.vq import kmeans2, vq
from scipy.signal import find_peaks

FPS = 30
NEVER_ZERO = 1e-9


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Fréchet distance of the normal fits of the rows of x [n, d] and y [m, d].

    The trace of the root of both covariances' product is that of a symmetric matrix here, so no ridge is needed.
    """
    a, b = (np.atleast_2d(np.cov(v.astype(np.float64), rowvar=False)) for v in (x, y))
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    shift = x.mean(0, dtype=np.float64) - y.mean(0, dtype=np.float64)
    return float(max(shift @ shift + np.trace(a) + np.trace(b) - 2 * cross, 0))


def over_sequences(
    distance: Callable[[np.ndarray, np.ndarray], float], made: list[np.ndarray], true: list[np.ndarray]
) -> float:
    """A distance of two sequences, averaged over the pairs."""
    return float(np.mean([distance(m, t) for m, t in zip(made, true, strict=True)]))


def mse(x: np.ndarray, y: np.ndarray) -> float:
    """Mean squared difference of all entries."""
    return float(np.mean((x.astype(np.float64) - y) ** 2))


def clusters(true: list[np.ndarray], count: int) -> np.ndarray:
    """Centres [k, d] of k-means over the frames of all sequences (seed 0)."""
    pooled = np.concatenate(true).astype(np.float64)
    return kmeans2(pooled, min(count, len(pooled)), seed=0, minit="++")[0]


def entropy_bits(made: list[np.ndarray], centres: np.ndarray) -> float:
    """SID: entropy (bits) of the pooled histogram of the frames' nearest centres."""
    label, _ = vq(np.concatenate(made).astype(np.float64), centres)
    share = np.bincount(label, minlength=len(centres)) / len(label)
    return float(-(share * np.log2(share + 1e-6)).sum())


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of all entries of two arrays of a shape; 0 where one is constant."""
    a, b = (np.ravel(v).astype(np.float64) - np.mean(v) for v in (x, y))
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > NEVER_ZERO else 0.0


def dyadic(made: list[np.ndarray], true: list[np.ndarray], partner: list[np.ndarray], count: int) -> dict[str, float]:
    """DIM's measures of listeners `made` against `true` beside their partners; all [n_i, d], `count` clusters."""
    pooled = {name: np.concatenate(v) for name, v in (("made", made), ("true", true), ("partner", partner))}
    beside = [[np.concatenate([p, v], 1) for p, v in zip(partner, w, strict=True)] for w in (made, true)]
    return {
        "FD": over_sequences(frechet, made, true),
        "P-FD": over_sequences(frechet, *beside),
        "MSE": over_sequences(mse, made, true),
        "SID": entropy_bits(made, clusters(true, count)),
        "Var": float(pooled["made"].astype(np.float64).var()),
        "rPCC": abs(pearson(pooled["true"], pooled["partner"]) - pearson(pooled["made"], pooled["partner"])),
    }


def pair_distance(frames: np.ndarray, pairs: int = 10_000, seed: int = 0) -> float:
    """Div_g: mean distance of random pairs of frames [n, d]."""
    first, second = np.random.default_rng(seed).integers(len(frames), size=(2, pairs))
    return float(np.linalg.norm(frames[first].astype(np.float64) - frames[second], axis=1).mean())


def temporal_variance(clips: list[np.ndarray]) -> float:
    """Div_k: variance over time, mean over numbers and clips."""
    return float(np.mean([clip.astype(np.float64).var(0).mean() for clip in clips]))


def sample_variance(samples: np.ndarray) -> float:
    """Div_sample: variance across the samples [s, n, d] of a clip, mean over entries."""
    return float(samples.astype(np.float64).var(0).mean())


def differences(clips: list[np.ndarray]) -> list[np.ndarray]:
    """Frame-to-frame differences of every clip."""
    return [np.diff(clip.astype(np.float64), axis=0) for clip in clips]


def smoothed(x: np.ndarray, frames: int) -> np.ndarray:
    """Centred moving mean of [n]."""
    return np.convolve(x, np.ones(frames) / frames, "same")


def fast_share(clips: list[np.ndarray], above_hz: float = 5.0) -> float:
    """Share of the power of velocity above a frequency, over all clips and numbers."""
    fast = whole = 0.0
    for step in differences(clips):
        power = np.abs(np.fft.rfft(step - step.mean(0), axis=0)) ** 2
        fast += power[np.fft.rfftfreq(len(step), 1 / FPS) > above_hz].sum()
        whole += power.sum()
    return float(fast / max(whole, 1e-12))


def edge_ratio(clips: list[np.ndarray], block: int = 8) -> float:
    """Mean second difference across the edges of blocks over that inside; frame 0 of a clip begins a block."""
    across, inside = [], []
    for clip in clips:
        size = np.abs(np.diff(clip.astype(np.float64), 2, axis=0)).mean(1)
        edge = np.isin((np.arange(len(size)) + 1) % block, (block - 1, 0))
        across.append(size[edge])
        inside.append(size[~edge])
    return float(np.concatenate(across).mean() / max(np.concatenate(inside).mean(), NEVER_ZERO))


def runs(mask: np.ndarray) -> list[slice]:
    """The stretches in which a mask [n] is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def peaks(signal: np.ndarray, mask: np.ndarray, **shape: object) -> np.ndarray:
    """Frames of the peaks of a signal [n] within a mask [n]."""
    found, _ = find_peaks(signal.astype(np.float64), **shape)
    return found[mask[found]]


def per_minute(counts: list[int], masks: list[np.ndarray]) -> float:
    """Events a minute of the time within the masks."""
    return sum(counts) / max(sum(int(m.sum()) for m in masks) / FPS / 60, NEVER_ZERO)


def against_shifts(
    statistic: Callable[[np.ndarray], float], mask: np.ndarray, events: np.ndarray, shifts: int = 200, seed: int = 0
) -> dict[str, float]:
    """A statistic of events (frames within a mask [n]) beside the same events moved around the mask at random.

    Events go round the masked frames as if these lay end to end. Returns value, the shifted ones' mean and standard
    deviation, and z = (value - mean) / deviation.
    """
    places = np.flatnonzero(mask)
    rank = np.searchsorted(places, events)
    random = np.random.default_rng(seed)
    value = statistic(events)
    moved = [statistic(np.sort(places[(rank + by) % len(places)])) for by in random.integers(len(places), size=shifts)]
    mean, spread = float(np.mean(moved)), float(np.std(moved))
    z = (float(value) - mean) / max(spread, NEVER_ZERO)
    return {"value": float(value), "by chance": mean, "spread": spread, "z": z}
