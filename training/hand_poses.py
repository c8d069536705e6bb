"""One arm's pose as numbers: wrist, elbow, the hand's turn and shape; and how tables of poses are written and drawn.

Poses are written for the left arm, +x away from the midline; the right arm is the same code mirrored with its own
draws, so that the hands never mirror exactly. A hand is given by where its fingers and its back point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from body_skeleton import HAND, arm_frames, unit, wrist_angles

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
    "two": (0.45, 0.06, 0.08, 0.72, 0.76, 0.25, 0.65),
    "pinch": (0.34, 0.46, 0.40, 0.34, 0.30, 0.10, 0.90),
    "claw": (0.24, 0.36, 0.38, 0.40, 0.42, 0.45, 0.40),
    "fist": (0.50, 0.72, 0.76, 0.78, 0.80, -0.1, 0.60),
    "clasp": (0.34, 0.46, 0.50, 0.54, 0.56, 0.00, 0.45),
    "lying": (0.16, 0.16, 0.18, 0.22, 0.26, 0.08, 0.20),
    "tucked": (0.30, 0.50, 0.55, 0.58, 0.60, 0.00, 0.30),
    "chin": (0.10, 0.42, 0.62, 0.68, 0.70, 0.00, 0.30),
}
"""Finger shapes."""

ELBOW_BACK, ELBOW_DOWN = (0.30, -0.25, -1.0), (0.42, -1.0, -0.45)


def aimed(
    place: tuple[float, float, float], pole: tuple[float, float, float], fingers: tuple, back: tuple
) -> tuple[float, float, float]:
    """Wrist angles that let a LEFT hand's fingers and its back point in these directions of the chest."""
    along = unit(np.array(fingers, float))
    up = unit(np.array(back, float) - np.dot(back, along) * along)
    hand = np.stack([along, up, np.cross(along, up)], -1)[None]
    forearm = arm_frames(np.array([place], float), np.array([pole], float), np.zeros((1, 3)))
    supination, flexion, deviation = wrist_angles(forearm, hand)[0]
    # Beyond what a wrist can do the hand is where the forearm takes it.
    return (
        float(np.clip(supination, -1.7, 1.5)),
        float(np.clip(flexion, -0.9, 1.1)),
        float(np.clip(deviation, -0.5, 0.45)),
    )


def posed(place: tuple, pole: tuple, fingers: tuple, back: tuple, hand: str, hips: bool = False) -> tuple:
    """An entry of a table of poses: place (of the chest, or from the hips), elbow pole, wrist angles, hand."""
    chest = tuple(np.array(place) - CHEST_OVER_HIPS) if hips else place
    return place, pole, aimed(chest, pole, fingers, back), hand


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


def drawn(random: np.random.Generator, names: Sequence[str], odds: np.ndarray) -> str:
    """One of a table's names, by odds."""
    return str(random.choice(names, p=odds / odds.sum()))
