"""Emitted faces against real tracked ones: the GRID validation clips, one talker, 25 pictures a second.

The tracked frame j of a clip stands at j/25 s and the emitted frame k at k/30 s; an emitted curve is read at the
tracked times by linear interpolation, plus a lag (positive: the emitted face is late).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from face import ARKIT_51
from face_metrics import FRAME_RATE_HZ

TRACKED_HZ = 25.0
HELD_OUT_EVERY = 6
LAGS_S = np.arange(-200, 201, 5) / 1000
CLOSE_S = 0.040
"""The goal counts correlation at lags of at most this."""
CONSTANT = 0.01
"""A tracked channel whose standard deviation over the clips is below this is left out: it hardly moves."""

JAW = ARKIT_51.index("jawOpen")
LIP_SHAPES = [i for i, name in enumerate(ARKIT_51) if name.startswith(("jaw", "mouth")) and name != "jawOpen"]
GAZE = [i for i, name in enumerate(ARKIT_51) if name.startswith("eyeLook")]

OPEN_WORDS = set("at by white i y r now five nine one".split())
"""Words of the GRID grammar with an open vowel (AA AE AH AW AY) that carries the word."""


@dataclass(frozen=True)
class Clip:
    """A recorded clip: samples int16 [N] at 16 kHz, tracked [m, 51] at 25/s (NaN: untracked), words, start, end."""

    id: str
    path: Path
    samples: np.ndarray
    tracked: np.ndarray
    words: list[tuple[str, float, float]]

    @property
    def times(self) -> np.ndarray:
        """Times [m] of the tracked frames in seconds."""
        return np.arange(len(self.tracked)) / TRACKED_HZ


def load_clips(data: Path) -> dict[str, list[Clip]]:
    """All clips of the data folder by split: every sixth of the sorted ids validates, the others train."""
    folder = data / "face-grid-s1"
    arrays = np.load(folder / "arkit.npz")
    words = json.loads((folder / "words.json").read_text())
    names = [str(name) for name in arrays["names"]]
    columns = [names.index(name) for name in ARKIT_51]
    parts: dict[str, list[Clip]] = {"train": [], "val": []}
    for i, id in enumerate(sorted(words)):
        path = folder / "flac" / f"{id}.flac"
        samples, rate = soundfile.read(path, dtype="int16")
        assert rate == 16000
        marks = [(word, float(start), float(end)) for word, start, end in words[id]]
        clip = Clip(id, path, samples, arrays[id][:, columns].astype(np.float64), marks)
        parts["train" if i % HELD_OUT_EVERY else "val"].append(clip)
    return parts


def at_times(curve: np.ndarray, times: np.ndarray, lag_s: float = 0.0) -> np.ndarray:
    """A curve [n] or [n, C] at 30/s read at times + lag, linear in between; NaN outside of it."""
    place = (np.asarray(times) + lag_s) * FRAME_RATE_HZ
    inside = (place >= 0) & (place <= len(curve) - 1)
    low = np.clip(np.floor(place).astype(int), 0, max(len(curve) - 2, 0))
    share = np.clip(place - low, 0, 1)
    share = share.reshape(share.shape + (1,) * (curve.ndim - 1))
    values = (1 - share) * curve[low] + share * curve[np.minimum(low + 1, len(curve) - 1)]
    return np.where(inside.reshape(share.shape), values, np.nan)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation over what is finite in both; 0 where either does not move."""
    good = np.isfinite(a) & np.isfinite(b)
    a, b = a[good], b[good]
    if len(a) < 3 or a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def lagged(tracked: list[np.ndarray], emitted: list[np.ndarray], lags_s: np.ndarray = LAGS_S) -> np.ndarray:
    """Mean over clips of the correlation at every lag [lags]: tracked [m] at 25/s, emitted [n] at 30/s, by clip."""
    rows = [
        [correlation(t, at_times(e, np.arange(len(t)) / TRACKED_HZ, lag)) for lag in lags_s]
        for t, e in zip(tracked, emitted, strict=True)
    ]
    return np.mean(rows, 0)


