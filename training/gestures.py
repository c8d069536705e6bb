"""What hands do: the strokes that fall on a talker's stresses, clips as gestures, and hands that touch oneself.

A gesture phrase is preparation, stroke, hold, retraction (Kendon, Kita); arms.py writes them out. Poses are those of
hand_poses.py, for the left arm; the right arm is the same code mirrored with its own draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from body_style import FIGURES as STYLE, Style
from clips import Phrase, phrases_of
from hand_poses import CHEST, ELBOW_DOWN, FINGERS, HANDS, LIFT, POSE, WRIST, aimed, drawn, pose, posed
from head_motion import Talk
from locomotion import RATE_HZ, minimum_jerk

FIGURES = {
    # what: (value, source)
    "preparation s": ((0.3, 0.8), "Kendon 2004; Kita 1998"),
    "stroke s": ((0.22, 0.55), "0.2-0.6; Kendon 2004"),
    "hold s": ((0.0, 0.8), "Kita 1998"),
    "retraction s": ((0.5, 0.9), "0.4-0.9; Kendon 2004"),
    "stroke before stress s": ((0.0, 0.2), "Loehr 2004; McNeill 1992"),
    "beat s": ((0.3, 0.55), "0.3-0.6; McNeill 1992"),
    "right, both, left": ((0.5, 0.3, 0.2), "right-handers; McNeill 1992; a person's own shares in body_style"),
    "gives up the floor s": ((0.1, 0.6), "after the partner has taken the turn; chosen here"),
    "first stroke of a turn s": (0.5, "not before; chosen here: who hears a turn begin can have hands up by then"),
    "strokes apart s": (0.95, "at least, beats between them apart; chosen here"),
    "touch s": ((0.5, 2.6), "how long a hand stays at face, hair or sleeve; chosen here"),
}
"""The figures of this file; textbook priors."""


def _ends(first: tuple, last: tuple, hand: str, out: float = 0.2, lift: float = 0.0) -> tuple:
    """A stroke from its ends as (place, fingers, back)."""
    pole = np.array(ELBOW_DOWN) + (out, 0, 0)
    angles = [aimed(place, pole, fingers, back) for place, fingers, back in (first, last)]
    return first[0], last[0], *angles, hand, out, lift


# Strokes: from, to (chest space), wrist angles at both ends, hand, how far the elbow is out, shoulder lift at the end.
_C = np.array([0.17, -0.16, 0.30])
SHOULDER = np.array([0.17, 0.12, 0.0])
STROKES = {
    "offer": ((0.14, -0.17, 0.26), (0.2, -0.18, 0.39), (0.5, 0.1, 0.0), (1.05, -0.15, 0.0), "open", 0.0, 0.0),
    "sweep": ((0.06, -0.15, 0.29), (0.31, -0.18, 0.3), (-0.9, 0.1, 0.0), (-0.8, -0.2, -0.1), "flat", 0.4, 0.0),
    "chop": ((0.16, -0.06, 0.3), (0.17, -0.19, 0.36), (0.0, -0.1, 0.2), (0.0, 0.1, -0.2), "flat", 0.1, 0.0),
    "pinch": ((0.15, -0.07, 0.28), (0.16, -0.14, 0.36), (-0.3, -0.2, 0.0), (-0.3, 0.15, 0.0), "pinch", 0.1, 0.0),
    "point": ((0.16, -0.13, 0.27), (0.15, -0.1, 0.41), (-0.6, 0.1, 0.0), (-0.7, -0.1, 0.0), "point", 0.2, 0.0),
    "aside": ((0.18, -0.14, 0.3), (0.35, -0.08, 0.28), (0.0, 0.1, 0.0), (0.3, -0.1, 0.0), "point", 0.1, 0.0),
    "self": ((0.12, -0.12, 0.25), (0.055, -0.08, 0.185), (-0.3, -0.1, 0.0), (-0.35, 0.1, 0.0), "lying", 0.5, 0.0),
    "shape": ((0.22, -0.13, 0.28), (0.15, -0.15, 0.35), (0.1, -0.15, 0.0), (0.15, 0.15, 0.0), "curved", 0.3, 0.0),
    "spread": ((0.13, -0.14, 0.28), (0.29, -0.13, 0.33), (0.2, 0.1, 0.0), (0.8, -0.2, 0.0), "open", 0.3, 0.0),
    "lift": ((0.18, -0.24, 0.29), (0.21, -0.06, 0.33), (0.6, 0.2, 0.0), (0.9, -0.1, 0.0), "open", 0.2, 0.0),
    "fist": ((0.17, -0.04, 0.26), (0.16, -0.15, 0.33), (-0.2, -0.1, 0.0), (-0.2, 0.1, 0.0), "fist", 0.2, 0.0),
    "stop": _ends(
        ((0.15, -0.13, 0.22), (0.1, 0.85, 0.5), (0.0, 0.5, -0.85)),
        ((0.17, -0.06, 0.36), (0.05, 0.95, 0.25), (0.0, 0.25, -0.95)),
        "flat",
    ),
    "shrug": _ends(
        ((0.17, -0.22, 0.24), (0.35, -0.1, 0.9), (-0.4, -0.9, 0.0)),
        ((0.30, -0.19, 0.25), (0.75, 0.05, 0.65), (-0.1, -1.0, 0.0)),
        "open",
        0.05,
        0.26,
    ),
    "drop": _ends(
        ((0.21, -0.03, 0.27), (0.3, 0.7, 0.6), (0.6, 0.2, -0.7)),
        ((0.23, -0.28, 0.20), (0.3, -0.5, 0.8), (0.5, 0.75, 0.3)),
        "open",
    ),
    "wave away": _ends(
        ((0.12, -0.04, 0.25), (-0.5, 0.6, 0.5), (0.2, 0.2, 0.95)),
        ((0.27, -0.10, 0.33), (0.6, -0.2, 0.75), (0.3, 0.95, 0.0)),
        "relaxed",
    ),
    "you": _ends(
        ((0.14, -0.17, 0.25), (-0.1, 0.1, 1.0), (0.7, 0.5, 0.0)),
        ((0.13, -0.12, 0.42), (-0.1, 0.05, 1.0), (0.55, -0.6, 0.0)),
        "flat",
    ),
    "up": _ends(
        ((0.16, -0.12, 0.24), (0.0, 0.6, 0.8), (0.3, 0.7, -0.6)),
        ((0.17, 0.01, 0.29), (0.0, 0.97, 0.2), (0.2, 0.2, -0.95)),
        "point",
    ),
    "claw": _ends(
        ((0.16, -0.16, 0.25), (-0.2, 0.2, 0.95), (0.4, 0.9, 0.0)),
        ((0.19, -0.08, 0.37), (-0.1, 0.45, 0.9), (0.4, 0.85, -0.3)),
        "claw",
    ),
    "press": _ends(
        ((0.17, -0.05, 0.29), (-0.15, 0.1, 1.0), (0.0, 1.0, -0.1)),
        ((0.17, -0.20, 0.33), (-0.15, 0.05, 1.0), (0.0, 1.0, 0.0)),
        "flat",
    ),
    "toward oneself": _ends(
        ((0.20, -0.15, 0.38), (-0.2, 0.1, 0.98), (0.4, -0.8, 0.0)),
        ((0.12, -0.10, 0.26), (-0.6, 0.6, 0.3), (0.2, -0.2, 0.95)),
        "curved",
    ),
    "roll": ((0.13, -0.13, 0.27), (0.14, -0.12, 0.32), (-0.5, 0.1, 0.0), (-0.4, 0.0, 0.0), "curved", 0.3, 0.0),
    "weigh": ((0.17, -0.20, 0.27), (0.20, -0.15, 0.33), (0.7, 0.1, 0.0), (1.0, 0.0, 0.0), "open", 0.1, 0.0),
    "wobble": ((0.17, -0.16, 0.27), (0.18, -0.12, 0.36), (-0.8, 0.0, 0.0), (-0.8, 0.0, 0.0), "flat", 0.1, 0.0),
    "count": ((0.12, -0.12, 0.25), (0.13, -0.05, 0.31), (0.1, 0.1, 0.1), (0.2, 0.0, 0.1), "two", 0.1, 0.0),
    "list": ((0.10, -0.08, 0.31), (0.09, -0.17, 0.35), (0.0, -0.1, 0.2), (0.0, 0.1, -0.2), "flat", 0.1, 0.0),
    "wag": ((0.16, -0.08, 0.27), (0.17, 0.00, 0.32), (0.4, 0.0, 0.2), (0.6, 0.0, 0.3), "point", 0.1, 0.0),
    "rub": ((0.05, -0.17, 0.27), (0.028, -0.16, 0.29), (0.1, 0.1, 0.1), (0.1, 0.1, 0.1), "flat", 0.4, 0.0),
    "tap": ((0.16, -0.15, 0.29), (0.15, -0.21, 0.33), (-0.7, 0.0, 0.0), (-0.7, 0.1, 0.0), "relaxed", 0.1, 0.0),
}
"""Kinds of strokes."""

# After the stroke: way of a cycle's sine and of its 1 - cosine (m), sine of the wrist angles (rad), Hz, cycles, drift
# per cycle (m), whether two hands alternate.
_NO = (0.0, 0.0, 0.0)
CYCLES = {
    "roll": ((0, 0.045, 0), (0, 0, 0.035), (0.1, 0.25, 0.0), (1.2, 1.9), (1.5, 2.5), _NO, True),
    "weigh": ((0, 0.045, 0.0), _NO, (0.1, 0.1, 0.0), (0.6, 1.0), (1.0, 2.0), _NO, True),
    "wobble": ((0.012, 0, 0), _NO, (0.42, 0.0, 0.1), (1.5, 2.1), (1.5, 2.5), _NO, False),
    "count": (_NO, (0, -0.022, 0.01), (0, 0.12, 0), (1.2, 1.8), (2.0, 3.0), (0.01, 0.0, 0.0), False),
    "list": (_NO, (0, 0.035, -0.01), (0, -0.1, 0.1), (1.1, 1.7), (2.0, 3.0), (0.075, 0.0, -0.008), False),
    "wag": ((0.035, 0, 0), _NO, (0.0, 0.15, 0.15), (1.5, 2.1), (2.0, 3.0), _NO, False),
    "rub": ((0, 0.008, 0.026), _NO, (0.05, 0.05, 0), (1.4, 2.2), (2.0, 3.5), _NO, True),
    "tap": (_NO, (0, 0.02, -0.004), (0, -0.12, 0), (1.6, 2.4), (2.0, 3.0), _NO, False),
    "chop": (_NO, (0, 0.028, -0.008), (0, -0.1, 0.1), (1.5, 2.2), (1.0, 2.0), _NO, False),
    "fist": (_NO, (0, 0.03, -0.008), (0, -0.1, 0), (1.5, 2.3), (1.0, 2.0), _NO, False),
}
SOMETIMES = {"chop": 0.35, "fist": 0.4}
"""Kinds that only sometimes go on after their stroke."""

# How often a kind comes in the emotion groups neutral, surprise, fear, social, self, positive, negative.
_ODDS_OF = {
    "offer": (5.0, 3.0, 2.0, 6.0, 3.0, 5.0, 1.0),
    "sweep": (2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0),
    "chop": (3.0, 1.0, 1.0, 2.0, 1.0, 2.0, 5.0),
    "pinch": (3.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0),
    "point": (1.0, 1.0, 1.0, 1.0, 0.3, 1.0, 3.0),
    "aside": (1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0),
    "self": (1.0, 1.5, 2.5, 1.5, 5.0, 1.0, 1.0),
    "shape": (3.0, 2.0, 2.0, 2.0, 2.0, 3.0, 1.0),
    "spread": (2.0, 4.0, 2.0, 2.0, 1.0, 4.0, 1.0),
    "lift": (1.0, 4.0, 2.0, 1.0, 1.0, 3.0, 1.0),
    "fist": (0.3, 0.3, 0.5, 0.2, 0.3, 1.2, 4.0),
    "stop": (0.6, 0.8, 3.0, 0.4, 0.5, 0.4, 2.0),
    "shrug": (1.2, 2.5, 2.0, 1.2, 1.4, 1.2, 1.5),
    "drop": (0.6, 0.8, 0.8, 0.5, 0.8, 0.8, 3.0),
    "wave away": (0.8, 0.5, 0.8, 0.7, 0.8, 1.0, 2.2),
    "you": (2.0, 1.2, 0.8, 3.0, 0.6, 2.0, 2.2),
    "up": (0.8, 1.4, 0.5, 0.7, 0.6, 0.9, 1.2),
    "claw": (0.5, 1.0, 1.8, 0.5, 0.8, 1.0, 2.0),
    "press": (1.8, 0.6, 1.5, 1.5, 1.2, 0.8, 2.5),
    "toward oneself": (0.8, 0.6, 0.8, 1.0, 2.0, 1.0, 0.4),
    "roll": (1.6, 1.2, 1.0, 1.5, 1.4, 1.6, 1.0),
    "weigh": (1.2, 0.6, 0.8, 1.2, 1.2, 0.8, 0.4),
    "wobble": (0.7, 0.5, 0.6, 0.6, 0.8, 0.6, 0.3),
    "count": (1.0, 0.3, 0.3, 0.7, 0.5, 0.6, 0.7),
    "list": (1.4, 0.6, 0.5, 1.0, 0.8, 1.0, 1.6),
    "wag": (0.3, 0.2, 0.3, 0.2, 0.1, 0.3, 1.4),
    "rub": (0.2, 0.3, 0.7, 0.4, 0.5, 0.8, 0.1),
    "tap": (1.0, 0.4, 0.5, 0.7, 0.6, 0.7, 1.6),
}
_KINDS = list(STROKES)
_ODDS = np.array([_ODDS_OF[k] for k in _KINDS])
FASTEST_STROKE_M_S = np.array([0.95, 1.15, 0.95, 0.95, 0.75, 1.15, 1.35])
ONE_HANDED = frozenset(("point", "aside", "up", "wag", "wobble", "count", "you", "toward oneself"))
TWO_HANDED = frozenset(("shape", "spread", "shrug", "weigh", "roll", "rub"))
ALWAYS_TWO = frozenset(("weigh", "rub"))
SIZE = np.array([1.0, 1.18, 0.64, 1.0, 0.74, 1.34, 1.22])
HEIGHT = np.array([0.0, 0.03, -0.03, 0.0, -0.03, 0.05, 0.015])
TEMPO = np.array([1.0, 1.12, 1.0, 0.97, 0.82, 1.1, 1.28])
RATE = np.array([0.95, 1.1, 0.7, 1.05, 0.8, 1.3, 1.15])

TOUCHES = {
    # place, elbow pole, fingers, back of the hand, hand
    "nose": posed((0.075, 0.165, 0.235), (0.35, -1.0, 0.2), (-0.35, 0.90, -0.25), (0.3, 0.2, 0.9), "point"),
    "cheek": posed((0.120, 0.140, 0.165), (0.45, -1.0, 0.1), (-0.20, 0.96, -0.12), (0.95, 0.2, 0.3), "lying"),
    "hair": posed((0.185, 0.255, 0.115), (0.9, -0.5, 0.1), (-0.45, 0.85, -0.25), (0.8, 0.4, 0.3), "curved"),
    "chin": posed((0.055, 0.085, 0.190), (0.25, -1.0, 0.30), (-0.28, 0.95, -0.15), (0.35, 0.0, 0.93), "chin"),
    "sleeve": posed((-0.080, -0.190, 0.215), (0.8, -0.7, -0.3), (-0.95, 0.1, 0.2), (0.0, 0.5, 0.85), "clasp"),
    "chest": posed((0.050, -0.090, 0.180), (0.7, -0.8, -0.2), (-0.95, 0.2, -0.1), (0.0, 0.1, 1.0), "lying"),
}
_TOUCH_ODDS = np.array([1.0, 0.8, 0.6, 1.0, 1.6, 0.6])


def within_reach(wrist: np.ndarray) -> np.ndarray:
    """A wrist [..., 3] drawn in to where the elbow does not lock."""
    away = wrist - SHOULDER
    return SHOULDER + away * np.minimum(1.0, 0.445 / np.linalg.norm(away, axis=-1, keepdims=True))


@dataclass
class Stroke:
    """One stroke: its start and length (s), the stress it belongs to (s), hand 0 right 1 both 2 left, kind, size.

    `seed` is what both hands have in common; a touch of oneself has no stress.
    """

    start: float
    length: float
    stress: float
    hands: int
    kind: str
    size: float
    emotion: int
    seed: int = 0
    touch: bool = False


@dataclass
class Made:
    """What one arm does in a stroke: first pose [21], its course from the stroke's start, `lead` s of it before."""

    first: np.ndarray
    course: Callable[[np.ndarray], np.ndarray]
    lead: float
    length: float


