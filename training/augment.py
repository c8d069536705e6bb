"""Training windows of the speech encoder: utterances strung together with pauses, then made worse in seeded ways."""

import numpy as np
import torch
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from corpus_speech import RATE_HZ, load_utterances
from mel import BANDS, FRAME_RATE_HZ, tick_rows
from phones import VOICED, frame_phones

IGNORED = -100
NOMINAL_RMS = 0.1
QUIET_DB = -100.0


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


class SpeechWindows(torch.utils.data.IterableDataset):
    """Endless windows: mel [T, 2, 80], phone [T], voicing [T], energy [T], already shifted by the look-ahead."""

    def __init__(self, parts, seconds, lookahead, seed):
        """`parts` maps cached parts of the corpus to how often they are drawn."""
        self.utterances = {part: load_utterances(part) for part in parts}
        weights = np.array([parts[part] for part in self.utterances], float)
        self.weights = weights / weights.sum()
        self.ticks = round(seconds * FRAME_RATE_HZ)
        self.lookahead, self.seed = lookahead, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        random = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield self.window(random)

    def utterance(self, random, voice=None):
        """A random utterance, of one voice where given."""
        pool = self.utterances[list(self.utterances)[random.choice(len(self.weights), p=self.weights)]]
        if voice:
            pool = [u for part in self.utterances.values() for u in part if u.voice == voice]
        return pool[random.integers(len(pool))]

    def speech(self, random, count):
        """Clean sound f32 [count] of one voice with pauses, and its segments."""
        samples, segments = np.zeros(count, np.float32), []
        utterance = self.utterance(random)
        level = None if random.random() < 0.4 else gain(random.uniform(-25, 6))
        at = int(random.uniform(0, 0.8) * RATE_HZ)
        while at < count:
            spoken = utterance.samples.astype(np.float32) / 32768
            speed = random.uniform(0.85, 1.2) if random.random() < 0.6 else 1.0
            if speed != 1:
                spoken = np.interp(np.arange(0, len(spoken) - 1, speed), np.arange(len(spoken)), spoken)
            if level is not None:
                rms = np.sqrt(np.mean(spoken**2)) + 1e-6
                spoken = spoken * (level * NOMINAL_RMS / rms * gain(random.uniform(-3, 3)))
            fits = min(len(spoken), count - at)
            samples[at : at + fits] = spoken[:fits]
            for phone, start, duration in utterance.segments:
                segments.append((int(phone), at / RATE_HZ + start / speed, duration / speed))
            shortest, longest = ((0.02, 0.4), (0.4, 1.5), (1.5, 4.0))[random.choice(3, p=(0.55, 0.33, 0.12))]
            at += len(spoken) + int(random.uniform(shortest, longest) * RATE_HZ)
            utterance = self.utterance(random, utterance.voice)
        return samples, segments

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

    def window(self, random):
        """One window."""
        count = -(-self.ticks * RATE_HZ // FRAME_RATE_HZ)
        silent = random.random() < 0.04
        samples, segments = (np.zeros(count, np.float32), []) if silent else self.speech(random, count)
        worse = random.random() < 0.8
        if worse and random.random() < 0.4:
            samples = lfilter([1, random.uniform(-0.6, 0.6)], [1], samples).astype(np.float32)
        if worse and random.random() < 0.25:
            samples = room(random, samples)
        telephone = worse and random.random() < 0.12
        levels = frame_levels(samples, self.ticks)
        if worse and random.random() < 0.6:
            loud = gain(np.percentile(levels, 80)) if not silent else gain(random.uniform(-40, -20))
            babbles_db = random.uniform(5, 40)
            samples = samples + self.noise(random, count) * np.float32(loud * gain(-babbles_db))
        if telephone:
            band = butter(4, (250, 3500), "bandpass", fs=RATE_HZ, output="sos")
            samples = sosfilt(band, samples)
        samples = np.clip(samples, -1, 1)
        if random.random() < 0.7:
            samples = np.round(samples * 32768) / 32768
        phones = frame_phones(segments, self.ticks)
        voicing = VOICED[phones] & (levels > np.percentile(levels, 95) - 35)
        energy = (levels + 50) / 25
        mel = tick_rows(samples, self.ticks, np.float32)
        if worse and random.random() < 0.5:
            for _ in range(2):
                width = random.integers(1, 13)
                low = random.integers(0, BANDS - width)
                mel[:, :, low : low + width] = mel.mean()
        return self.delayed(mel, phones, voicing, energy)

    def delayed(self, mel, phones, voicing, energy):
        """Lay the labels of frame n on token n + lookahead."""
        shift = self.lookahead
        targets = {"phone": phones, "voicing": voicing.astype(np.float32), "energy": energy.astype(np.float32)}
        for name, values in targets.items():
            targets[name] = torch.from_numpy(np.concatenate([values[:1].repeat(shift), values])[: self.ticks])
        targets["phone"][:shift] = IGNORED
        return {"mel": torch.from_numpy(mel), **targets}
