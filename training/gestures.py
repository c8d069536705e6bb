"""What hands do: rest poses, finger shapes, and the strokes that fall on a talker's stresses.

A gesture phrase is preparation, stroke, hold, retraction (Kendon, Kita); arms.py writes them out. Poses are written
for the left arm, +x away from the midline; the right arm is the same code mirrored with its own draws, so that the
hands never mirror exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from body_skeleton import HAND
from head_motion import Talk
from locomotion import RATE_HZ

FIGURES = {
    # what: (value, source)
    "gestures per minute of talk": ((15.0, 26.0), "10-25, McNeill 1992; some are dropped where a hand is busy"),
    "preparation s": ((0.3, 0.8), "Kendon 2004; Kita 1998"),
    "stroke s": ((0.22, 0.55), "0.2-0.6; Kendon 2004"),
    "hold s": ((0.0, 0.8), "Kita 1998"),
    "retraction s": ((0.5, 0.9), "0.4-0.9; Kendon 2004"),
    "stroke before stress s": ((0.0, 0.2), "Loehr 2004; McNeill 1992"),
    "beat s": ((0.3, 0.55), "0.3-0.6; McNeill 1992"),
    "right, both, left": ((0.5, 0.3, 0.2), "right-handers; McNeill 1992"),
    "rest pose lasts s": ((14.0, 45.0), "every 20-60 s; Cassell 2001"),
}
"""The figures of this file; textbook priors."""

# One arm's pose: wrist in the upper chest's space, wrist in the facing frame from the hips, how much of the second,
# pole of the elbow, wrist angles (supination, flexion, deviation), hand, shoulder lift.
CHEST, BODY, ANCHOR, POLE, WRIST, FINGERS, LIFT = (
    slice(0, 3), slice(3, 6), 6, slice(7, 10), slice(10, 13), slice(13, 20), 20
)  # fmt: skip
POSE = 21
CHEST_OVER_HIPS = np.array([0.0, 0.34, 0.0])

HANDS = {
    # curl of thumb, index, middle, ring, little; spread; opposition
    "relaxed": (0.22, 0.26, 0.32, 0.37, 0.40, 0.00, 0.35),
    "open": (0.08, 0.10, 0.12, 0.16, 0.20, 0.30, 0.10),
    "flat": (0.12, 0.08, 0.08, 0.10, 0.14, 0.05, 0.20),
    "curved": (0.20, 0.24, 0.26, 0.30, 0.34, 0.25, 0.35),
    "point": (0.45, 0.06, 0.66, 0.74, 0.76, 0.00, 0.65),
    "pinch": (0.34, 0.46, 0.40, 0.34, 0.30, 0.10, 0.90),
    "fist": (0.50, 0.72, 0.76, 0.78, 0.80, -0.1, 0.60),
    "clasp": (0.34, 0.46, 0.50, 0.54, 0.56, 0.00, 0.45),
    "lying": (0.16, 0.16, 0.18, 0.22, 0.26, 0.08, 0.20),
}
"""Finger shapes."""

ELBOW_BACK, ELBOW_DOWN = (0.30, -0.25, -1.0), (0.42, -1.0, -0.45)

# Rest poses: place (chest space standing, from the hips sitting), elbow pole, wrist angles, hand; left then right arm.
_SIDE = ((0.245, -0.372, 0.045), ELBOW_BACK, (-0.25, 0.12, 0.0), "relaxed")
_THIGH = ((0.135, 0.096, 0.25), ELBOW_DOWN, (-1.15, -0.36, -0.1), "lying")
RESTS = {
    "sides": (_SIDE, _SIDE),
    "clasped": (
        ((0.055, -0.300, 0.175), (0.9, -0.5, -0.6), (-0.35, 0.05, 0.1), "clasp"),
        ((0.050, -0.275, 0.225), (0.9, -0.5, -0.6), (-0.40, 0.12, 0.1), "clasp"),
    ),
    "holds left arm": (_SIDE, ((-0.105, -0.215, 0.175), (0.8, -0.8, -0.5), (-0.55, 0.10, 0.0), "clasp")),
    "holds right arm": (((-0.105, -0.210, 0.175), (0.8, -0.8, -0.5), (-0.55, 0.10, 0.0), "clasp"), _SIDE),
    "before the waist": (
        ((0.095, -0.255, 0.215), (0.8, -0.7, -0.5), (-0.30, 0.02, 0.05), "relaxed"),
        ((0.110, -0.240, 0.220), (0.8, -0.7, -0.5), (-0.20, 0.06, 0.05), "relaxed"),
    ),
    "crossed": (
        ((-0.085, -0.135, 0.190), (0.9, -0.6, -0.2), (-0.55, 0.05, 0.0), "relaxed"),
        ((-0.070, -0.105, 0.235), (0.9, -0.6, -0.2), (-0.45, 0.05, 0.0), "relaxed"),
    ),
    "thighs": (_THIGH, _THIGH),
    "lap": (
        ((0.055, 0.108, 0.195), (0.8, -0.8, -0.4), (-0.75, 0.05, 0.1), "clasp"),
        ((0.060, 0.128, 0.235), (0.8, -0.8, -0.4), (-0.80, 0.05, 0.1), "clasp"),
    ),
    "thigh and lap": (_THIGH, ((0.070, 0.112, 0.215), (0.7, -0.9, -0.4), (-0.85, -0.15, 0.0), "lying")),
    "half": (
        ((0.150, -0.200, 0.265), ELBOW_DOWN, (0.05, 0.05, 0.0), "relaxed"),
        ((0.145, -0.195, 0.270), ELBOW_DOWN, (0.05, 0.05, 0.0), "relaxed"),
    ),
}
STANDING = {
    "sides": 0.34,
    "clasped": 0.28,
    "before the waist": 0.18,
    "holds left arm": 0.08,
    "holds right arm": 0.05,
    "crossed": 0.07,
}
SITTING = {"thighs": 0.40, "lap": 0.36, "thigh and lap": 0.24}
_ON_THE_LEGS = frozenset(SITTING)

# Strokes: from, to (chest space), wrist angles at both ends, hand, how far the elbow is out.
_C = np.array([0.17, -0.16, 0.30])
STROKES = {
    "offer": ((0.14, -0.17, 0.26), (0.2, -0.18, 0.39), (0.5, 0.1, 0.0), (1.05, -0.15, 0.0), "open", 0.0),
    "sweep": ((0.06, -0.15, 0.29), (0.31, -0.18, 0.3), (-0.9, 0.1, 0.0), (-0.8, -0.2, -0.1), "flat", 0.4),
    "chop": ((0.16, -0.06, 0.3), (0.17, -0.19, 0.36), (0.0, -0.1, 0.2), (0.0, 0.1, -0.2), "flat", 0.1),
    "pinch": ((0.15, -0.07, 0.28), (0.16, -0.14, 0.36), (-0.3, -0.2, 0.0), (-0.3, 0.15, 0.0), "pinch", 0.1),
    "point": ((0.16, -0.13, 0.27), (0.15, -0.1, 0.41), (-0.6, 0.1, 0.0), (-0.7, -0.1, 0.0), "point", 0.2),
    "aside": ((0.18, -0.14, 0.3), (0.35, -0.08, 0.28), (0.0, 0.1, 0.0), (0.3, -0.1, 0.0), "point", 0.1),
    "self": ((0.12, -0.12, 0.25), (0.055, -0.08, 0.185), (-0.3, -0.1, 0.0), (-0.35, 0.1, 0.0), "lying", 0.5),
    "shape": ((0.22, -0.13, 0.28), (0.15, -0.15, 0.35), (0.1, -0.15, 0.0), (0.15, 0.15, 0.0), "curved", 0.3),
    "spread": ((0.13, -0.14, 0.28), (0.29, -0.13, 0.33), (0.2, 0.1, 0.0), (0.8, -0.2, 0.0), "open", 0.3),
    "lift": ((0.18, -0.24, 0.29), (0.21, -0.06, 0.33), (0.6, 0.2, 0.0), (0.9, -0.1, 0.0), "open", 0.2),
    "fist": ((0.17, -0.04, 0.26), (0.16, -0.15, 0.33), (-0.2, -0.1, 0.0), (-0.2, 0.1, 0.0), "fist", 0.2),
}
"""Kinds of strokes."""

# How often a kind comes in the emotion groups neutral, surprise, fear, social, self, positive, negative.
_ODDS_OF = {
    "offer": (5.0, 3.0, 2.0, 6.0, 3.0, 5.0, 1.0),
    "sweep": (2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0),
    "chop": (3.0, 1.0, 1.0, 2.0, 1.0, 2.0, 5.0),
    "pinch": (3.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0),
    "point": (1.0, 1.0, 1.0, 1.0, 0.3, 1.0, 3.0),
    "aside": (1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0),
    "self": (1.0, 1.0, 2.0, 1.5, 5.0, 1.0, 1.0),
    "shape": (3.0, 2.0, 2.0, 2.0, 2.0, 3.0, 1.0),
    "spread": (2.0, 4.0, 2.0, 2.0, 1.0, 4.0, 1.0),
    "lift": (1.0, 4.0, 2.0, 1.0, 1.0, 3.0, 1.0),
    "fist": (0.3, 0.3, 0.5, 0.2, 0.3, 1.2, 4.0),
}
_KINDS = list(STROKES)
_ODDS = np.array([_ODDS_OF[k] for k in _KINDS])
FASTEST_STROKE_M_S = 0.85
ONE_HANDED, TWO_HANDED = frozenset(("self", "point", "aside")), frozenset(("shape", "spread"))
SIZE = np.array([1.0, 1.15, 0.66, 1.0, 0.74, 1.32, 1.18])
HEIGHT = np.array([0.0, 0.03, -0.03, 0.0, -0.03, 0.05, 0.015])
TEMPO = np.array([1.0, 1.12, 1.0, 0.97, 0.82, 1.1, 1.28])
RATE = np.array([0.95, 1.1, 0.7, 1.05, 0.8, 1.3, 1.15])


def pose(
    random: np.random.Generator,
    place: np.ndarray,
    pole: np.ndarray,
    wrist: np.ndarray,
    hand: str,
    loose: float,
    legs: bool,
) -> np.ndarray:
    """A pose [21] with its own small differences; `legs` says that the place is stated from the hips."""
    out = np.zeros(POSE)
    place = np.asarray(place, float) + loose * random.normal(0, (0.008, 0.008, 0.008))
    out[CHEST] = place - CHEST_OVER_HIPS if legs else place
    out[BODY] = place if legs else place + CHEST_OVER_HIPS
    out[ANCHOR] = legs
    out[POLE] = np.asarray(pole) + loose * random.normal(0, 0.06, 3)
    out[WRIST] = np.asarray(wrist) + loose * random.normal(0, (0.12, 0.07, 0.05))
    out[FINGERS] = np.array(HANDS[hand]) + loose * random.normal(0, 0.045, HAND)
    return out


@dataclass
class Rest:
    """A rest pose from `start` s on: its name and both arms' poses [2, 21]."""

    start: float
    name: str
    arms: np.ndarray


