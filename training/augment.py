"""Training windows of the speech encoder: utterances strung together with pauses, then made worse in seeded ways.

How often and how far each change goes is in AUGMENT; a window is left as it is with probability 1 - `worse`.
"""

import numpy as np
import torch
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

from corpus_speech import RATE_HZ, load_utterances
from mel import BANDS, FRAME_RATE_HZ, mel_filters, tick_rows
from phones import PHONES, VOICED, frame_phones

IGNORED = -100
NOMINAL_RMS = 0.1
QUIET_DB = -100.0

AUGMENT = {
    # what: (probability, range)
    "speed": (0.6, (0.82, 1.22)),
    "spliced": (0.25, None),
    "level dB": (0.6, (-28, 6)),
    "vocal tract": (0.7, (0.84, 1.19)),
    "tone": (0.45, (-0.65, 0.65)),
    "resonances": (0.3, (-9, 9)),
    "room": (0.27, None),
    "telephone": (0.1, None),
    "narrower band Hz": (0.12, (3200, 7000)),
    "noise dB": (0.6, (3, 40)),
    "clipping": (0.06, (0.15, 0.7)),
    "masked bands": (0.6, (1, 14)),
    "masked rows": (0.5, (1, 6)),
}
"""Speed moves duration, pitch and formants together; the vocal tract moves formants alone, so they vary apart."""

WARPS = np.round(np.linspace(0.8, 1.24, 45), 3)
OBSTRUENT = np.array([p in "P B T D K G CH JH F S SH".split() for p in PHONES])


def decibels(samples):
    """RMS level of f32 samples [.., N] in dB of full scale, at least -100."""
    return 10 * np.log10(np.mean(np.square(samples), -1) + 10 ** (QUIET_DB / 10))


def gain(db):
    """Amplitude factor of a level in dB."""
    return 10 ** (db / 20)


def frame_levels(samples, frames):
    """Level in dB of the 1/30 s around each frame time."""
    edges = np.round((np.arange(frames + 1) - 0.5) * RATE_HZ / FRAME_RATE_HZ).astype(int) + RATE_HZ
    padded = np.pad(samples, (RATE_HZ, RATE_HZ))
    power = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
    mean = (power[edges[1:]] - power[edges[:-1]]) / (edges[1:] - edges[:-1])
    return 10 * np.log10(np.maximum(mean, 0) + 10 ** (QUIET_DB / 10))


def coloured_noise(random, count, exponent):
    """Noise f32 [count] of unit RMS whose power falls with frequency^exponent (0 white, 1 pink)."""
    spectrum = np.fft.rfft(random.standard_normal(count, np.float32))
    spectrum *= np.maximum(np.arange(len(spectrum)), 8.0) ** (-exponent / 2)
    noise = np.fft.irfft(spectrum, count).astype(np.float32)
    return noise / np.sqrt(np.mean(noise**2))


