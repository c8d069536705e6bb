"""Where hands are when they do nothing: rest poses standing and sitting, and when a pose changes.

Poses are those of hand_poses.py, for the left arm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from body_style import Style
from hand_poses import ELBOW_BACK, ELBOW_DOWN, drawn, pose, posed
from locomotion import RATE_HZ

FIGURES = {
    # what: (value, source)
    "rest pose lasts s": ((20.0, 60.0), "every 20-60 s; Cassell 2001"),
    "settles anew every s": ((10.0, 35.0), "chosen here"),
    "hand-hand contact min/h": (7.3, "InterAct, tables 8-9"),
}
"""The figures of this file; textbook priors."""

# Rest poses: place (chest space, or from the hips), elbow pole, wrist angles, hand; left then right arm.
_SIDE = ((0.245, -0.372, 0.045), ELBOW_BACK, (-0.25, 0.12, 0.0), "relaxed")
_THIGH = ((0.135, 0.096, 0.25), ELBOW_DOWN, (-1.15, -0.36, -0.1), "lying")
_ON_HIP = posed((0.205, 0.105, -0.005), (1.0, 0.0, -0.5), (-0.35, -0.45, 0.8), (0.9, 0.2, 0.4), "lying", True)
_POCKET = posed((0.226, 0.005, 0.030), (0.6, 0.0, -1.0), (-0.18, -0.95, 0.2), (0.95, -0.2, 0.1), "tucked", True)
_BEHIND = posed((0.055, -0.290, -0.190), (1.0, 0.1, -0.5), (-0.75, -0.65, -0.1), (0.1, 0.1, 1.0), "clasp")
_BEHIND_LOW = posed((0.045, -0.325, -0.215), (1.0, 0.1, -0.5), (-0.7, -0.7, -0.1), (0.1, 0.1, 1.0), "clasp")
_FOLD_IN = posed((-0.045, -0.150, 0.195), (0.9, -0.75, -0.1), (-0.93, 0.25, -0.28), (0.0, 0.35, 0.95), "lying")
_FOLD_OUT = posed((-0.035, -0.115, 0.240), (0.9, -0.70, 0.0), (-0.92, 0.22, -0.32), (0.1, 0.45, 0.9), "lying")
_PROP = posed((-0.060, -0.165, 0.190), (0.9, -0.6, -0.1), (-0.98, 0.1, 0.1), (0.0, -0.2, 0.98), "curved")
_CHIN = posed((0.055, 0.085, 0.185), (0.25, -1.0, 0.30), (-0.28, 0.95, -0.15), (0.35, 0.0, 0.93), "chin")
_OVER_WRIST = ((-0.105, -0.215, 0.175), (0.8, -0.8, -0.5), (-0.55, 0.10, 0.0), "clasp")
RESTS = {
    "sides": (_SIDE, _SIDE),
    "clasped": (
        ((0.055, -0.300, 0.175), (0.9, -0.5, -0.6), (-0.35, 0.05, 0.1), "clasp"),
        ((0.050, -0.275, 0.225), (0.9, -0.5, -0.6), (-0.40, 0.12, 0.1), "clasp"),
    ),
    "holds left arm": (_SIDE, _OVER_WRIST),
    "holds right arm": (_OVER_WRIST, _SIDE),
    "before the waist": (
        ((0.095, -0.255, 0.215), (0.8, -0.7, -0.5), (-0.30, 0.02, 0.05), "relaxed"),
        ((0.110, -0.240, 0.220), (0.8, -0.7, -0.5), (-0.20, 0.06, 0.05), "relaxed"),
    ),
    "left before the waist": (((0.085, -0.245, 0.215), (0.8, -0.7, -0.5), (-0.3, 0.02, 0.05), "relaxed"), _SIDE),
    "right before the waist": (_SIDE, ((0.085, -0.245, 0.215), (0.8, -0.7, -0.5), (-0.3, 0.02, 0.05), "relaxed")),
    "folded": (_FOLD_IN, _FOLD_OUT),
    "folded, left over right": (_FOLD_OUT, _FOLD_IN),
    "behind": (_BEHIND, _BEHIND_LOW),
    "on hips": (_ON_HIP, _ON_HIP),
    "left on hip": (_ON_HIP, _SIDE),
    "right on hip": (_SIDE, _ON_HIP),
    "pockets": (_POCKET, _POCKET),
    "left pocket": (_POCKET, _SIDE),
    "right pocket": (_SIDE, _POCKET),
    "chin": (_PROP, _CHIN),
    "chin, left hand": (_CHIN, _PROP),
    "thighs": (_THIGH, _THIGH),
    "lap": (
        ((0.055, 0.108, 0.195), (0.8, -0.8, -0.4), (-0.75, 0.05, 0.1), "clasp"),
        ((0.060, 0.128, 0.235), (0.8, -0.8, -0.4), (-0.80, 0.05, 0.1), "clasp"),
    ),
    "thigh and lap": (_THIGH, ((0.070, 0.112, 0.215), (0.7, -0.9, -0.4), (-0.85, -0.15, 0.0), "lying")),
    "lap and thigh": (((0.070, 0.112, 0.215), (0.7, -0.9, -0.4), (-0.85, -0.15, 0.0), "lying"), _THIGH),
    "half": (
        ((0.150, -0.200, 0.265), ELBOW_DOWN, (0.05, 0.05, 0.0), "relaxed"),
        ((0.145, -0.195, 0.270), ELBOW_DOWN, (0.05, 0.05, 0.0), "relaxed"),
    ),
}
# Shares while standing and sitting in the emotion groups neutral, surprise, fear, social, self, positive, negative.
STANDING = {
    "sides": (0.30, 0.40, 0.14, 0.26, 0.24, 0.34, 0.24),
    "clasped": (0.07, 0.07, 0.16, 0.12, 0.13, 0.06, 0.02),
    "before the waist": (0.10, 0.14, 0.14, 0.13, 0.08, 0.12, 0.06),
    "left before the waist": (0.06, 0.06, 0.04, 0.06, 0.05, 0.06, 0.04),
    "right before the waist": (0.06, 0.06, 0.04, 0.06, 0.05, 0.06, 0.04),
    "holds left arm": (0.03, 0.03, 0.12, 0.05, 0.07, 0.02, 0.02),
    "holds right arm": (0.02, 0.02, 0.08, 0.03, 0.05, 0.02, 0.02),
    "folded": (0.06, 0.02, 0.08, 0.03, 0.06, 0.02, 0.16),
    "folded, left over right": (0.04, 0.02, 0.06, 0.02, 0.04, 0.02, 0.10),
    "behind": (0.04, 0.03, 0.03, 0.06, 0.05, 0.03, 0.01),
    "on hips": (0.02, 0.03, 0.01, 0.01, 0.01, 0.05, 0.12),
    "left on hip": (0.03, 0.03, 0.01, 0.02, 0.01, 0.04, 0.05),
    "right on hip": (0.03, 0.03, 0.01, 0.02, 0.01, 0.04, 0.05),
    "pockets": (0.05, 0.02, 0.02, 0.04, 0.06, 0.05, 0.03),
    "left pocket": (0.04, 0.02, 0.02, 0.04, 0.03, 0.04, 0.02),
    "right pocket": (0.03, 0.02, 0.02, 0.04, 0.03, 0.03, 0.02),
    "chin": (0.02, 0.01, 0.01, 0.01, 0.03, 0.00, 0.00),
    "chin, left hand": (0.01, 0.00, 0.01, 0.00, 0.02, 0.00, 0.00),
}
SITTING = {
    "thighs": (0.44, 0.50, 0.34, 0.42, 0.34, 0.46, 0.44),
    "lap": (0.12, 0.10, 0.26, 0.16, 0.20, 0.12, 0.05),
    "thigh and lap": (0.16, 0.16, 0.12, 0.18, 0.15, 0.18, 0.12),
    "lap and thigh": (0.14, 0.14, 0.10, 0.16, 0.12, 0.16, 0.10),
    "folded": (0.07, 0.04, 0.10, 0.03, 0.08, 0.03, 0.18),
    "folded, left over right": (0.04, 0.03, 0.06, 0.02, 0.05, 0.02, 0.10),
    "chin": (0.02, 0.02, 0.01, 0.02, 0.04, 0.02, 0.01),
    "chin, left hand": (0.01, 0.01, 0.01, 0.01, 0.02, 0.01, 0.00),
}
_FROM_THE_HIPS = frozenset(
    ("thighs", "lap", "thigh and lap", "lap and thigh", "on hips", "left on hip", "right on hip")
    + ("pockets", "left pocket", "right pocket")
)
_CLASPED = frozenset(("clasped", "lap", "behind", "holds left arm", "holds right arm"))
WALKING = {"sides": 0.72, "left pocket": 0.06, "right pocket": 0.05, "pockets": 0.05, "behind": 0.04, "folded": 0.04}
"""What hands do during a walk, as shares."""


@dataclass
class Rest:
    """A rest pose from `start` s on: its name and both arms' poses [2, 21]."""

    start: float
    name: str
    arms: np.ndarray


