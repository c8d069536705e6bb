"""Measures of emitted face motion: pure functions of ARKit weights, phone times and the ICT face.

A run is (face, phones): face [n, 51] ARKit weights at 30 frames/s, frame k at k/30 s, and phones
[(phone, start s, duration s), ...] on the same clock. Nothing here knows networks, files of ours or the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from face import ARKIT_51
from phones import PHONE_ID, PHONE_TO_VISEME, VISEME_OF_PHONE

FRAME_RATE_HZ = 30.0
BILABIALS = ("P", "B", "M")
OPEN_VOWELS = ("AA", "AE", "AO", "AH", "AW", "AY")
CLOSED_SHARE = 0.10
"""Lips count as closed at a gap of at most this share of the run's 95th-percentile gap."""

INNER_LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
"""Upper and lower inner-lip points of the 68 landmarks (Multi-PIE), left to right."""

Run = tuple[np.ndarray, list[tuple[str, float, float]]]


@dataclass(frozen=True)
class IctFace:
    """The inner-lip points of the ICT face: neutral [6, 3] and ARKit directions [51, 6, 3] (cm); upper points first."""

    neutral: np.ndarray
    delta: np.ndarray


def load_ict(path: str | Path) -> IctFace:
    """Read ict_arkit.npz; `browInnerUp` and `cheekPuff` drive both sides of the model."""
    data = np.load(path)
    points = data["landmarks68"][[i for side in zip(*INNER_LIP_PAIRS, strict=True) for i in side]]
    names = [str(name) for name in data["names"]]
    delta = np.zeros((len(ARKIT_51), len(points), 3))
    for i, channel in enumerate(ARKIT_51):
        name = channel.replace("Left", "_L").replace("Right", "_R") if channel not in ("jawLeft", "jawRight") else channel
        name = name if channel not in ("mouthLeft", "mouthRight") else channel
        wanted = (name,) if name in names else (name + "_L", name + "_R")
        for one in wanted:
            delta[i] += data["delta"][names.index(one)][points].astype(np.float64)
    return IctFace(data["neutral"][points].astype(np.float64), delta)


def lip_gap(face: np.ndarray, ict: IctFace) -> np.ndarray:
    """Inner-lip gap [n] in cm: mean height of the upper over the lower inner-lip points, at least 0, all shapes on."""
    points = ict.neutral + np.tensordot(np.asarray(face, np.float64), ict.delta, 1)
    half = len(INNER_LIP_PAIRS)
    return np.maximum((points[:, :half, 1] - points[:, half:, 1]).mean(1), 0)


def lip_gap_direction(ict: IctFace) -> np.ndarray:
    """Change of the (signed) inner-lip gap in cm per unit of each ARKit weight, [51]."""
    half = len(INNER_LIP_PAIRS)
    return (ict.delta[:, :half, 1] - ict.delta[:, half:, 1]).mean(1)


def lip_distance(face: np.ndarray, ict: IctFace) -> np.ndarray:
    """Euclidean distance [n] in cm of the middle inner-lip points (62, 66): a second, stricter reading of the gap."""
    points = ict.neutral + np.tensordot(np.asarray(face, np.float64), ict.delta, 1)
    half = len(INNER_LIP_PAIRS)
    return np.linalg.norm(points[:, 1] - points[:, half + 1], axis=-1)


def frames_within(start_s: float, duration_s: float, frames: int, margin: int = 1) -> slice:
    """Frames from `margin` frames before a phone to `margin` frames after it."""
    first = int(np.ceil(start_s * FRAME_RATE_HZ - 1e-6)) - margin
    last = int(np.floor((start_s + duration_s) * FRAME_RATE_HZ + 1e-6)) + margin
    return slice(max(first, 0), max(min(last + 1, frames), 0))


