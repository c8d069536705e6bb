"""Co-articulation model: phones with times -> ARKit mouth curves, after Cohen & Massaro (1993).

Every phone has a target per articulator (lip_targets.py) and a dominance that decays exponentially before and after
it; a curve is the dominance-weighted mean of the targets of all phones around. Short phones therefore undershoot by
themselves. The closures of p b m and the lip-to-teeth contact of f v are not left to the mean: a gate forces them.
Shapes: n = frames, A = articulators. Times in seconds, levels in dB, weights 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face import ARKIT_51
from lip_targets import ARTICULATORS, CLOSED, GROUP_OF, GROUPS, INDEX, PARTS, STRENGTHS, TARGETS, TEETH
from mel import FRAME_RATE_HZ

CHANNEL = {name: i for i, name in enumerate(ARKIT_51)}

BILABIAL = frozenset("P B M".split())
LABIODENTAL = frozenset("F V".split())
OPEN_VOWEL = frozenset("AA AE AO AH AW AY".split())
VOWEL = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())

# Time constants of the dominance, seconds before and after the phone's core: lip rounding starts 120-250 ms early
# (Bell-Berti & Harris 1979); the jaw's are fitted to the tracked faces of face-grid-s1.
REACH = {
    "jaw": (0.036, 0.032),
    "round": (0.110, 0.070),
    "spread": (0.070, 0.060),
    "lips": (0.038, 0.042),
}

# Share of a phone's duration in which its dominance stands at its peak; the jaw's is fitted as well.
CORE_SHARE = {"jaw": 0.95, "round": 0.35, "spread": 0.35, "lips": 0.35}

# Tracked jawOpen over ours: the tracker's widest vowels reach 0.4, ours 0.65, as in the poses of face-arkit-rom.
TRACKED_JAW = 0.6

# A closed mouth keeps this much of the jaw opening around it, and never more than the limit; tracked jaws hardly rise.
CLOSED_JAW_SHARE, CLOSED_JAW_LIMIT = 0.7, 0.16
# mouthClose = jawOpen * first - press * second + third shuts the ICT lips and compresses them by 0.7 mm, as real lips
# do (a fit on the mesh, jaw 0..0.12); the compression is also the margin by which a doubtful closure still closes.
SHUT = (0.76, 0.065, 0.044)

RAMP_S = 0.038  # lips travel from open to closed, or back
EARLY_S, RELEASE_S = 0.004, 0.022  # closed just before the sound says so; a stop's burst already opens the lips
VOWEL_INSET_S = 0.066  # beside an open vowel the closure stays this far inside the consonant, where there is room
SHORTEST_CLOSURE_S = 0.032  # one motion frame always falls into it
STRAY_S = (0.034, 0.016)  # as far as a short consonant's closure may reach into a neighbour, and into an open vowel
VOWEL_NEAR_S = 0.035
ONSET_LEAD_S = 0.085  # the mouth opens before the sound by what the look-ahead of 2 frames can know
OFFSET_TAIL_S = 0.30  # and closes after it
PAUSE_S = 0.22  # shorter silences do not bring the mouth to rest

# Jaw against loudness: share of opening lost per dB below the talker's usual vowel level. Within a sentence the tracked
# jaw of face-grid-s1 does not follow loudness once the phone is known; what is left is for soft and loud sentences.
JAW_PER_DB, JAW_GAIN_LIMITS = 0.012, (0.7, 1.15)


@dataclass(frozen=True)
class Style:
    """How one of the four speaking styles moves; factors on the neutral model."""

    jaw: float = 1.0
    rounding: float = 1.0
    spread: float = 1.0
    lips: float = 1.0
    smile: float = 0.0
    brow: float = 1.0
    blinks_per_minute: float = 26.0
    lean: float = 0.0


STYLES = (
    Style(lean=0.04),
    Style(jaw=1.22, spread=1.5, lips=1.25, smile=0.10, brow=1.6, blinks_per_minute=29.0, lean=-0.06),
    Style(jaw=0.72, rounding=0.75, spread=0.6, lips=0.75, brow=0.45, blinks_per_minute=21.0, lean=0.08),
    Style(jaw=1.04, rounding=1.4, spread=0.45, lips=0.9, smile=-0.04, brow=0.9, blinks_per_minute=25.0, lean=-0.03),
)
"""Styles 0..3: even, big and smiling, small, rounded."""

Segment = tuple[str, float, float]
"""A phone with start and duration in seconds."""


def expanded(segments: list[Segment]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Phones split into their parts (diphthongs have two): target rows, starts, durations."""
    rows, starts, lengths = [], [], []
    for phone, start, duration in segments:
        at = start
        for share, row in PARTS[phone]:
            rows.append(row)
            starts.append(at)
            lengths.append(share * duration)
            at += share * duration
    return np.array(rows, int), np.array(starts), np.array(lengths)


