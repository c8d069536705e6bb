"""What a listener hears in speech besides the words: pitch, low stretches that ask for a response, a laugh's sound.

Times in seconds, pitch in Hz at 100 frames/s (0 where unvoiced).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter, resample_poly

from phones import PHONE_ID, VOICED

RATE_HZ = 16_000
PITCH_RATE_HZ = 100

FIGURES = {
    # what: (value, source)
    "low pitch: share of the talker's pitch": (0.26, "lowest quarter; Ward & Tsukahara 2000"),
    "low pitch: shortest stretch s": (0.11, "Ward & Tsukahara 2000"),
    "speech before it s": (0.7, "Ward & Tsukahara 2000"),
    "pitch Hz": ((65.0, 420.0), "range of speaking voices"),
    "laugh: bursts per second": ((4.0, 5.2), "Bachorowski 2001; Provine 1991"),
    "laugh: bursts": ((3, 8), "Bachorowski 2001: 3.4 calls on average, long tail"),
    "laugh: pitch against speech": ((1.3, 1.9), "Bachorowski 2001"),
}
"""The figures of this file; textbook priors."""

VOICING_LEVEL = 0.45


def pitch(samples: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Pitch [n] of f32 samples at 16 kHz by normalised autocorrelation; only inside voiced phones [k, 3]."""
    low = resample_poly(samples.astype(np.float64), 1, 4)
    rate, width = RATE_HZ // 4, 200
    hop = rate // PITCH_RATE_HZ
    frames = max((len(low) - width) // hop, 0)
    out = np.zeros(len(samples) * PITCH_RATE_HZ // RATE_HZ + 1)
    if not frames:
        return out
    windows = np.lib.stride_tricks.sliding_window_view(low, width)[: frames * hop : hop]
    windows = (windows - windows.mean(1, keepdims=True)) * np.hanning(width)
    power = np.abs(np.fft.rfft(windows, 2 * width)) ** 2
    correlation = np.fft.irfft(power)[:, :width]
    lowest, highest = FIGURES["pitch Hz"][0]
    lags = np.arange(int(rate / highest), int(rate / lowest))
    # A window that fades lessens long lags: its own correlation is divided out.
    fading = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(width), 2 * width)) ** 2)[:width]
    even = correlation[:, lags] / np.maximum(correlation[:, :1], 1e-9) * (fading[0] / fading[lags])
    # Of two periods that fit as well the shorter one is the pitch.
    even -= 0.15 * lags / lags[-1]
    best = np.clip(even.argmax(1), 1, len(lags) - 2)
    rows = np.arange(frames)
    before, at, after = (even[rows, best + i] for i in (-1, 0, 1))
    vertex = 0.5 * (before - after) / np.minimum(before - 2 * at + after, -1e-9)
    found = np.where(at > VOICING_LEVEL, rate / (lags[best] + np.clip(vertex, -0.5, 0.5)), 0.0)
    first = (width // 2) // hop
    out[first : first + frames] = found[: len(out) - first]
    voiced = np.zeros(len(out), bool)
    for phone, start, length in segments:
        if VOICED[int(phone)]:
            voiced[int(start * PITCH_RATE_HZ) : int((start + length) * PITCH_RATE_HZ) + 1] = True
    return out * voiced


def low_stretches(track: np.ndarray, segments: np.ndarray) -> list[float]:
    """Times (s) at which a stretch of low pitch [n] has lasted long enough to be a cue, after enough speech."""
    spoken = track[track > 0]
    if len(spoken) < 20:
        return []
    limit = np.quantile(spoken, FIGURES["low pitch: share of the talker's pitch"][0])
    need = int(FIGURES["low pitch: shortest stretch s"][0] * PITCH_RATE_HZ)
    starts = [float(s) for p, s, _ in segments if int(p) != PHONE_ID["SIL"]]
    begun = min(starts, default=0.0) + FIGURES["speech before it s"][0]
    low = (track > 0) & (track <= limit)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], low.view(np.int8), [0]])))
    cues = [(a + need) / PITCH_RATE_HZ for a, b in edges.reshape(-1, 2) if b - a >= need]
    return [c for c in cues if c >= begun]


def _formants(sound: np.ndarray, places: tuple[float, ...]) -> np.ndarray:
    out = np.zeros_like(sound)
    for i, hz in enumerate(places):
        r = np.exp(-np.pi * (70 + 45 * i) / RATE_HZ)
        out += lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * hz / RATE_HZ), r * r], sound) * 0.7**i
    return out


def laugh(random: np.random.Generator, speech_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """A laugh f32 of about unit peak and its segments [k, 3]: breathy bursts of a voiced vowel, fading."""
    count = int(random.integers(*FIGURES["laugh: bursts"][0]))
    rate = random.uniform(*FIGURES["laugh: bursts per second"][0])
    top = speech_hz * random.uniform(*FIGURES["laugh: pitch against speech"][0])
    shift = random.uniform(0.85, 1.2)
    places = tuple(shift * f for f in (random.uniform(560, 760), random.uniform(1250, 1600), 2600.0))
    length = (count / rate) + 0.12
    t = np.arange(int(length * RATE_HZ)) / RATE_HZ
    voice, breath = np.zeros(len(t)), np.zeros(len(t))
    segments, at = [], 0.03
    for i in range(count):
        step = random.uniform(0.85, 1.15) / rate
        sounding = step * random.uniform(0.38, 0.55)
        bump = np.clip((t - at) / 0.02, 0, 1) * np.clip((at + sounding - t) / 0.05, 0, 1)
        puff = np.clip((t - at + 0.05) / 0.04, 0, 1) * np.clip((at + step - t) / 0.08, 0, 1)
        hz = top * (1 - 0.28 * i / count) * (1 + 0.10 * np.clip((t - at) / sounding, 0, 1) * random.uniform(-1, 1))
        size = random.uniform(0.7, 1.0) * (1 - 0.6 * i / count)
        voice += size * bump * 2 * (((np.cumsum(hz) / RATE_HZ) % 1) - 0.5)
        breath += 0.5 * size * puff
        start = max(at - 0.05, 0.0)
        segments += [(PHONE_ID["HH"], start, at - start), (PHONE_ID["AH"], at, sounding)]
        rest = step - sounding - 0.05
        if rest > 0.005 and i + 1 < count:
            segments.append((PHONE_ID["HH"], at + sounding, rest))
        at += step
    sound = _formants(voice + 0.35 * breath * random.standard_normal(len(t)), places)
    return (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32), np.array(segments, np.float32)
