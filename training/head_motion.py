"""The head against the chest: a talker's emphasis and phrases, and what interplay.py decided for the listener.

Exp-maps [n, 3] in rad with the partner straight ahead = 0: +x nods down, +y turns to the person's left, +z rolls the
crown to the person's right. Where the partner stands is the stage's business and is not in these numbers.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from interplay import Acts, Talk, plan
from locomotion import RATE_HZ, minimum_jerk, slow_noise
from upper_face import smoothed

FIGURES = {
    # what: (value, source)
    "nod Hz": ((1.8, 3.7), "Hadar 1983"),
    "shake Hz": ((0.7, 1.6), "0.5-2; Hadar 1983"),
    "own energy to head motion r": ((0.4, 0.8), "Yehia 2002; Munhall 2004"),
    "partner's energy to head degrees": ((1.2, 3.4), "interactional synchrony, Condon & Ogston 1966; size chosen here"),
    "behind the partner's energy s": ((0.13, 0.23), "auditory reaction time"),
    "laugh bobs Hz": ((4.0, 4.8), "bursts of a laugh, Bachorowski 2001; small"),
}
"""The figures of this file; textbook priors. Nods, shakes and looking away: interplay.FIGURES."""

DEGREE = np.pi / 180
LIVELY = np.array([1.0, 1.15, 0.8, 1.05, 0.8, 1.25, 1.15])
MOOD = np.array([[0, 0, 0], [-2.5, 0, 0], [1.5, 0, 0], [-0.5, 0, 1.5], [2.5, 0, 1.5], [-1.8, 0, 0], [3.0, 0, 0]])
"""Degrees of the head's pose per emotion group."""

__all__ = ["DEGREE", "FIGURES", "Talk", "add_nod", "head_motion", "poses"]


def poses(random: np.random.Generator, frames: int, changes: list[tuple[float, float]], to: np.ndarray) -> np.ndarray:
    """A course [n, d] that goes to to[i] within changes[i] = (start, length s) by minimum jerk and stays."""
    out = np.zeros((frames, to.shape[1])) + to[0]
    for i, (start, length) in enumerate(changes, 1):
        k = max(int(start * RATE_HZ), 0)
        if k >= frames:
            break
        s = minimum_jerk((np.arange(k, frames) / RATE_HZ - start) / length)[:, None]
        out[k:] = out[k] + (to[i] - out[k]) * s
    return out


def add_nod(out: np.ndarray, random: np.random.Generator, start: float, size: float, cycles: int) -> None:
    """Add a nod of `cycles` to a head's course [n, 3]: down first by `size` rad, each cycle smaller."""
    rate = random.uniform(*FIGURES["nod Hz"][0]) if cycles > 1 else random.uniform(1.8, 2.6)
    rate = np.clip(rate, 1.8, 3.4 if size > 7 * DEGREE else 3.7)
    k = np.arange(max(int(start * RATE_HZ), 0), min(int((start + cycles / rate) * RATE_HZ) + 2, len(out)))
    if len(k) < 5:
        return
    phase = np.clip((k / RATE_HZ - start) * rate, 0, cycles)
    fading = random.uniform(0.6, 0.85) ** phase
    out[k, 0] += size * fading * (0.5 - 0.5 * np.cos(2 * np.pi * phase))
    out[k, 2] += 0.06 * random.standard_normal() * size * fading * np.sin(np.pi * phase / cycles)


def _add_shake(out: np.ndarray, random: np.random.Generator, start: float, size: float, cycles: float) -> None:
    rate = random.uniform(*FIGURES["shake Hz"][0])
    k = np.arange(max(int(start * RATE_HZ), 0), min(int((start + cycles / rate) * RATE_HZ) + 1, len(out)))
    phase = (k / RATE_HZ - start) * rate
    window = np.sin(np.pi * np.clip(phase / cycles, 0, 1)) ** 0.7
    out[k, 1] += random.choice([-1, 1]) * size * window * np.sin(2 * np.pi * phase)


