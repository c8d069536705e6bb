"""Who moves: what is a person's own for a whole stream, and the ranges that only held-out scenes are drawn from.

Training draws a figure inside its range; a held-out scene draws it from the two flanks beside that range, so that no
training scene has its values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FIGURES = {
    # what: (value, source)
    "gestures per minute of talk": ((18.0, 30.0), "the lively half of 10-25, McNeill 1992; some are dropped where a hand is busy"),
    "size of gestures": ((0.72, 1.30), "chosen here: small and large gesturers"),
    "tempo of gestures": ((0.88, 1.14), "chosen here"),
    "height of gestures m": ((-0.035, 0.05), "between waist and chest: McNeill 1992"),
    "distance factor": ((0.92, 1.10), "chosen here, on the distances of scenes"),
    "walking m/s": ((1.2, 1.4), "alone: conversation.md; beside a partner 0.85 of it"),
    "sway factor": ((0.6, 1.25), "under 2 cm: Duarte & Zatsiorsky 1999"),
    "breaths per minute": ((12.0, 18.0), "at rest"),
    "clip gestures": (0.18, "share of strokes drawn from hand-keyed clips; chosen here"),
    "adaptors per minute": ((0.2, 1.3), "touching face, hair, sleeve; hand-head is rare in InterAct, tables 8-9"),
    "hand-hand contact by relationship": (
        (0.8, 0.7, 1.9, 0.8, 1.6, 0.8),
        "factor on clasping rests: 7.3 min/h on average, friends 22.8, school 17.6; InterAct, tables 8-9",
    ),
}
"""A person's own; textbook priors."""

FLANK = (0.06, 0.28)
"""Held-out values lie this far outside of a range, in widths of the range."""


def draw(random: np.random.Generator, span: tuple[float, float], held_out: bool = False) -> float:
    """A value in a range, or beside it for held-out scenes."""
    low, high = span
    if not held_out:
        return float(random.uniform(low, high))
    off = random.uniform(*FLANK) * (high - low)
    return float(low - off if random.random() < 0.5 else high + off)


@dataclass
class Style:
    """One person's ways: gesture rate, size, tempo and height, pace, sway, breath, favourites."""

    held_out: bool
    rate: float
    size: float
    tempo: float
    height: float
    pace: float
    sway: float
    breaths: float
    adaptors: float
    clasps: float
    hands: np.ndarray
    """Shares of right, both, left."""
    favourites: np.random.Generator
    """Draws this person's tastes, the same in every list."""

    def one_hand(self, random: np.random.Generator) -> int:
        """0 for the right, 2 for the left hand."""
        return 0 if random.random() * (self.hands[0] + self.hands[2]) < self.hands[0] else 2

    def taste(self, count: int, spread: float = 1.2) -> np.ndarray:
        """Factors [count] of mean about one: everyone has favourites."""
        return self.favourites.gamma(spread, 1 / spread, count) + 0.08


HANDEDNESS = {"right": (0.5, 0.3, 0.2), "left": (0.2, 0.3, 0.5)}
LEFT_HANDERS = 0.1


def draw_style(random: np.random.Generator, relationship: int, held_out: bool = False) -> Style:
    """One person."""

    def own(name: str) -> float:
        return draw(random, FIGURES[name][0], held_out)

    handed = np.array(HANDEDNESS["left" if random.random() < LEFT_HANDERS else "right"])
    shares = handed * random.gamma(6.0, 1 / 6.0, 3)
    return Style(
        held_out,
        own("gestures per minute of talk"),
        own("size of gestures"),
        own("tempo of gestures"),
        own("height of gestures m"),
        own("walking m/s"),
        max(own("sway factor"), 0.3),
        own("breaths per minute"),
        max(own("adaptors per minute"), 0.05),
        FIGURES["hand-hand contact by relationship"][0][relationship],
        shares / shares.sum(),
        np.random.default_rng(int(random.integers(2**31))),
    )