def given_up(talk: Talk, partner: Talk, turn: tuple[float, float]) -> float:
    """When within a turn the partner takes over (and speaks on beyond it); the turn's end if not."""
    start, end = turn
    return min([a for a, b in partner.turns if start + 0.3 < a < end and b > end + 0.3], default=end)


def plan_strokes(
    random: np.random.Generator, style: Style, talk: Talk, partner: Talk, emotion: np.ndarray
) -> list[Stroke]:
    """The strokes of one person's talk, on accents, as often as this person gestures."""
    n = len(emotion)
    taste = style.taste(len(_KINDS))
    clips = phrases_of()
    out: list[Stroke] = []
    hands = int(random.choice(3, p=style.hands))
    early, late = FIGURES["stroke before stress s"][0]
    for start, end in talk.turns:
        # With the floor goes the wish to gesture.
        floor = given_up(talk, partner, (start, end)) + 0.2
        inside = [a for a in talk.accents if start - 0.05 <= a[0] < min(end, floor) and start + 0.25 < a[0]]
        if not inside:
            continue
        seconds = sum(min(b, floor) - a for a, b in talk.phrases if a >= start - 0.05 and b <= end + 0.05 and a < floor)
        k = min(int(start * RATE_HZ), n - 1)
        # What sets a stroke off can mostly be heard: a turn that begins, a syllable that stands out.
        count = round(style.rate * RATE[emotion[k]] * seconds / 60 + random.uniform(-0.5, 0.5))
        opening = [a for a in inside if a[0] > start + FIGURES["first stroke of a turn s"][0]][:1]
        wish = opening + sorted(inside, key=lambda a: -(a[2] + random.gumbel(0, 0.3)))
        taken: list[tuple[float, float, float]] = []
        for accent in wish:
            apart = FIGURES["strokes apart s"][0]
            if len(taken) < count and all(abs(accent[0] - other[0]) > apart for other in taken):
                taken.append(accent)
        for at, _, weight in sorted(taken):
            feel = int(emotion[min(int(at * RATE_HZ), n - 1)])
            odds = _ODDS[:, feel] * taste
            kind = drawn(random, _KINDS, odds)
            if random.random() < (0.5 if out and at - out[-1].stress < 2.5 else 1.0):
                hands = int(random.choice(3, p=style.hands))
            use = hands
            fitting = [name for name, phrase in clips.items() if feel in phrase.feels]
            if fitting and random.random() < STYLE["clip gestures"][0]:
                kind = str(random.choice(fitting))
                use = 1 if clips[kind].both else style.one_hand(random)
            elif kind in ALWAYS_TWO or (kind in TWO_HANDED and random.random() < 0.6):
                use = 1
            elif kind in ONE_HANDED and use == 1:
                use = style.one_hand(random)
            length = random.uniform(*FIGURES["stroke s"][0]) / (TEMPO[feel] * style.tempo)
            size = style.size * SIZE[feel] * np.clip(0.72 + 0.17 * weight, 0.62, 1.30) * random.uniform(0.82, 1.18)
            out.append(
                Stroke(
                    at - random.uniform(early, late), length, at, use, kind,
                    float(np.clip(size, 0.45, 1.6)), feel, int(random.integers(2**31)),
                )
            )  # fmt: skip
    return out


