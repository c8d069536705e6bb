"""The head against the chest: a talker's emphasis and phrases, a listener's nods, shakes and tilts, looking away.

Exp-maps [n, 3] in rad with the partner straight ahead = 0: +x nods down, +y turns to the person's left, +z rolls the
crown to the person's right. Where the partner stands is the stage's business and is not in these numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from locomotion import RATE_HZ, minimum_jerk, slow_noise

FIGURES = {
    # what: (value, source)
    "nods per minute of listening": ((7.0, 13.0), "4-12 backchannels, many nods only; ready as in upper_face"),
    "nod cycles": ((0.45, 0.35, 0.20), "shares of 1, 2, 3; Hadar 1983"),
    "nod Hz": ((1.8, 3.7), "Hadar 1983"),
    "nod degrees": ((5.0, 15.0), "down first; Hadar 1983"),
    "shake Hz": ((0.7, 1.6), "0.5-2; Hadar 1983"),
    "shake degrees": ((5.0, 13.0), "5-15 each way; Hadar 1983"),
    "reaction s": ((0.15, 0.65), "about 0.7 s after the cue; Ward & Tsukahara 2000"),
    "looks away at long turn starts": (0.7, "Kendon 1967"),
    "own energy to head motion r": ((0.4, 0.8), "Yehia 2002; Munhall 2004"),
}
"""The figures of this file; textbook priors."""

DEGREE = np.pi / 180


@dataclass
class Talk:
    """One person's speech per frame and as lists: phrases and turns (start, end s), accents (start, length, weight)."""

    phrases: list[tuple[float, float]]
    turns: list[tuple[float, float]]
    accents: list[tuple[float, float, float]]
    speaking: np.ndarray
    level: np.ndarray
    """Loudness of speech 0..1 [n], 0 outside of phrases."""


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


def _add_shake(out: np.ndarray, random: np.random.Generator, start: float, size: float) -> None:
    rate, cycles = random.uniform(*FIGURES["shake Hz"][0]), random.choice([1.5, 2.0, 2.5])
    k = np.arange(max(int(start * RATE_HZ), 0), min(int((start + cycles / rate) * RATE_HZ) + 1, len(out)))
    phase = (k / RATE_HZ - start) * rate
    window = np.sin(np.pi * np.clip(phase / cycles, 0, 1)) ** 0.7
    out[k, 1] += random.choice([-1, 1]) * size * window * np.sin(2 * np.pi * phase)


def backchannels(random: np.random.Generator, own: Talk, partner: Talk) -> list[tuple[float, float]]:
    """(time s, weight 0..1) at which a listener may respond: ends and breaks of the partner's phrases."""
    places = []
    dip = gaussian_filter1d(partner.level, 3)
    for start, end in partner.phrases:
        if end - start > 0.7:
            places.append((end, 1.0))
        k = np.arange(int((start + 1.2) * RATE_HZ), int((end - 0.8) * RATE_HZ))
        if len(k) > 15:
            weak = k[np.argmin(dip[k])]
            places.append((weak / RATE_HZ, 0.55))
    delay = FIGURES["reaction s"][0]
    out = []
    for at, weight in sorted(places):
        at += random.uniform(*delay) - 0.05
        k = int(at * RATE_HZ)
        if k + 20 < len(own.speaking) and not own.speaking[max(k - 6, 0) : k + 9].any():
            if not out or at - out[-1][0] > 0.8:
                out.append((at, weight))
    return out