@dataclass(frozen=True)
class Mesh:
    """A part of the ICT face: movement of its vertices per unit of every ARKit weight, [51, V, 3] in cm."""

    lips: np.ndarray
    upper: np.ndarray


def load_mesh(path: Path) -> Mesh:
    """Lips and upper face of ict_arkit.npz; a channel without a side drives both sides of the model."""
    data = np.load(path)
    names = [str(name) for name in data["names"]]
    delta = data["delta"].astype(np.float32)

    def part(vertices: np.ndarray) -> np.ndarray:
        out = np.zeros((len(ARKIT_51), len(vertices), 3), np.float32)
        for i, channel in enumerate(ARKIT_51):
            sided = channel.replace("Left", "_L").replace("Right", "_R")
            wanted = next(w for w in ((channel,), (sided,), (channel + "_L", channel + "_R")) if w[0] in names)
            out[i] = sum(delta[names.index(name)][vertices] for name in wanted)
        return out

    return Mesh(part(data["lip_vertices"]), part(data["upper_face_vertices"]))


def lip_vertex_error_mm2(tracked: np.ndarray, emitted: np.ndarray, mesh: Mesh) -> float:
    """LVE: per frame the largest squared distance of a lip vertex, mean over frames; weights [m, 51], mm²."""
    good = np.isfinite(tracked).all(1) & np.isfinite(emitted).all(1)
    apart = np.tensordot((emitted - tracked)[good].astype(np.float32), mesh.lips, 1)
    return float((apart**2).sum(-1).max(1).mean() * 100)


def best_scale(pairs: list[tuple[np.ndarray, np.ndarray]], mesh: Mesh) -> float:
    """The one factor of all emitted weights that brings the lips nearest to the tracked ones (least squares)."""
    along = size = 0.0
    for tracked, emitted in pairs:
        good = np.isfinite(tracked).all(1) & np.isfinite(emitted).all(1)
        theirs, own = (np.tensordot(face[good].astype(np.float32), mesh.lips, 1) for face in (tracked, emitted))
        along, size = along + float((theirs * own).sum()), size + float((own**2).sum())
    return max(along / size, 0.0) if size else 1.0


def dynamics_mm2(face: np.ndarray, mesh: Mesh, without: list[int] | None = None) -> float:
    """Mean over upper-face vertices of the standard deviation over time of the squared displacement; mm²."""
    face = face[np.isfinite(face).all(1)].astype(np.float32)
    face[:, without or []] = 0
    moved = (np.tensordot(face, mesh.upper, 1) ** 2).sum(-1)
    return float(moved.std(0).mean() * 100)


def word_peaks(clip: Clip, curve: np.ndarray, times: np.ndarray) -> list[tuple[float, float]]:
    """(largest value, its time in s) of a curve [n] at `times` in every word with an open vowel."""
    found = []
    for word, start, end in clip.words:
        inside = np.flatnonzero((times >= start) & (times <= end) & np.isfinite(curve))
        if word in OPEN_WORDS and len(inside):
            best = inside[np.argmax(curve[inside])]
            found.append((float(curve[best]), float(times[best])))
    return found


