"""Everything of the face that is not articulation: blinks, brow accents, emotion, a listener's small reactions.

Rules with published figures (see FIGURES), drawn by a seeded generator. Shapes: n = frames at 30/s; weights 0..1.
The eyeLook channels stay 0: gaze is procedural on the stage, where the partner's place is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

from lips import CHANNEL, STYLES, VOWEL, Segment, stretches

if TYPE_CHECKING:
    from interplay import Acts

RATE_HZ = 30.0

FIGURES = {
    # what: (value, source)
    "blinks per minute in conversation": (26.0, "Bentivoglio 1997; the style says 21 to 29"),
    "blinks per minute at rest": (17.0, "Bentivoglio 1997"),
    "blink interval": ("log-normal, sigma 0.5", "Bentivoglio 1997; spread chosen here"),
    "blink closing s": ((0.075, 0.100), "Evinger 1991"),
    "blink closed s": ((0.020, 0.050), "Evinger 1991"),
    "blink opening s": ((0.150, 0.250), "Evinger 1991"),
    "blink after own phrase end": (0.45, "clusters at phrase ends: Evinger 1991; share chosen here"),
    "brow raise per accent": (0.25, "Cave 1996; Ekman 1979"),
    "brow raise s": ((0.20, 0.40), "Cave 1996; Ekman 1979"),
    "blink when the head turns away": (0.6, "clusters at gaze shifts: Evinger 1991; share chosen here"),
    "blink when it comes back": (0.35, "as above"),
    "blink at the partner's onset": (0.30, "as above"),
    "brow flash at the partner's onset": (0.45, "new topics, Ekman 1979; share chosen here"),
}
"""The figures of this file in one place; textbook priors, none of them a result of ours."""

LOG_SIGMA = 0.5
# A sampler of four steps begins a rare movement about half as often as its training data does (a mixture of "now" and
# "not yet" solved with the exact posterior gives 0.4 to 0.5), so the corpus lets them come twice as readily: the
# shortest of two draws of an interval has twice the hazard of one.
HASTE = 2
SHORTEST_BLINK_INTERVAL_S = 0.45
PHRASE_PAUSE_S = 0.20
CONDITION_SMOOTHING_S = 0.15
STRONGEST = 0.7

EMOTION_SHAPES: tuple[dict[str, float], ...] = (
    {},
    {"browInnerUp": 0.42, "browOuterUp": 0.38, "eyeWide": 0.32},
    {"browInnerUp": 0.46, "browDown": 0.14, "eyeWide": 0.26, "mouthStretch": 0.12, "mouthFrown": 0.10},
    {"mouthSmile": 0.20, "cheekSquint": 0.12, "browOuterUp": 0.10, "browInnerUp": 0.06},
    {"mouthSmile": 0.08, "mouthDimple": 0.14, "browInnerUp": 0.20, "eyeSquint": 0.12, "mouthPress": 0.06},
    {"mouthSmile": 0.38, "cheekSquint": 0.30, "eyeSquint": 0.22, "mouthDimple": 0.08},
    {"browDown": 0.42, "mouthFrown": 0.26, "noseSneer": 0.05, "eyeSquint": 0.20, "mouthPress": 0.10},
)
"""What each emotion group adds, in the order neutral, surprise, fear, social, self, positive, negative."""

_MOUTH_WHILE_SPEAKING = 0.65
_WHEN_NOT_FACING = 0.75


@dataclass(frozen=True)
class Voice:
    """One person's speech on the stream's clock: phones, levels in dB per frame [n], usual vowel level dB [n]."""

    segments: list[Segment]
    level_db: np.ndarray
    usual_db: np.ndarray


def put(out: np.ndarray, shape: str, values: np.ndarray, lean: np.ndarray | float = 0.0) -> None:
    """Add `values` [n] to a channel, or to its Left and Right made a little unequal by `lean`."""
    if shape in CHANNEL:
        out[:, CHANNEL[shape]] += values
    else:
        out[:, CHANNEL[shape + "Left"]] += values * (1 + lean)
        out[:, CHANNEL[shape + "Right"]] += values * (1 - lean)


def smoothed(values: np.ndarray, seconds: float = CONDITION_SMOOTHING_S) -> np.ndarray:
    """Causal one-pole smoothing of [n] or [n, k], starting at the first value."""
    keep, values = np.exp(-1 / (seconds * RATE_HZ)), np.asarray(values, float)
    return lfilter([1 - keep], [1, -keep], values, axis=0, zi=keep * values[:1])[0]


def phrases(segments: list[Segment]) -> list[tuple[float, float]]:
    """Start and end of each stretch of speech without a pause of PHRASE_PAUSE_S."""
    return stretches(segments, PHRASE_PAUSE_S)


def talking(segments: list[Segment], frames: int) -> np.ndarray:
    """1 [n] within phrases."""
    t, out = np.arange(frames) / RATE_HZ, np.zeros(frames)
    for a, b in phrases(segments):
        out[(t >= a) & (t < b)] = 1
    return out


def blink_times(
    random: np.random.Generator,
    frames: int,
    own: Voice,
    partner: Voice,
    per_minute: np.ndarray,
    acts: Acts | None = None,
) -> list[int]:
    """Frames at which the lids are first shut: log-normal intervals, ends of phrases, gaze shifts, onsets."""
    rest = FIGURES["blinks per minute at rest"][0] / FIGURES["blinks per minute in conversation"][0]
    busy = smoothed(np.maximum(talking(own.segments, frames), talking(partner.segments, frames)), 1.5)
    ends = [(b, FIGURES["blink after own phrase end"][0]) for _, b in phrases(own.segments)]
    ends += [(b, 0.12) for _, b in phrases(partner.segments)]
    wanted = [b + random.uniform(0.0, 0.25) for b, share in ends if random.random() < share]
    for start, length, *_ in acts.away if acts else ():
        for moment, share in ((start, "when the head turns away"), (start + length + 0.4, "when it comes back")):
            if random.random() < FIGURES[f"blink {share}"][0]:
                wanted.append(moment + random.uniform(0.0, 0.15))
    for _, start, _ in acts.onsets if acts else ():
        if random.random() < FIGURES["blink at the partner's onset"][0]:
            wanted.append(start + random.uniform(0.0, 0.1))
    wanted = sorted(w for w in wanted if w > 0)
    times, now = [], float(random.uniform(0, 2))
    end = frames / RATE_HZ
    while now < end:
        if not times or now - times[-1] >= SHORTEST_BLINK_INTERVAL_S:
            times.append(now)
        k = min(int(now * RATE_HZ), frames - 1)
        # The blinks at phrase ends and gaze shifts come on top, so the free ones are rarer than the rate says.
        mean = 60 / (0.66 * per_minute[k] * (rest + (1 - rest) * busy[k]))
        step = mean * np.exp(LOG_SIGMA * random.standard_normal(HASTE).min() - LOG_SIGMA**2 / 2)
        ahead = [w for w in wanted if now + SHORTEST_BLINK_INTERVAL_S < w < now + step]
        now = ahead[0] if ahead else now + step
    return [round(t * RATE_HZ) for t in times if round(t * RATE_HZ) < frames]


def add_blinks(out: np.ndarray, random: np.random.Generator, shut: list[int]) -> None:
    """Draw the blinks whose lids are shut at the given frames."""
    t = np.arange(len(out)) / RATE_HZ
    for k in shut:
        closing, closed, opening = (
            random.uniform(*FIGURES[f"blink {part} s"][0]) for part in ("closing", "closed", "opening")
        )
        lo, hi = max(k - 5, 0), min(k + 12, len(out))
        x = t[lo:hi] - k / RATE_HZ
        down = np.clip(1 + x / closing, 0, 1)
        up = np.clip(1 - (x - closed) / opening, 0, 1)
        lid = np.where(x < 0, down**1.3, up**1.6)
        tilt = random.uniform(-0.02, 0.02)
        for side, sign in (("Left", 1), ("Right", -1)):
            c = CHANNEL["eyeBlink" + side]
            out[lo:hi, c] = np.maximum(out[lo:hi, c], lid * (0.98 + sign * tilt))
            out[lo:hi, CHANNEL["eyeSquint" + side]] += 0.10 * lid
            out[lo:hi, CHANNEL["browDown" + side]] += 0.05 * lid


def accents(voice: Voice) -> list[tuple[float, float, float]]:
    """(start s, duration s, prominence) of the vowels that stand out of their surroundings by level and length."""
    nuclei = []
    for phone, start, duration in voice.segments:
        if phone in VOWEL:
            first = int(np.ceil(start * RATE_HZ))
            window = slice(first, max(int((start + duration) * RATE_HZ) + 1, first + 1))
            level = (voice.level_db - voice.usual_db)[window]
            if len(level):
                nuclei.append((start, duration, level.max() / 5 + np.clip((duration - 0.09) / 0.07, -1, 2)))
    return [
        n for n in nuclei if all(n[2] >= m[2] for m in nuclei if abs(m[0] - n[0]) < 0.45)
    ]


def bump(frames: int, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    """A smooth pulse [n]: up over `rise` s from `start`, held, down over `fall` s."""
    t = np.arange(frames) / RATE_HZ - start
    up, down = np.clip(t / rise, 0, 1), np.clip((t - rise - hold) / fall, 0, 1)
    return (0.5 - 0.5 * np.cos(np.pi * up)) * (0.5 + 0.5 * np.cos(np.pi * down))


def add_accents(out: np.ndarray, own: Voice, strength: np.ndarray, frown: np.ndarray, lean: np.ndarray) -> None:
    """Brow movements on the most prominent quarter of the accents; with a frown (0..1) the brows go down instead."""
    found = accents(own)
    if not found:
        return
    threshold = np.quantile([p for _, _, p in found], 1 - FIGURES["brow raise per accent"][0])
    shortest, longest = FIGURES["brow raise s"][0]
    for start, duration, prominence in found:
        if prominence < max(threshold, 0.35):
            continue
        lo = max(int((start - 0.3) * RATE_HZ), 0)
        hi = min(lo + 60, len(out))
        size = np.clip(0.26 + 0.10 * (prominence - 0.5), 0.22, 0.45)
        hold = np.clip(duration, shortest, longest) - 0.15
        pulse = size * bump(hi - lo, start - 0.06 - lo / RATE_HZ, 0.13, hold, 0.22) * strength[lo:hi]
        part = out[lo:hi]
        put(part, "browInnerUp", pulse * (1 - frown[lo:hi]))
        put(part, "browOuterUp", 0.75 * pulse * (1 - frown[lo:hi]), 2 * lean[lo:hi])
        put(part, "eyeWide", 0.25 * pulse * (1 - frown[lo:hi]))
        put(part, "browDown", 0.7 * pulse * frown[lo:hi])


def add_acts(out: np.ndarray, random: np.random.Generator, acts: Acts) -> None:
    """Smiles, brows and laughs of a person, and brow flashes at the partner's onsets."""
    frames = len(out)

    def part(start: float, length: float) -> tuple[np.ndarray, float, int]:
        lo = min(max(int(start * RATE_HZ) - 1, 0), frames)
        rows = out[lo : lo + int((length + 1.6) * RATE_HZ) + 2]
        return rows, start - lo / RATE_HZ, len(rows)

    for start, length, size in acts.smiles:
        rows, begin, count = part(start, length)
        pulse = size * bump(count, begin, random.uniform(0.25, 0.45), length, random.uniform(0.5, 0.9))
        put(rows, "mouthSmile", pulse, 0.04)
        put(rows, "cheekSquint", 0.65 * pulse)
        put(rows, "eyeSquint", 0.25 * pulse)
    for start, length, size in acts.brows:
        rows, begin, count = part(start, length)
        pulse = abs(size) * bump(count, begin, 0.16, length, 0.35)
        if size > 0:
            put(rows, "browInnerUp", pulse)
            put(rows, "browOuterUp", 0.75 * pulse, 0.06)
        else:
            put(rows, "browDown", 0.6 * pulse)
            put(rows, "eyeSquint", 0.8 * pulse)
    for _, start, size in acts.onsets:
        rows, begin, count = part(start, 0.5)
        if random.random() < FIGURES["brow flash at the partner's onset"][0]:
            pulse = 0.30 * size * bump(count, begin, 0.12, random.uniform(0.1, 0.4), 0.4)
            put(rows, "browInnerUp", pulse)
            put(rows, "browOuterUp", 0.8 * pulse)
            put(rows, "eyeWide", 0.3 * pulse)
    for start, length, strength, voiced in acts.laughs:
        rows, begin, count = part(start - 0.15, length + 0.6)
        pulse = (0.55 + 0.45 * strength) * bump(count, begin, 0.22, length + 0.5, 0.9)
        put(rows, "mouthSmile", 0.95 * pulse, 0.03)
        put(rows, "cheekSquint", 0.75 * pulse)
        put(rows, "eyeSquint", 0.45 * pulse)
        put(rows, "browInnerUp", 0.12 * pulse)
        put(rows, "noseSneer", 0.10 * strength * pulse)
        if not voiced:
            # Air through an open smile: the voiced ones are opened by their own phones.
            put(rows, "jawOpen", 0.22 * strength * pulse)
            put(rows, "mouthUpperUp", 0.18 * strength * pulse)