def plan_touches(random: np.random.Generator, style: Style, emotion: np.ndarray, strokes: list[Stroke]) -> list[Stroke]:
    """Hands that go to the face, the hair or the other sleeve, away from strokes."""
    n = len(emotion)
    odds = _TOUCH_ODDS * style.taste(len(TOUCHES))
    out, at = [], random.exponential(60 / style.adaptors)
    while at < n / RATE_HZ - 4:
        feel = int(emotion[int(at * RATE_HZ)])
        # Fear and thought touch more.
        if random.random() < (0.6, 0.5, 1.0, 0.6, 0.9, 0.5, 0.6)[feel]:
            length = random.uniform(*FIGURES["touch s"][0])
            free = all(not (s.start - 1.6 < at + length and at < s.start + s.length + 1.2) for s in strokes)
            if free:
                kind = drawn(random, list(TOUCHES), odds)
                hand = int(random.choice([0, 2]))
                out.append(Stroke(at, length, at, hand, kind, 1.0, feel, int(random.integers(2**31)), True))
        at += 1.5 + random.exponential(60 / style.adaptors)
    return out


def _touch(random: np.random.Generator, stroke: Stroke) -> Made:
    at = pose(random, *TOUCHES[stroke.kind], 0.6, False)
    rub = np.zeros(POSE)
    rub[CHEST] = random.normal(0, (0.006, 0.010, 0.003))
    rub[WRIST] = random.normal(0, (0.03, 0.08, 0.04))
    hz = random.uniform(0.8, 1.8)

    def course(t: np.ndarray) -> np.ndarray:
        window = np.sin(np.pi * np.clip(t / stroke.length, 0, 1)) ** 2
        return at + (window * np.sin(2 * np.pi * hz * t))[:, None] * rub

    return Made(at, course, 0.0, stroke.length)