def grid_measures(clips: list[Clip], faces: list[np.ndarray], mesh: Mesh) -> dict:
    """Everything measured of faces [n, 51] at 30/s, one a clip, against the tracked ones."""
    tracked = [clip.tracked for clip in clips]
    deviation = np.nanstd(np.concatenate(tracked), 0)
    kept = [i for i in LIP_SHAPES if deviation[i] >= CONSTANT]
    close = np.abs(LAGS_S) <= CLOSE_S + 1e-9

    def curves(channel: int) -> np.ndarray:
        return lagged([t[:, channel] for t in tracked], [face[:, channel] for face in faces])

    jaw = curves(JAW)
    channels = {}
    for i in kept:
        r = curves(i)
        best = int(np.argmax(r))
        lag_ms = round(1000 * LAGS_S[best])
        channels[ARKIT_51[i]] = {"r": float(r[close].max()), "best_r": float(r[best]), "lag_ms": lag_ms}
    clip_r = [float(lagged([t[:, JAW]], [f[:, JAW]])[close].max()) for t, f in zip(tracked, faces, strict=True)]
    at_best = LAGS_S[close][int(np.argmax(jaw[close]))]
    pooled = [at_times(face[:, JAW], clip.times, at_best) for clip, face in zip(clips, faces, strict=True)]
    same = [at_times(face, clip.times) for clip, face in zip(clips, faces, strict=True)]
    peaks = [
        [
            word_peaks(clip, clip.tracked[:, JAW], clip.times),
            word_peaks(clip, face[:, JAW], np.arange(len(face)) / FRAME_RATE_HZ),
        ]
        for clip, face in zip(clips, faces, strict=True)
    ]
    real = np.array([p for theirs, _ in peaks for p in theirs])
    ours = np.array([p for _, mine in peaks for p in mine])
    pairs = [(a, b) for theirs, mine in peaks if len(theirs) == len(mine) for a, b in zip(theirs, mine, strict=True)]
    late = np.array([1000 * (b[1] - a[1]) for a, b in pairs]) if pairs else np.zeros(1)
    dynamics = {
        name: (
            float(np.mean([dynamics_mm2(t, mesh, without) for t in tracked])),
            float(np.mean([dynamics_mm2(f, mesh, without) for f in same])),
        )
        for name, without in (("all", None), ("no_gaze", GAZE))
    }
    pairs_of_faces = list(zip(tracked, same, strict=True))
    scale = best_scale(pairs_of_faces, mesh)
    opened = [np.nan if not len(p) else float(np.median(p[:, 0])) for p in (ours, real)]
    return {
        "clips": len(clips),
        "jaw_r": float(jaw[close].max()),
        "jaw_r_error": float(np.std(clip_r) / np.sqrt(len(clip_r))),
        "jaw_r_no_lag": float(jaw[np.abs(LAGS_S) < 1e-9][0]),
        "jaw_r_any_lag": float(jaw.max()),
        "lag_ms": round(1000 * LAGS_S[int(np.argmax(jaw))]),
        "jaw_r_pooled": correlation(np.concatenate([t[:, JAW] for t in tracked]), np.concatenate(pooled)),
        "lip_shapes_r": float(np.mean([one["r"] for one in channels.values()])) if channels else 0.0,
        "lip_shapes": channels,
        "left_out": [ARKIT_51[i] for i in LIP_SHAPES if i not in kept],
        "open_word_jaw": opened[0],
        "open_word_jaw_ratio": opened[0] / opened[1],
        "word_peak_late_ms": float(np.median(late)),
        "word_peak_late_quartiles_ms": [float(q) for q in np.percentile(late, (25, 75))],
        "lve_mm2": float(np.mean([lip_vertex_error_mm2(t, s, mesh) for t, s in pairs_of_faces])),
        "lve_scale": scale,
        "lve_scaled_mm2": float(np.mean([lip_vertex_error_mm2(t, scale * s, mesh) for t, s in pairs_of_faces])),
        "fdd_mm2": dynamics["all"][0] - dynamics["all"][1],
        "fdd_without_gaze_mm2": dynamics["no_gaze"][0] - dynamics["no_gaze"][1],
        "upper_face_dynamics_mm2": dynamics["all"][1],
    }


def tracked_figures(clips: list[Clip], mesh: Mesh) -> dict:
    """What the tracked faces themselves measure: for scale."""
    peaks = [value for clip in clips for value, _ in word_peaks(clip, clip.tracked[:, JAW], clip.times)]
    still = np.zeros(len(ARKIT_51))
    rest = [np.where(np.isfinite(clip.tracked), still, np.nan) for clip in clips]
    return {
        "open_word_jaw": float(np.median(peaks)) if peaks else float("nan"),
        "open_words": len(peaks),
        "upper_face_dynamics_mm2": float(np.mean([dynamics_mm2(clip.tracked, mesh) for clip in clips])),
        "lve_of_a_still_face_mm2": float(
            np.mean([lip_vertex_error_mm2(clip.tracked, r, mesh) for clip, r in zip(clips, rest, strict=True)])
        ),
    }