def lip_closure(runs: list[Run], ict: IctFace, gap=lip_gap) -> dict[str, float]:
    """Closure of P B M and false closure of open vowels over all runs.

    A phone is closed when the gap falls to at most 10 % of the run's 95th-percentile gap within the phone ± 1 frame.
    `false_closures` is that test, word for word, on open vowels; `false_closures_inside` looks at the vowel's own
    frames only (a neighbouring p, b or m may close the lips one frame away); `false_closures_apart` takes only vowels
    that do not touch a P, B or M.
    """
    closed, bilabials = 0, 0
    vowels = {"all": [0, 0], "inside": [0, 0], "apart": [0, 0]}
    for face, phones in runs:
        gaps = gap(face, ict)
        limit = CLOSED_SHARE * np.percentile(gaps, 95)
        for i, (phone, start, duration) in enumerate(phones):
            wide = gaps[frames_within(start, duration, len(gaps))]
            if not len(wide):
                continue
            if phone in BILABIALS:
                bilabials += 1
                closed += bool(wide.min() <= limit)
            if phone in OPEN_VOWELS:
                inside = gaps[frames_within(start, duration, len(gaps), 0)]
                neighbours = {phones[j][0] for j in (i - 1, i + 1) if 0 <= j < len(phones)}
                vowels["all"][0] += bool(wide.min() <= limit)
                vowels["all"][1] += 1
                if len(inside):
                    vowels["inside"][0] += bool(inside.min() <= limit)
                    vowels["inside"][1] += 1
                if not neighbours & set(BILABIALS):
                    vowels["apart"][0] += bool(wide.min() <= limit)
                    vowels["apart"][1] += 1
    share = {name: hits / max(count, 1) for name, (hits, count) in vowels.items()}
    return {
        "utterances": len(runs),
        "bilabials": bilabials,
        "closed": closed / max(bilabials, 1),
        "open_vowels": vowels["all"][1],
        "false_closures": share["all"],
        "false_closures_inside": share["inside"],
        "false_closures_apart": share["apart"],
    }


def viseme_accuracy(probabilities: np.ndarray, phones: list[tuple[str, float, float]]) -> tuple[int, int]:
    """(right, counted) speech frames of phone probabilities [n, 40], frame k at k/30 s, in the 15 Oculus visemes."""
    decided = (probabilities @ PHONE_TO_VISEME).argmax(-1)
    right = counted = 0
    for phone, start, duration in phones:
        if phone == "SIL":
            continue
        first = max(int(np.ceil(start * FRAME_RATE_HZ - 1e-6)), 0)
        last = min(int(np.ceil((start + duration) * FRAME_RATE_HZ - 1e-6)), len(decided))
        counted += max(last - first, 0)
        right += int((decided[first:last] == VISEME_OF_PHONE[PHONE_ID[phone]]).sum())
    return right, counted


def lagged_correlation(a: np.ndarray, b: np.ndarray, limit: int = 10) -> tuple[float, int]:
    """Best Pearson correlation of two series [n] and its lag in frames (positive: `b` is later), within ± limit."""
    best, at = -1.0, 0
    for lag in range(-limit, limit + 1):
        x = a[max(0, -lag) : len(a) - max(0, lag)]
        y = b[max(0, lag) : len(b) - max(0, -lag)]
        if len(x) > 2 and x.std() > 1e-9 and y.std() > 1e-9:
            r = float(np.corrcoef(x, y)[0, 1])
            if r > best:
                best, at = r, lag
    return best, at


def blink_onsets(face: np.ndarray, open_below: float = 0.3, closed_above: float = 0.6) -> list[int]:
    """Frames at which the mean of both lids rises through `closed_above` after having been below `open_below`."""
    lids = face[:, [ARKIT_51.index("eyeBlinkLeft"), ARKIT_51.index("eyeBlinkRight")]].mean(1)
    onsets, ready = [], True
    for k, value in enumerate(lids):
        if ready and value >= closed_above:
            onsets.append(k)
            ready = False
        elif value < open_below:
            ready = True
    return onsets


def peaks_by_phone(runs: list[Run], channel: str, phones: tuple[str, ...], shortest_s: float = 0.0) -> dict[str, float]:
    """Median over occurrences of the channel's largest value within the phone, per phone of at least `shortest_s`."""
    index = ARKIT_51.index(channel)
    found: dict[str, list[float]] = {phone: [] for phone in phones}
    for face, segments in runs:
        for phone, start, duration in segments:
            values = face[frames_within(start, duration, len(face), 0), index]
            if phone in found and duration >= shortest_s and len(values):
                found[phone].append(float(values.max()))
    return {phone: float(np.median(v)) for phone, v in found.items() if v}


def silence_share_closed(runs: list[Run], ict: IctFace, longest_opening: float = 0.05, settle_s: float = 0.35) -> float:
    """Share of frames in silences (after `settle_s`, before the next onset) whose jawOpen stays below the limit."""
    quiet = total = 0
    jaw = ARKIT_51.index("jawOpen")
    for face, phones in runs:
        for phone, start, duration in phones:
            if phone == "SIL" and duration > settle_s + 0.2:
                values = face[frames_within(start + settle_s, duration - settle_s - 0.15, len(face), 0), jaw]
                quiet += int((values <= longest_opening).sum())
                total += len(values)
    return quiet / max(total, 1)