def draw_rest(random: np.random.Generator, start: float, name: str) -> Rest:
    """Both arms of a named rest pose, drawn with this moment's looseness."""
    arms = [pose(random, *arm, 1.0, name in _ON_THE_LEGS) for arm in RESTS[name]]
    return Rest(start, name, np.stack(arms))


def rest_schedule(random: np.random.Generator, sitting: np.ndarray, walking: bool, moments: list[float]) -> list[Rest]:
    """Rest poses over the stream; changes fall on the given moments (turn boundaries) and on sitting down or rising."""
    seconds = len(sitting) / RATE_HZ
    taste = random.gamma(1.2, 1.0, 16)

    def draw(at: float) -> Rest:
        shares = SITTING if sitting[np.clip(int(at * RATE_HZ) + 40, 0, len(sitting) - 1)] > 0.5 else STANDING
        names = list(shares)
        # Everyone has favourites.
        odds = np.array(list(shares.values())) * taste[: len(names)]
        if walking:
            odds[0] = 6 * odds[0] + 1
        return draw_rest(random, at, str(random.choice(names, p=odds / odds.sum())))

    out, due = [draw(-1.0)], random.uniform(6, 30)
    seated = sitting > 0.5
    for k in np.flatnonzero(seated[1:] != seated[:-1]):
        # Hands leave the legs when the trunk has come forward, and find them late.
        out.append(draw(k / RATE_HZ + (0.4 if seated[k + 1] else -0.8)))
    forced = [r.start for r in out[1:]]
    for at in moments:
        if at >= due and at < seconds - 2 and all(abs(at - f) > 3 for f in forced):
            out.append(draw(at))
            due = at + random.uniform(*FIGURES["rest pose lasts s"][0])
    out.sort(key=lambda r: r.start)
    # Now and then resting hands settle anew without leaving their pose.
    settled = []
    for rest, following in zip(out, [*(r.start for r in out[1:]), seconds]):
        at = max(rest.start, 0) + random.uniform(5, 20)
        while at < following - 2:
            settled.append(draw_rest(random, at, rest.name))
            at += random.uniform(6, 22)
    return sorted([*out, *settled], key=lambda r: r.start)