def style_factors(style: np.ndarray) -> dict[str, np.ndarray]:
    """Per-frame factors [n] of style ids [n], eased over changes; names are the fields of `Style`."""
    names = STYLES[0].__dataclass_fields__
    table = np.array([[getattr(s, name) for name in names] for s in STYLES])
    eased = smoothed(table[style])
    return {name: eased[:, i] for i, name in enumerate(names)}


def expression(
    random: np.random.Generator,
    own: Voice,
    partner: Voice,
    style: np.ndarray,
    partner_style: np.ndarray,
    facing: np.ndarray,
    emotion: np.ndarray,
    acts: Acts | None = None,
) -> np.ndarray:
    """Weights [n, 51] of blinks, brows, emotion and what `acts` tells, to be added to the mouth's; ids are [n]."""
    frames = len(style)
    factors = style_factors(style)
    lean, out = factors["lean"], np.zeros((frames, len(CHANNEL)))
    shapes = sorted({shape for group in EMOTION_SHAPES for shape in group})
    table = np.array([[group.get(shape, 0.0) for shape in shapes] for group in EMOTION_SHAPES])
    amount = smoothed(table[emotion], 0.25)
    speaking = smoothed(talking(own.segments, frames), 0.2)
    met = smoothed(np.where(facing > 0, 1.0, _WHEN_NOT_FACING), 0.2)
    for i, shape in enumerate(shapes):
        values = amount[:, i] * met
        if shape.startswith("mouth"):
            values = values * (1 - (1 - _MOUTH_WHILE_SPEAKING) * speaking)
        put(out, shape, values, lean)
    # A partner who talks big and smiling is answered with a little of it.
    mimicry = smoothed((partner_style == 1).astype(float), 0.4) * met
    put(out, "mouthSmile", np.maximum(factors["smile"], 0) + 0.05 * mimicry, lean)
    put(out, "mouthFrown", np.maximum(-factors["smile"], 0), lean)
    negative = smoothed(np.isin(emotion, (6,)).astype(float), 0.25)
    add_accents(out, own, factors["brow"], negative, lean)
    # Who listens has the brows a little up.
    attends = smoothed(talking(partner.segments, frames) * (1 - talking(own.segments, frames)), 0.3) * met
    put(out, "browInnerUp", 0.07 * attends)
    put(out, "browOuterUp", 0.04 * attends)
    if acts:
        add_acts(out, random, acts)
    # What adds up does not pile up: every movement bends towards a limit that still reads as talk.
    out = STRONGEST * np.tanh(out / STRONGEST)
    add_blinks(out, random, blink_times(random, frames, own, partner, factors["blinks_per_minute"], acts))
    # Wide eyes do not squint, and shut lids are not wide.
    for side in ("Left", "Right"):
        wide = out[:, CHANNEL["eyeWide" + side]]
        wide *= 1 - np.clip(out[:, CHANNEL["eyeBlink" + side]], 0, 1)
    return np.clip(out, 0, 1)