def head_motion(
    random: np.random.Generator, own: Talk, partner: Talk, emotion: np.ndarray, facing: np.ndarray
) -> np.ndarray:
    """Exp-maps [n, 3] of one person's head; emotion and facing are ids [n]."""
    n = len(own.speaking)
    out = np.zeros((n, 3))
    lively = np.array([1.0, 1.15, 0.8, 1.05, 0.8, 1.25, 1.15])[emotion]
    lively = gaussian_filter1d(lively, 8) * random.uniform(0.8, 1.2)
    talking = gaussian_filter1d(own.speaking.astype(float), 3)

    # Small life that never stands still for ever, and never shakes.
    for axis, spread in enumerate((0.45, 0.6, 0.4)):
        out[:, axis] += slow_noise(random, n, 0.06, 0.3, spread * DEGREE)
        out[:, axis] += talking * slow_noise(random, n, 0.25, 1.0, (0.5, 1.3, 0.8)[axis] * DEGREE)

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

    # A pose per phrase while talking, per long while when listening.
    changes, to = [], [np.array([random.normal(0, 2), random.normal(0, 2.5), random.normal(0, 2)])]
    for start, end in own.phrases:
        if end - start > 0.5 and (not changes or start - changes[-1][0] > 1.2):
            changes.append((start - 0.15, random.uniform(0.5, 0.9)))
            to.append(np.array([random.normal(-0.5, 2.2), random.normal(0, 3.5), random.normal(0, 2.6)]))
    for start, end in partner.turns:
        if end - start > 2.0 and random.random() < 0.6:
            at = start + random.uniform(0.3, min(3.0, end - start))
            changes.append((at, random.uniform(0.6, 1.1)))
            tilt = random.choice([0, 0, 1]) * random.choice([-1, 1]) * random.uniform(5, 10)
            to.append(np.array([random.normal(0.5, 1.4), random.normal(0, 1.6), tilt + random.normal(0, 1.3)]))
    order = np.argsort([c[0] for c in changes]).tolist() if changes else []
    out += poses(random, n, [changes[i] for i in order], np.stack([to[0], *[to[i + 1] for i in order]]) * DEGREE)

    # Looks away when a long turn begins, and back before it ends.
    for start, end in own.turns:
        length = end - start
        if length > 1.6 and random.random() < FIGURES["looks away at long turn starts"][0]:
            away = random.uniform(0.7, min(2.4, 0.6 * length))
            yaw = random.choice([-1, 1]) * random.uniform(9, 22) * DEGREE
            pitch = random.choice([-1, 1]) * random.uniform(1, 7) * DEGREE
            go, back = random.uniform(0.32, 0.5), random.uniform(0.35, 0.6)
            t = np.arange(n) / RATE_HZ - (start - random.uniform(0.0, 0.25))
            window = minimum_jerk(t / go) * (1 - minimum_jerk((t - go - away) / back))
            out += window[:, None] * np.array([pitch, yaw, 0.25 * yaw * random.standard_normal()])
        at = start + random.uniform(3.0, 6.0)
        while at < end - 1.5:
            if random.random() < 0.5:
                t = np.arange(n) / RATE_HZ - at
                window = minimum_jerk(t / 0.4) * (1 - minimum_jerk((t - 0.4 - random.uniform(0.4, 1.4)) / 0.5))
                out[:, 1] += window * random.choice([-1, 1]) * random.uniform(7, 16) * DEGREE
                out[:, 0] += window * random.normal(0, 3) * DEGREE
            at += random.uniform(3.0, 6.0)

    places = backchannels(random, own, partner)
    listening = max(partner.speaking.mean() * n / RATE_HZ / 60, 1e-3)
    wanted = random.uniform(*FIGURES["nods per minute of listening"][0]) * listening
    share = np.clip(wanted / max(sum(w for _, w in places), 1e-6), 0, 0.95)
    shortest, longest = FIGURES["nod degrees"][0]
    for at, weight in places:
        k = int(at * RATE_HZ)
        met = 1.0 if facing[k] else 0.6
        if random.random() < share * weight * met:
            if emotion[k] == 6 and random.random() < 0.3 or random.random() < 0.04:
                _add_shake(out, random, at, random.uniform(*FIGURES["shake degrees"][0]) * DEGREE * 0.8)
                continue
            cycles = int(random.choice([1, 2, 3], p=FIGURES["nod cycles"][0]))
            size = shortest + (longest - shortest) * random.beta(1.6, 3.0)
            add_nod(out, random, at, size * DEGREE, cycles)
    for start, end in own.phrases:
        k = min(int(start * RATE_HZ), n - 1)
        if random.random() < (0.08 if emotion[k] == 6 else 0.025) and end - start > 0.8:
            _add_shake(out, random, start + 0.1, random.uniform(*FIGURES["shake degrees"][0]) * DEGREE)
        elif random.random() < 0.10 and end - start < 1.2:
            # "Yes", "right": a short phrase of one's own goes with a nod.
            add_nod(out, random, start, random.uniform(4, 9) * DEGREE, int(random.integers(1, 3)))

    mood = np.array([[0, 0, 0], [-2.5, 0, 0], [1.5, 0, 0], [-0.5, 0, 1.5], [2.5, 0, 1.5], [-1.8, 0, 0], [3.0, 0, 0]])
    out += gaussian_filter1d(mood[emotion] * DEGREE, 14, axis=0)
    bound = np.array([26, 34, 18]) * DEGREE
    return gaussian_filter1d(bound * np.tanh(out / bound), 0.8, axis=0)