@dataclass
class Stroke:
    """One stroke: its start and length (s), the stress it belongs to (s), hand 0 right 1 both 2 left, kind, size."""

    start: float
    length: float
    stress: float
    hands: int
    kind: str
    size: float
    emotion: int


def plan_strokes(random: np.random.Generator, talk: Talk, emotion: np.ndarray) -> list[Stroke]:
    """The strokes of one person's talk, on accents, as often as this person gestures."""
    n = len(emotion)
    rate = random.uniform(*FIGURES["gestures per minute of talk"][0])
    out: list[Stroke] = []
    hands = int(random.choice(3, p=FIGURES["right, both, left"][0]))
    early, late = FIGURES["stroke before stress s"][0]
    for start, end in talk.turns:
        inside = [a for a in talk.accents if start - 0.05 <= a[0] < end and start + 0.25 < a[0]]
        if not inside:
            continue
        seconds = sum(b - a for a, b in talk.phrases if a >= start - 0.05 and b <= end + 0.05)
        k = min(int(start * RATE_HZ), n - 1)
        count = random.poisson(rate * RATE[emotion[k]] * seconds / 60)
        wish = sorted(inside, key=lambda a: -(a[2] + random.gumbel(0, 0.6)))
        taken: list[tuple[float, float, float]] = []
        for accent in wish:
            if len(taken) < count and all(abs(accent[0] - other[0]) > 0.95 for other in taken):
                taken.append(accent)
        for at, _, weight in sorted(taken):
            feel = int(emotion[min(int(at * RATE_HZ), n - 1)])
            kind = str(random.choice(_KINDS, p=_ODDS[:, feel] / _ODDS[:, feel].sum()))
            if random.random() < (0.5 if out and at - out[-1].stress < 2.5 else 1.0):
                hands = int(random.choice(3, p=FIGURES["right, both, left"][0]))
            use = hands
            if kind in TWO_HANDED and random.random() < 0.6:
                use = 1
            elif kind in ONE_HANDED and use == 1:
                use = int(random.choice([0, 0, 2]))
            length = random.uniform(*FIGURES["stroke s"][0]) / TEMPO[feel]
            size = SIZE[feel] * np.clip(0.85 + 0.10 * weight, 0.75, 1.15) * random.uniform(0.8, 1.15)
            out.append(Stroke(at - random.uniform(early, late), length, at, use, kind, float(size), feel))
    return out