def draw_rest(random: np.random.Generator, start: float, name: str) -> Rest:
    """Both arms of a named rest pose, drawn with this moment's looseness."""
    loose = 0.6 if name.startswith(("folded", "chin", "behind")) else 1.0
    sides = [arm[3] == "relaxed" and arm[0] == _SIDE[0] for arm in RESTS[name]]
    arms = [
        pose(random, *arm, loose, name in _FROM_THE_HIPS and not hangs)
        for arm, hangs in zip(RESTS[name], sides, strict=True)
    ]
    return Rest(start, name, np.stack(arms))


def rest_schedule(
    random: np.random.Generator,
    style: Style,
    sitting: np.ndarray,
    walking: np.ndarray,
    emotion: np.ndarray,
    moments: list[float],
) -> list[Rest]:
    """Rest poses over the stream; changes fall on the given moments (turn boundaries), on walks, sitting down, rising.

    sitting 0..1, walking (bool) and emotion ids are [n].
    """
    n = len(sitting)
    seconds = n / RATE_HZ
    tastes = [style.taste(len(shares)) for shares in (STANDING, SITTING)]

    def draw(at: float, walk: bool = False) -> Rest:
        k = int(np.clip(int(at * RATE_HZ) + 40, 0, n - 1))
        seated = sitting[k] > 0.5
        shares = SITTING if seated else STANDING
        odds = np.array([s[emotion[k]] for s in shares.values()]) * tastes[int(seated)]
        odds *= [style.clasps if name in _CLASPED else 1.0 for name in shares]
        if walk and not seated:
            odds = np.array([WALKING.get(name, 0.0) for name in shares])
        return draw_rest(random, at, drawn(random, list(shares), odds))

    out, due = [draw(-1.0, bool(walking[: int(2 * RATE_HZ)].any()))], random.uniform(6, 30)
    seated = sitting > 0.5
    for k in np.flatnonzero(seated[1:] != seated[:-1]):
        # Hands leave the legs when the trunk has come forward, and find them late.
        out.append(draw(k / RATE_HZ + (0.4 if seated[k + 1] else -0.8)))
    edges = np.flatnonzero(np.diff(walking.astype(int)))
    for k in edges:
        # Arms hang for the way; afterwards they may stay so.
        if walking[k + 1] and len(walking) - k > 30 and walking[k + 1 : k + 61].mean() > 0.9:
            out.append(draw(k / RATE_HZ - 0.3, True))
    forced = [r.start for r in out[1:]]
    for at in moments:
        k = min(int(at * RATE_HZ), n - 1)
        if at >= due and at < seconds - 2 and not walking[k] and all(abs(at - f) > 3 for f in forced):
            out.append(draw(at))
            due = at + random.uniform(*FIGURES["rest pose lasts s"][0])
    out.sort(key=lambda r: r.start)
    # Now and then resting hands settle anew without leaving their pose.
    settled = []
    shortest, longest = FIGURES["settles anew every s"][0]
    for rest, following in zip(out, [*(r.start for r in out[1:]), seconds], strict=True):
        at = max(rest.start, 0) + random.uniform(shortest, longest)
        while at < following - 2:
            settled.append(draw_rest(random, at, rest.name))
            at += random.uniform(shortest, longest)
    return sorted([*out, *settled], key=lambda r: r.start)