def articulation(segments: list[Segment], times: np.ndarray) -> np.ndarray:
    """Dominance-weighted articulators [n, A] at `times` for phones that cover them (silences included)."""
    rows, starts, lengths = expanded(segments)
    out = np.zeros((len(times), len(ARTICULATORS)))
    centres = starts + lengths / 2
    order = np.argsort(centres)
    rows, centres, lengths = rows[order], centres[order], lengths[order]
    for first in range(0, len(times), 256):
        t = times[first : first + 256]
        lo, hi = np.searchsorted(centres + lengths / 2, t[0] - 0.8), np.searchsorted(centres - lengths / 2, t[-1] + 0.8)
        lo = min(lo, max(len(centres) - 1, 0))
        near = slice(lo, max(hi, lo + 1))
        offset = t[:, None] - centres[near]
        for g, group in enumerate(GROUPS):
            distance = np.maximum(np.abs(offset) - CORE_SHARE[group] * lengths[near] / 2, 0)
            before, after = REACH[group]
            reach = np.where(offset < 0, before, after)
            dominance = STRENGTHS[rows[near], g] * np.exp(-distance / reach) + 1e-9
            mixed = dominance @ TARGETS[rows[near]] / dominance.sum(1, keepdims=True)
            mine = GROUP_OF == g
            out[first : first + 256, mine] = mixed[:, mine]
    return out


def _trapezoid(times: np.ndarray, start: float, end: float, ramp: float) -> np.ndarray:
    outside = np.maximum(start - times, times - end)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(outside / ramp, 0, 1))


def closure_span(start: float, end: float, vowel_end: float, vowel_start: float) -> tuple[float, float]:
    """Start and end of the full closure of bilabials at start..end, given the open vowels nearest before and after.

    Near an open vowel it retreats into the consonant, so that the vowel keeps its opening at 30 frames per second even
    where the sound is understood a frame too late or too early; it never gets shorter than SHORTEST_CLOSURE_S nor
    leaves the consonant by more than STRAY_S.
    """
    early, release = start - EARLY_S, end - RELEASE_S
    a, b = max(early, vowel_end + VOWEL_INSET_S), min(release, vowel_start - VOWEL_INSET_S)
    if b - a < SHORTEST_CLOSURE_S:
        # Between two vowels there is no room for both: the lips close on time and open early.
        half = SHORTEST_CLOSURE_S / 2
        middle = b - half if b < release else a + half if a > early else (a + b) / 2
        before, after = (STRAY_S[int(vowel < VOWEL_NEAR_S)] for vowel in (start - vowel_end, vowel_start - end))
        earliest, latest = start - before + half, end + after - half
        middle = min(max(middle, earliest), max(latest, earliest))
        a, b = middle - half, middle + half
    return a, b


def merged_silences(segments: list[Segment]) -> list[Segment]:
    """The same phones with neighbouring silences made one."""
    out: list[Segment] = []
    for phone, start, duration in segments:
        if out and phone == out[-1][0] == "SIL":
            out[-1] = (phone, out[-1][1], start + duration - out[-1][1])
        else:
            out.append((phone, start, duration))
    return out


def with_silences(segments: list[Segment], end_s: float, least_s: float = 0.0) -> list[Segment]:
    """The same phones with the silences between them and up to `end_s`, the last of at least `least_s`."""
    out: list[Segment] = []
    at = 0.0
    for phone, start, duration in segments:
        if start > at + 1e-3:
            out.append(("SIL", at, start - at))
        out.append((phone, start, duration))
        at = start + duration
    rest = max(end_s - at, least_s)
    return [*out, ("SIL", at, rest)] if rest > 0 else out


def stretches(segments: list[Segment], pause_s: float) -> list[tuple[float, float]]:
    """Start and end of each stretch of speech without a pause of `pause_s`."""
    runs: list[list[float]] = []
    for phone, start, duration in segments:
        if phone == "SIL":
            continue
        if runs and start - runs[-1][1] < pause_s:
            runs[-1][1] = start + duration
        else:
            runs.append([start, start + duration])
    return [(a, b) for a, b in runs]