def room(random, samples):
    """A simple room: the direct sound and a decaying tail of noise."""
    decay_s = random.uniform(0.1, 0.5)
    tail = random.standard_normal(int(decay_s * RATE_HZ)).astype(np.float32)
    tail *= np.exp(-6.9 * np.arange(len(tail)) / len(tail)).astype(np.float32)
    tail *= gain(-random.uniform(0, 18)) / np.sqrt(np.sum(tail**2))
    tail[: RATE_HZ // 500] = 0
    tail[0] = 1
    return fftconvolve(samples, tail)[: len(samples)].astype(np.float32)


_FILTERS = {}


def warped_filters(warp):
    """Mel filters of the nearest prepared warp."""
    nearest = float(WARPS[np.abs(WARPS - warp).argmin()])
    if nearest not in _FILTERS:
        _FILTERS[nearest] = mel_filters(nearest).astype(np.float32)
    return _FILTERS[nearest]


def telephone(random, samples):
    """A telephone line: 250-3500 Hz, 8 kHz, eight bits of mu-law (G.711), f32 [N]."""
    band = butter(4, (random.uniform(150, 350), random.uniform(3100, 3700)), "bandpass", fs=RATE_HZ, output="sos")
    line = np.clip(resample_poly(sosfilt(band, samples), 1, 2), -1, 1)
    if random.random() < 0.7:
        coded = np.sign(line) * np.log1p(255 * np.abs(line)) / np.log(256)
        coded = np.round(coded * 127) / 127
        line = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    return np.pad(resample_poly(line, 2, 1), (0, 1))[: len(samples)].astype(np.float32)


def resonance(random, samples, limits_db):
    """One broad peak or dip of the microphone or the cheap loudspeaker in front of it (a peaking filter)."""
    turn = 2 * np.pi * np.exp(random.uniform(np.log(150), np.log(6500))) / RATE_HZ
    amplitude, alpha = gain(random.uniform(*limits_db) / 2), np.sin(turn) / (2 * random.uniform(0.5, 2.5))
    above = [1 + alpha * amplitude, -2 * np.cos(turn), 1 - alpha * amplitude]
    below = [1 + alpha / amplitude, -2 * np.cos(turn), 1 - alpha / amplitude]
    return lfilter(above, below, samples).astype(np.float32)


def spliced(random, utterances):
    """(samples f32, segments): stretches of one voice's utterances in new company.

    A stretch begins with an obstruent and ends before one, where a cut is heard least.
    """
    sound, segments, at = [], [], 0.0
    for utterance in utterances:
        starts = np.flatnonzero(OBSTRUENT[utterance.segments[:, 0].astype(int)])
        if len(starts) < 3:
            continue
        first = random.integers(len(starts) - 1)
        last = min(first + 1 + random.integers(6), len(starts) - 1)
        rows = utterance.segments[starts[first] : starts[last]]
        begin, end = int(rows[0, 1] * RATE_HZ), int((rows[-1, 1] + rows[-1, 2]) * RATE_HZ)
        piece = utterance.samples[max(begin, 0) : end].astype(np.float32) / 32768
        edge = min(80, len(piece) // 2)
        piece[:edge] *= np.linspace(0, 1, edge, dtype=np.float32)
        piece[len(piece) - edge :] *= np.linspace(1, 0, edge, dtype=np.float32)
        segments += [(p, at + start - rows[0, 1], duration) for p, start, duration in rows]
        sound.append(piece)
        at += len(piece) / RATE_HZ
    if not sound:
        return utterances[0].samples.astype(np.float32) / 32768, utterances[0].segments
    return np.concatenate(sound), np.array(segments, np.float32)


class SpeechWindows(torch.utils.data.IterableDataset):
    """Endless windows: mel [T, 2, 80], phone [T], voicing [T], energy [T], already shifted by the look-ahead."""

    def __init__(self, parts, seconds, lookahead, seed, worse=0.8):
        """`parts` maps cached parts of the corpus to how often they are drawn; `worse`: how many windows suffer."""
        self.utterances = {part: load_utterances(part) for part in parts}
        weights = np.array([parts[part] for part in self.utterances], float)
        self.weights = weights / weights.sum()
        self.voices = {}
        for utterance in (u for part in self.utterances.values() for u in part):
            self.voices.setdefault(utterance.voice, []).append(utterance)
        self.ticks = round(seconds * FRAME_RATE_HZ)
        self.lookahead, self.seed, self.worse = lookahead, seed, worse

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        random = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield self.window(random)

    def utterance(self, random, voice=None):
        """A random utterance, of one voice where given."""
        pool = self.utterances[list(self.utterances)[random.choice(len(self.weights), p=self.weights)]]
        if voice:
            pool = self.voices[voice]
        return pool[random.integers(len(pool))]

    def spoken(self, random, voice):
        """The next (samples f32, segments) of a voice: an utterance, or stretches of several."""
        if random.random() < AUGMENT["spliced"][0] * self.worse:
            return spliced(random, [self.utterance(random, voice) for _ in range(random.integers(3, 7))])
        utterance = self.utterance(random, voice)
        return utterance.samples.astype(np.float32) / 32768, utterance.segments

    def speech(self, random, count):
        """Clean sound f32 [count] of one voice with pauses, and its segments."""
        samples, placed = np.zeros(count, np.float32), []
        voice = self.utterance(random).voice
        level = gain(random.uniform(*AUGMENT["level dB"][1])) if random.random() < AUGMENT["level dB"][0] else None
        at = int(random.uniform(0, 0.8) * RATE_HZ)
        while at < count:
            sound, segments = self.spoken(random, voice)
            speed = random.uniform(*AUGMENT["speed"][1]) if random.random() < AUGMENT["speed"][0] * self.worse else 1.0
            if speed != 1:
                sound = np.interp(np.arange(0, len(sound) - 1, speed), np.arange(len(sound)), sound)
            if level is not None:
                rms = np.sqrt(np.mean(sound**2)) + 1e-6
                sound = sound * (level * NOMINAL_RMS / rms * gain(random.uniform(-3, 3)))
            fits = min(len(sound), count - at)
            samples[at : at + fits] = sound[:fits]
            for phone, start, duration in segments:
                placed.append((int(phone), at / RATE_HZ + start / speed, duration / speed))
            shortest, longest = ((0.02, 0.4), (0.4, 1.5), (1.5, 4.0))[random.choice(3, p=(0.6, 0.32, 0.08))]
            at += len(sound) + int(random.uniform(shortest, longest) * RATE_HZ)
        return samples, placed

    def noise(self, random, count):
        """Noise f32 [count] of unit RMS: white, pink, brown-ish, or the babble of three utterances."""
        kind = random.integers(4)
        if kind < 3:
            return coloured_noise(random, count, (0.0, 1.0, 1.6)[kind])
        babble = np.zeros(count, np.float32)
        for _ in range(3):
            other = self.utterance(random).samples.astype(np.float32)
            other = np.resize(other, count) / (np.sqrt(np.mean(other**2)) + 1)
            babble += np.roll(other, random.integers(count))
        return babble / np.sqrt(np.mean(babble**2))

    def worsened(self, random, samples, silent):
        """The sound through a microphone, a room, noise, a line: f32 [N]."""

        def happens(what):
            return random.random() < AUGMENT[what][0]

        if happens("tone"):
            samples = lfilter([1, random.uniform(*AUGMENT["tone"][1])], [1], samples).astype(np.float32)
        if happens("resonances"):
            for _ in range(random.integers(1, 4)):
                samples = resonance(random, samples, AUGMENT["resonances"][1])
        if happens("room"):
            samples = room(random, samples)
        if happens("noise dB"):
            levels = frame_levels(samples, self.ticks)
            loud = gain(np.percentile(levels, 80)) if not silent else gain(random.uniform(-40, -20))
            below = gain(-random.uniform(*AUGMENT["noise dB"][1]))
            samples = samples + self.noise(random, len(samples)) * np.float32(loud * below)
        if happens("clipping"):
            top = np.abs(samples).max() * random.uniform(*AUGMENT["clipping"][1]) + 1e-6
            samples = np.clip(samples, -top, top)
        if happens("telephone"):
            samples = telephone(random, samples)
        elif happens("narrower band Hz"):
            edge = random.uniform(*AUGMENT["narrower band Hz"][1])
            samples = sosfilt(butter(6, edge, fs=RATE_HZ, output="sos"), samples)
        return samples

    def masked(self, random, mel):
        """Hide bands for the whole window, and rows for a moment; mel [T, 2, 80] in place."""
        mean = mel.mean()
        if random.random() < AUGMENT["masked bands"][0]:
            for _ in range(random.integers(1, 4)):
                width = random.integers(*AUGMENT["masked bands"][1])
                low = random.integers(0, BANDS - width)
                mel[:, :, low : low + width] = mean
        if random.random() < AUGMENT["masked rows"][0]:
            rows = mel.reshape(-1, BANDS)
            for _ in range(len(rows) // 60):
                width = random.integers(*AUGMENT["masked rows"][1])
                first = random.integers(0, len(rows) - width)
                rows[first : first + width] = mean

    def window(self, random):
        """One window."""
        count = -(-self.ticks * RATE_HZ // FRAME_RATE_HZ)
        silent = random.random() < 0.03
        samples, segments = (np.zeros(count, np.float32), []) if silent else self.speech(random, count)
        levels = frame_levels(samples, self.ticks)
        worse, warp = random.random() < self.worse, 1.0
        if worse:
            samples = self.worsened(random, samples, silent)
            if random.random() < AUGMENT["vocal tract"][0]:
                warp = random.uniform(*AUGMENT["vocal tract"][1])
        samples = np.clip(samples, -1, 1).astype(np.float32)
        if random.random() < 0.7:
            samples = np.round(samples * 32768) / 32768
        phones = frame_phones(segments, self.ticks)
        voicing = VOICED[phones] & (levels > np.percentile(levels, 95) - 35)
        energy = (levels + 50) / 25
        mel = tick_rows(samples, self.ticks, np.float32, warped_filters(warp))
        if worse:
            self.masked(random, mel)
        return self.delayed(mel, phones, voicing, energy)

    def delayed(self, mel, phones, voicing, energy):
        """Lay the labels of frame n on token n + lookahead."""
        shift = self.lookahead
        targets = {"phone": phones, "voicing": voicing.astype(np.float32), "energy": energy.astype(np.float32)}
        for name, values in targets.items():
            targets[name] = torch.from_numpy(np.concatenate([values[:1].repeat(shift), values])[: self.ticks])
        targets["phone"][:shift] = IGNORED
        return {"mel": torch.from_numpy(mel), **targets}