def stroke_poses(random: np.random.Generator, stroke: Stroke) -> tuple[np.ndarray, np.ndarray]:
    """The poses [21] at both ends of a stroke; a long way makes the stroke longer."""
    first, last, wrist_a, wrist_b, hand, out = STROKES[stroke.kind]
    rise = np.array([0, HEIGHT[stroke.emotion], 0])
    shift = random.normal(0, (0.02, 0.02, 0.015)) * (0.4 if stroke.kind == "self" else 1.0)
    pole = np.array(ELBOW_DOWN) + (out + 0.15 * random.random(), 0, 0)
    size = 1.0 if stroke.kind == "self" else stroke.size
    ends = []
    for place, wrist in ((first, wrist_a), (last, wrist_b)):
        at = _C + size * (np.array(place) - _C) + rise + shift
        at[2] = max(at[2], 0.175)
        ends.append(pose(random, at, pole, wrist, hand, 0.5, False))
    ends[1][FINGERS] = 0.6 * ends[1][FINGERS] + 0.4 * ends[0][FINGERS]
    # The hand takes its shape on the way, and shows it in the stroke.
    ends[0][FINGERS] = 0.45 * np.array(HANDS["relaxed"]) + 0.55 * ends[0][FINGERS]
    stroke.length = max(stroke.length, float(np.linalg.norm(ends[1][CHEST] - ends[0][CHEST])) / FASTEST_STROKE_M_S)
    ends[1][LIFT] = 0.05 * max(ends[1][1] + 0.15, 0) / 0.1
    return ends[0], ends[1]