def gates(segments: list[Segment], times: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Closure gate 0..1 per bilabial phone name, [n] each, and the labiodental gate [n]."""
    closed = {phone: np.zeros(len(times)) for phone in CLOSED}
    teeth = np.zeros(len(times))
    count = len(segments)
    last_vowel_end, next_vowel_start = -1e9, np.full(count + 1, 1e9)
    for index in range(count - 1, -1, -1):
        phone, start, _ = segments[index]
        next_vowel_start[index] = start if phone in OPEN_VOWEL else next_vowel_start[index + 1]
    for index, (phone, start, duration) in enumerate(segments):
        lo, hi = np.searchsorted(times, [start - 0.3, start + duration + 0.5])
        t = times[lo:hi]
        if phone in OPEN_VOWEL:
            last_vowel_end = start + duration
        elif phone in BILABIAL and (index == 0 or segments[index - 1][0] not in BILABIAL):
            last = index
            while last + 1 < count and segments[last + 1][0] in BILABIAL:
                last += 1
            end = segments[last][1] + segments[last][2]
            a, b = closure_span(start, end, last_vowel_end, next_vowel_start[last + 1])
            if _long_silence(segments, index - 1):
                a -= ONSET_LEAD_S
            if _long_silence(segments, last + 1):
                b += 0.7 * OFFSET_TAIL_S
            closed[phone][lo:hi] = np.maximum(closed[phone][lo:hi], _trapezoid(t, a, b, RAMP_S))
        elif phone in LABIODENTAL:
            inset = min(0.02, duration / 4)
            shape = _trapezoid(t, start + inset, start + duration - inset, 0.07)
            teeth[lo:hi] = np.maximum(teeth[lo:hi], shape)
    return closed, teeth


def _long_silence(segments: list[Segment], index: int) -> bool:
    if not 0 <= index < len(segments):
        return True
    return segments[index][0] == "SIL" and segments[index][2] >= PAUSE_S


def activity(segments: list[Segment], times: np.ndarray) -> np.ndarray:
    """Share [n] of the speech posture: 0 at rest, 1 in speech, opening ONSET_LEAD_S early and closing late."""
    out = np.zeros(len(times))
    for start, end in stretches(segments, PAUSE_S):
        lo, hi = np.searchsorted(times, [start - ONSET_LEAD_S, end + OFFSET_TAIL_S])
        t = times[lo:hi]
        rise = np.clip((t - start + ONSET_LEAD_S) / (ONSET_LEAD_S + 0.03), 0, 1)
        fall = np.clip((end + OFFSET_TAIL_S - t) / OFFSET_TAIL_S, 0, 1)
        out[lo:hi] = np.maximum(out[lo:hi], (0.5 - 0.5 * np.cos(np.pi * rise)) * (0.5 - 0.5 * np.cos(np.pi * fall)))
    return out


def jaw_gain(level_db: np.ndarray, usual_db: np.ndarray | float) -> np.ndarray:
    """Factor on the jaw [n] from the local level and the talker's usual vowel level."""
    return np.clip(1 + JAW_PER_DB * (level_db - usual_db), *JAW_GAIN_LIMITS)


def levels_db(samples: np.ndarray, frames: int, rate_hz: float = 30.0, sample_rate_hz: int = 16_000) -> np.ndarray:
    """RMS level [frames] in dB of a 60 ms window around each frame's time."""
    half = int(0.030 * sample_rate_hz)
    power = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centre = np.round(np.arange(frames) * sample_rate_hz / rate_hz).astype(int)
    a, b = np.clip(centre - half, 0, len(samples)), np.clip(centre + half, 0, len(samples))
    mean = (power[b] - power[a]) / (2 * half)
    return 10 * np.log10(np.maximum(mean, 1e-10))


def usual_level_db(level_db: np.ndarray, segments: list[Segment], start_s: float = 0.0) -> float:
    """The talker's usual vowel level: the median of the vowels' largest levels [n] at 30/s, counted from `start_s`."""
    nuclei = [
        level_db[int((a - start_s) * FRAME_RATE_HZ) : int((a + d - start_s) * FRAME_RATE_HZ) + 2].max(initial=-100.0)
        for phone, a, d in segments
        if phone in VOWEL
    ]
    return float(np.median(nuclei)) if nuclei else -30.0


def mouth_curves(
    segments: list[Segment],
    times: np.ndarray,
    gain: np.ndarray | float = 1.0,
    style: dict[str, np.ndarray] | None = None,
    given: dict[str, np.ndarray] | None = None,
) -> np.ndarray:
    """ARKit weights [n, 51] of the mouth (other channels 0) for phones at `times`.

    `gain` [n] scales the jaw (see `jaw_gain`); `style` gives per-frame factors jaw, rounding, spread, lips and the
    left-right lean (see `Style`); articulators in `given` [n] are taken as they are, and only the gates change them.
    """
    factor = {"jaw": 1.0, "rounding": 1.0, "spread": 1.0, "lips": 1.0, "lean": 0.0} | (style or {})
    segments = merged_silences(segments)
    active = activity(segments, times)
    y = articulation(segments, times) * active[:, None]
    scale = {"jaw": factor["jaw"] * gain, "round": factor["rounding"], "spread": factor["spread"], "lips": factor["lips"]}
    for g, group in enumerate(GROUPS):
        y[:, GROUP_OF == g] *= np.broadcast_to(scale[group], len(times))[:, None]
    y[:, INDEX["jaw"]] = 0.9 * np.tanh(y[:, INDEX["jaw"]] / 0.9)
    for name, values in (given or {}).items():
        y[:, INDEX[name]] = values
    closed, teeth = gates(segments, times)

    for name in ARTICULATORS:
        i = INDEX[name]
        if name in TEETH:
            y[:, i] += teeth * (TEETH[name] - y[:, i])
        elif name in ("lowerDown", "funnel"):
            y[:, i] *= 1 - teeth * (0.95 if name == "lowerDown" else 0.7)
    if "jaw" not in (given or {}):
        y[:, INDEX["jaw"]] += teeth * (np.minimum(y[:, INDEX["jaw"]], 0.11) - y[:, INDEX["jaw"]])

    total = np.max(list(closed.values()), axis=0)
    weight = {p: c / np.maximum(sum(closed.values()), 1e-9) for p, c in closed.items()}
    shut_jaw = np.minimum(CLOSED_JAW_SHARE * y[:, INDEX["jaw"]], CLOSED_JAW_LIMIT)
    for name in ARTICULATORS:
        i = INDEX[name]
        if name == "jaw":
            goal = shut_jaw
        elif name in ("lowerDown", "upperUp", "funnel", "shrugUpper", "shrugLower"):
            goal = 0.0
        elif name in ("pucker", "stretch", "dimple", "smile", "forward"):
            goal = 0.6 * y[:, i]
        else:
            goal = sum(weight[p] * CLOSED[p].get(name, 0.0) for p in CLOSED)
        y[:, i] += total * (goal - y[:, i])
    close = np.maximum(SHUT[0] * shut_jaw - SHUT[1] * y[:, INDEX["press"]] + SHUT[2], 0)
    return channels_of(y, total * close, np.broadcast_to(factor["lean"], len(times)))


def channels_of(articulators: np.ndarray, mouth_close: np.ndarray, lean: np.ndarray) -> np.ndarray:
    """ARKit weights [n, 51] of articulators [n, A]; `lean` [n] makes paired channels a little unequal."""
    out = np.zeros((len(articulators), len(ARKIT_51)))
    single = {
        "jawOpen": "jaw",
        "jawForward": "forward",
        "mouthPucker": "pucker",
        "mouthFunnel": "funnel",
        "mouthRollLower": "rollLower",
        "mouthRollUpper": "rollUpper",
        "mouthShrugLower": "shrugLower",
        "mouthShrugUpper": "shrugUpper",
    }
    paired = {
        "mouthStretch": "stretch",
        "mouthDimple": "dimple",
        "mouthSmile": "smile",
        "mouthLowerDown": "lowerDown",
        "mouthUpperUp": "upperUp",
        "mouthPress": "press",
    }
    for channel, name in single.items():
        out[:, CHANNEL[channel]] = articulators[:, INDEX[name]]
    for channel, name in paired.items():
        out[:, CHANNEL[channel + "Left"]] = articulators[:, INDEX[name]] * (1 + lean)
        out[:, CHANNEL[channel + "Right"]] = articulators[:, INDEX[name]] * (1 - lean)
    out[:, CHANNEL["mouthClose"]] = mouth_close
    return np.clip(out, 0, 1)