def make_stroke(random: np.random.Generator, style: Style, stroke: Stroke, side: int) -> Made:
    """What the arm of a side (0 left, 1 right) does; a long way makes the stroke longer."""
    if stroke.touch:
        return _touch(random, stroke)
    rise = np.array([0, HEIGHT[stroke.emotion] + style.height, 0])
    common = np.random.default_rng(stroke.seed)
    clip = phrases_of().get(stroke.kind)
    if clip is not None:
        return _clip_stroke(random, common, clip, stroke, side, rise)
    first, last, wrist_a, wrist_b, hand, out, lift = STROKES[stroke.kind]
    close = stroke.kind in ("self", "rub")
    shift = random.normal(0, (0.022, 0.022, 0.015)) * (0.3 if close else 1.0)
    pole = np.array(ELBOW_DOWN) + (out + 0.15 * random.random(), 0, 0)
    size = 1.0 if close else stroke.size
    ends = []
    for place, wrist in ((first, wrist_a), (last, wrist_b)):
        at = _C + size * (np.array(place) - _C) + rise * (0.3 if close else 1.0) + shift
        at[1] = min(at[1], 0.10)
        at[2] = max(at[2], 0.175)
        at = within_reach(at)
        ends.append(pose(random, at, pole, wrist, hand, 0.5, False))
    if stroke.kind != "count":
        ends[1][FINGERS] = 0.6 * ends[1][FINGERS] + 0.4 * ends[0][FINGERS]
    # The hand takes its shape on the way, and shows it in the stroke.
    ends[0][FINGERS] = 0.45 * np.array(HANDS["relaxed"]) + 0.55 * ends[0][FINGERS]
    ends[1][LIFT] = 0.05 * max(ends[1][1] + 0.15, 0) / 0.1 + lift * min(size, 1.1)
    way = float(np.linalg.norm(ends[1][CHEST] - ends[0][CHEST]))
    length = max(stroke.length, way / FASTEST_STROKE_M_S[stroke.emotion])
    bow = np.zeros(POSE)
    bow[CHEST] = random.normal(0, 0.012, 3)
    going_on = stroke.kind in CYCLES and common.random() < SOMETIMES.get(stroke.kind, 1.0)
    if not going_on:
        def course(t: np.ndarray) -> np.ndarray:
            s = minimum_jerk(t / length)[:, None]
            return ends[0] + (ends[1] - ends[0]) * s + 4 * s * (1 - s) * bow

        return Made(ends[0], course, 0.0, length)

    sine, cosine, wrist, rates, counts, drift, alternate = CYCLES[stroke.kind]
    hz = common.uniform(*rates) * TEMPO[stroke.emotion] ** 0.5
    count = round(2 * common.uniform(*counts)) / 2
    phase = 0.5 * (alternate and side == 1)
    scale = np.clip(size, 0.7, 1.25) * random.uniform(0.9, 1.1)
    total = length + (count + 0.5) / hz

    def cycles(t: np.ndarray) -> np.ndarray:
        s = minimum_jerk(t / length)[:, None]
        turns = (t - 0.8 * length) * hz
        window = minimum_jerk(turns / 0.5) * minimum_jerk((count + 0.5 - turns) / 0.5)
        angle = 2 * np.pi * (turns + phase)
        out = ends[0] + (ends[1] - ends[0]) * s + 4 * s * (1 - s) * bow
        wave = np.sin(angle)[:, None] * np.array(sine) + (1 - np.cos(angle))[:, None] * np.array(cosine)
        out[:, CHEST] += (scale * window)[:, None] * wave
        out[:, CHEST] += (scale * np.clip(turns, 0, count))[:, None] * np.array(drift)
        out[:, WRIST] += (window * np.sin(angle))[:, None] * np.array(wrist)
        return out

    return Made(ends[0], cycles, 0.0, total)