def _pulse(frames: int, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    t = np.arange(frames) / RATE_HZ - start
    return minimum_jerk(t / rise) * (1 - minimum_jerk((t - rise - hold) / fall))


def _talking(out: np.ndarray, random: np.random.Generator, own: Talk, partner: Talk, lively: np.ndarray) -> None:
    """What goes with one's own voice: loudness, accents, a pose per phrase."""
    n = len(out)
    talking = gaussian_filter1d(own.speaking.astype(float), 3)
    for axis, spread in enumerate((0.5, 1.3, 0.8)):
        out[:, axis] += talking * slow_noise(random, n, 0.25, 1.0, spread * DEGREE)
    # Loudness moves the head within a phrase; the direction is the talker's own.
    smooth = gaussian_filter1d(own.level, 2.2)
    own_way = np.array([random.uniform(0.8, 1.2), 0.35 * random.standard_normal(), 0.3 * random.standard_normal()])
    out += (5.0 * DEGREE * lively * (smooth - 0.5 * talking))[:, None] * own_way
    for start, length, weight in own.accents:
        if random.random() < 0.62:
            size = np.clip(1.6 + 1.1 * weight, 1.2, 5.0) * DEGREE * random.uniform(0.6, 1.3)
            lead, fall = random.uniform(0.10, 0.18), random.uniform(0.22, 0.40)
            k = np.arange(max(int((start - lead) * RATE_HZ), 0), min(int((start + fall + 0.3) * RATE_HZ), n))
            t = k / RATE_HZ - start
            pulse = minimum_jerk((t + lead) / (lead + 0.10)) * (1 - minimum_jerk((t - 0.10) / fall))
            out[k, 0] += lively[k] * size * pulse
            out[k, 1] += 0.5 * lively[k] * size * pulse * np.clip(random.standard_normal(), -1.5, 1.5)
    changes, to = [], [np.array([random.normal(0, 2), random.normal(0, 2.5), random.normal(0, 2)])]
    for start, end in own.phrases:
        if end - start > 0.5 and (not changes or start - changes[-1][0] > 1.2):
            changes.append((start - 0.15, random.uniform(0.5, 0.9)))
            to.append(np.array([random.normal(-0.5, 2.2), random.normal(0, 3.5), random.normal(0, 2.6)]))
    for start, end in partner.turns:
        if end - start > 2.0 and random.random() < 0.6:
            changes.append((start + random.uniform(0.3, min(3.0, end - start)), random.uniform(0.6, 1.1)))
            to.append(np.array([random.normal(0.5, 1.4), random.normal(0, 1.6), random.normal(0, 1.5)]))
    order = np.argsort([c[0] for c in changes]).tolist() if changes else []
    out += poses(random, n, [changes[i] for i in order], np.stack([to[0], *[to[i + 1] for i in order]]) * DEGREE)


def _listening(out: np.ndarray, random: np.random.Generator, own: Talk, partner: Talk, facing: np.ndarray) -> None:
    """What goes with the partner's voice: attention while it sounds, and a little of its loudness."""
    n = len(out)
    met = smoothed(np.where(facing > 0, 1.0, 0.6), 0.2)
    quiet = 1 - own.speaking.astype(float)
    lag = round(random.uniform(*FIGURES["behind the partner's energy s"][0]) * RATE_HZ)

    def late(values: np.ndarray) -> np.ndarray:
        return np.concatenate([np.full(lag, values[0]), values[: n - lag]])

    attends = smoothed(smoothed(late(partner.speaking * quiet), 0.12), 0.12) * met
    side = random.choice([-1, 1]) * random.uniform(0.5, 2.5)
    out += attends[:, None] * np.array([random.uniform(0.5, 2.0), 0.3 * side, side]) * DEGREE
    loud = smoothed(smoothed(late(partner.level * quiet), 0.09), 0.09)
    beat = (loud - smoothed(loud, 0.8)) * smoothed(quiet, 0.15) * met
    size = random.uniform(*FIGURES["partner's energy to head degrees"][0]) / 0.25 * 0.5
    out += gaussian_filter1d(beat, 1.2)[:, None] * size * DEGREE * np.array([1.0, 0.3 * side / 2, 0.2 * side / 2])


def _laughing(out: np.ndarray, random: np.random.Generator, start: float, length: float, strength: float) -> None:
    """The head goes back or down with a laugh and bobs a little."""
    n = len(out)
    back = random.random() < 0.6
    pose = (-1 if back else 0.8) * (3 + 8 * strength) * DEGREE
    window = _pulse(n, start - 0.1, random.uniform(0.3, 0.45), length * 0.7, random.uniform(0.6, 1.0))
    out += window[:, None] * np.array([pose, random.normal(0, 3) * DEGREE, random.normal(0, 3) * DEGREE])
    t = np.arange(n) / RATE_HZ - start
    rate = random.uniform(*FIGURES["laugh bobs Hz"][0])
    fading = np.clip(t / 0.15, 0, 1) * np.clip((length - t) / max(0.6 * length, 0.2), 0, 1)
    out[:, 0] += (0.3 + 0.5 * strength) * DEGREE * fading * np.sin(2 * np.pi * rate * t)


def head_motion(
    random: np.random.Generator,
    own: Talk,
    partner: Talk,
    emotion: np.ndarray,
    facing: np.ndarray,
    acts: Acts | None = None,
) -> np.ndarray:
    """Exp-maps [n, 3] of one person's head; emotion and facing are ids [n]. Without `acts` they are drawn here."""
    n = len(own.speaking)
    if acts is None:
        acts = plan(random, [own, partner], np.stack([emotion, emotion]), np.stack([facing, facing]))[0]
    out = np.zeros((n, 3))
    lively = gaussian_filter1d(LIVELY[emotion], 8) * random.uniform(0.8, 1.2)
    # Small life that never stands still for ever, and never shakes.
    for axis, spread in enumerate((0.4, 0.5, 0.35)):
        out[:, axis] += slow_noise(random, n, 0.05, 0.25, spread * DEGREE)
    _talking(out, random, own, partner, lively)
    _listening(out, random, own, partner, facing)

    for start, length, yaw, pitch in acts.away:
        # A partner who begins to speak is looked at again.
        starts = [t for _, t, _ in acts.onsets if start + 0.2 < t < start + length + 0.3]
        length = min(length, max(starts[0] - start - 0.35, 0.05)) if starts else length
        window = _pulse(n, start, random.uniform(0.32, 0.5), length, random.uniform(0.35, 0.6))
        out += window[:, None] * np.array([pitch, yaw, 0.25 * yaw * random.standard_normal()]) * DEGREE
    for start, size, cycles in acts.nods:
        add_nod(out, random, start, size * DEGREE, int(cycles))
    for start, size, cycles in acts.shakes:
        _add_shake(out, random, start, size * DEGREE, cycles)
    for start, length, size in acts.tilts:
        window = _pulse(n, start, random.uniform(0.4, 0.6), length, random.uniform(0.6, 0.9))
        out += window[:, None] * np.array([random.normal(0.8, 0.5), 0.15 * size, size]) * DEGREE
    for _, start, size in acts.onsets:
        # The head comes up at the first sound, and goes back.
        window = _pulse(n, start, random.uniform(0.18, 0.28), random.uniform(0.2, 0.6), random.uniform(0.5, 0.8))
        lift = np.array([-random.uniform(2.5, 4.5), random.normal(0, 1.0), random.normal(0, 0.8)])
        out += window[:, None] * size * lift * DEGREE
    for start, length, strength, _ in acts.laughs:
        _laughing(out, random, start, length, strength)
    for start, end in own.turns:
        # Taking the turn: up a little just before, settled when it is given back.
        if end - start > 0.8:
            out[:, 0] -= _pulse(n, start - 0.25, 0.3, 0.2, 0.5) * random.uniform(0.5, 2.0) * DEGREE

    out += gaussian_filter1d(MOOD[emotion] * DEGREE, 14, axis=0)
    bound = np.array([26, 34, 18]) * DEGREE
    return gaussian_filter1d(bound * np.tanh(out / bound), 0.8, axis=0)