def _clip_stroke(
    random: np.random.Generator, common: np.random.Generator, clip: Phrase, stroke: Stroke, side: int, rise: np.ndarray
) -> Made:
    """A clip's arm, moved in time, scaled about the centre of gesture space; one-handed ones on either side."""
    flipped = bool(common.random() < 0.5)
    row = clip.hand if not clip.both else (1 - side if flipped else side)
    pace = common.uniform(0.85, 1.2) * TEMPO[stroke.emotion] ** 0.5
    size = np.clip(stroke.size, 0.7, 1.25)
    course = clip.course[row].copy()
    course[:, CHEST] = within_reach(_C + size * (course[:, CHEST] - _C) + 0.6 * rise + random.normal(0, 0.012, 3))
    course[:, WRIST] += random.normal(0, (0.08, 0.05, 0.04))
    times = (np.arange(len(course)) - clip.onset) / (RATE_HZ * pace)

    def at(t: np.ndarray) -> np.ndarray:
        k = np.clip(t * RATE_HZ * pace + clip.onset, 0, len(course) - 1)
        low = np.minimum(k.astype(int), len(course) - 2)
        share = (k - low)[:, None]
        return course[low] * (1 - share) + course[low + 1] * share

    return Made(course[0], at, -float(times[0]), float(times[-1]))
