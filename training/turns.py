"""Who speaks when: utterances and parts of them laid on two channels as turns, backchannels and laughs.

Times in seconds on the stream's clock, sound f32 at 16 kHz.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from augment import SpeechWindows, gain
from corpus_speech import RATE_HZ, Utterance
from lips import Segment, levels_db, usual_level_db, with_silences
from mel import FRAME_RATE_HZ
from phones import PHONES, SILENCE
from prosody import laugh, low_stretches, pitch
from upper_face import Voice

FIGURES = {
    # what: (value, source)
    "gap between turns s": ((0.20, 0.28), "mean and spread; Stivers 2009, Levinson & Torreira 2015"),
    "share of turns that overlap": (0.32, "30-40 %; Heldner & Edlund 2010"),
    "turn length s": ((1.8, 0.8), "median and log spread, conversation corpora"),
    "narration s": ((10.0, 40.0), "the long tail of turns, conversation corpora"),
    "pause within a turn s": ((0.2, 1.0), "clause ends longer; Goldman-Eisler 1968"),
    "silence of a sparse talk s": ((2.0, 7.0), "chosen here"),
}
"""Turn-taking; textbook priors."""

KINDS = {
    "dialogue": 0.42, "narration": 0.26, "quick": 0.11, "overlapping": 0.09, "sparse": 0.08, "silent": 0.04
}  # fmt: skip
"""Kinds of talk and how often they are drawn."""

SHORTEST_PIECE_S = 0.3
SPEED = (0.84, 1.22)
SPEED_HELD_OUT = ((0.78, 0.83), (1.23, 1.30))


@dataclass(frozen=True)
class Piece:
    """A part of an utterance: f32 samples, segments [k, 3], cues (s) within it, the talker's usual pitch Hz."""

    samples: np.ndarray
    segments: np.ndarray
    cues: list[float]
    pitch_hz: float


class Voices:
    """Utterances by voice, with the pitch of each found once."""

    def __init__(self, source: SpeechWindows, short: list[Utterance]):
        """`short` are recorded or synthetic backchannels ("mm-hm"); voices without any say a part of a sentence."""
        self.source = source
        self.by_voice: dict[str, list[Utterance]] = defaultdict(list)
        for part in source.utterances.values():
            for utterance in part:
                self.by_voice[utterance.voice].append(utterance)
        self.short: dict[str, list[Utterance]] = defaultdict(list)
        for utterance in short:
            self.short[utterance.voice].append(utterance)
        self._heard: dict[str, tuple[list[float], float]] = {}

    def heard(self, utterance: Utterance) -> tuple[list[float], float]:
        """Cues (s) and median pitch (Hz) of an utterance."""
        if utterance.id not in self._heard:
            track = pitch(utterance.samples.astype(np.float32) / 32768, utterance.segments)
            usual = float(np.median(track[track > 0])) if (track > 0).any() else 150.0
            self._heard[utterance.id] = (low_stretches(track, utterance.segments), usual)
        return self._heard[utterance.id]

    def piece(self, random: np.random.Generator, voice: str, longest_s: float) -> Piece:
        """An utterance of a voice, cut at a quiet phone boundary where it is much longer than wanted."""
        pool = self.by_voice[voice]
        utterance = pool[random.integers(len(pool))]
        samples = utterance.samples.astype(np.float32) / 32768
        segments = utterance.segments
        cues, usual = self.heard(utterance)
        length = len(samples) / RATE_HZ
        if length <= 1.3 * longest_s + 0.3:
            return Piece(samples, segments, cues, usual)
        edges = segments[1:, 1]
        half = int(0.02 * RATE_HZ)
        centres = [int(e * RATE_HZ) for e in edges]
        power = np.array([np.mean(samples[max(c - half, 0) : c + half] ** 2) for c in centres])
        start = 0.0
        early = edges < length - 1.3 * longest_s
        if random.random() < 0.35 and early.any():
            start = float(edges[early][power[early].argmin()])
        near = (edges > start + max(0.7 * longest_s, SHORTEST_PIECE_S)) & (edges < start + 1.3 * longest_s + 0.15)
        end = float(edges[near][power[near].argmin()]) if near.any() else min(start + longest_s, length)
        inside = (segments[:, 1] >= start - 1e-4) & (segments[:, 1] + segments[:, 2] <= end + 1e-4)
        kept = segments[inside] - np.array([0, start, 0], np.float32)
        part = samples[int(start * RATE_HZ) : int(end * RATE_HZ)].copy()
        ramp = min(int(0.012 * RATE_HZ), len(part))
        part[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)
        part[len(part) - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
        return Piece(part, kept, [c - start for c in cues if start + 0.7 < c < end], usual)

    def response(self, random: np.random.Generator, voice: str) -> Piece:
        """A short "mm-hm" of a voice, or a syllable or two of its sentences."""
        pool = self.short.get(voice)
        if not pool:
            return self.piece(random, voice, random.uniform(0.25, 0.55))
        utterance = pool[random.integers(len(pool))]
        return Piece(utterance.samples.astype(np.float32) / 32768, utterance.segments, [], 150.0)


class Person:
    """One side of a conversation while it is laid out: a talker whose voice is changed in speed and pitch."""

    def __init__(self, random: np.random.Generator, voices: Voices, seconds: float, held_out: bool = False):
        """`held_out` draws speeds outside the range of the training streams."""
        self.random, self.voices = random, voices
        self.name = voices.source.utterance(random).voice
        self.speed = random.uniform(*SPEED) if random.random() < 0.55 else 1.0
        if held_out and self.speed != 1:
            self.speed = random.uniform(*SPEED_HELD_OUT[random.integers(2)])
        self.level = gain(random.uniform(-24, 4)) if random.random() < 0.6 else None
        self.pitch_hz = 150.0
        self.sound = np.zeros(int(seconds * RATE_HZ), np.float32)
        self.seconds = seconds
        self.segments: list[Segment] = []
        self.usual: list[tuple[float, float]] = []
        self.cues: list[float] = []
        self.turns: list[tuple[float, float]] = []

    def free(self, start: float, end: float) -> bool:
        """Whether nothing of this person's sounds between two times."""
        return 0 <= start and end < self.seconds and all(e <= start or s >= end for s, e in self.spans())

    def spans(self) -> list[tuple[float, float]]:
        """What is laid so far, as phones."""
        return [(s, s + d) for _, s, d in self.segments]

    def lay(self, piece: Piece, at_s: float, louder_db: float = 0.0, speed: float | None = None) -> float:
        """Lay a piece at a time; returns when it ends (the start where it does not fit)."""
        speed = self.speed if speed is None else speed
        spoken = piece.samples
        if speed != 1:
            spoken = np.interp(np.arange(0, len(spoken) - 1, speed), np.arange(len(spoken)), spoken).astype(np.float32)
        if self.level is not None:
            rms = np.sqrt(np.mean(spoken**2)) + 1e-6
            spoken = spoken * (self.level * 0.1 / rms * gain(self.random.uniform(-3, 3)))
        spoken = spoken * np.float32(gain(louder_db))
        start = int(at_s * RATE_HZ)
        offset = start / RATE_HZ
        end = offset + len(spoken) / RATE_HZ
        if not self.free(offset, end):
            return at_s
        self.sound[start : start + len(spoken)] += spoken
        placed = [(PHONES[int(p)], offset + a / speed, d / speed) for p, a, d in piece.segments]
        # Silences inside a piece are gaps like all others.
        self.segments = sorted(self.segments + [s for s in placed if s[0] != PHONES[SILENCE]], key=lambda s: s[1])
        self.cues += [offset + c / speed for c in piece.cues]
        level = levels_db(spoken, int(len(spoken) / RATE_HZ * FRAME_RATE_HZ) + 1)
        self.usual.append((offset, usual_level_db(level, placed, offset)))
        return end

    def speak(self, at_s: float, length_s: float) -> float:
        """A turn of about `length_s`: pieces with pauses; returns when it ends."""
        random = self.random
        shortest, longest = FIGURES["pause within a turn s"][0]
        now, end = at_s, at_s
        while now - at_s < length_s - SHORTEST_PIECE_S or now == at_s:
            piece = self.voices.piece(random, self.name, max(length_s - (now - at_s), SHORTEST_PIECE_S))
            self.pitch_hz = piece.pitch_hz * self.speed
            after = self.lay(piece, now)
            if after == now:
                break
            end = after
            now = end + shortest + (longest - shortest) * random.beta(1.2, 2.6)
        if end > at_s:
            self.turns.append((at_s, end))
        return end

    def respond(self, at_s: float) -> bool:
        """A voiced backchannel, a little softer than speech."""
        piece = self.voices.response(self.random, self.name)
        return self.lay(piece, at_s, self.random.uniform(-7, -1)) > at_s

    def laugh(self, at_s: float) -> float:
        """A voiced laugh; returns when it ends."""
        sound, segments = laugh(self.random, self.pitch_hz)
        loud = 10 ** (self.usual[-1][1] / 20) if self.usual else 0.05
        rms = np.sqrt(np.mean(sound**2)) + 1e-6
        kept, self.level = self.level, None
        end = self.lay(Piece(sound * np.float32(0.8 * loud / rms), segments, [], self.pitch_hz), at_s, speed=1.0)
        self.level = kept
        return end

    def voice(self) -> Voice:
        """Phones that cover the whole stream, levels and the usual vowel level per frame."""
        frames = int(self.seconds * FRAME_RATE_HZ)
        self.usual.sort()
        usual = np.full(frames, self.usual[0][1] if self.usual else -30.0)
        for start, level in self.usual:
            usual[max(int((start - 0.2) * FRAME_RATE_HZ), 0) :] = level
        return Voice(with_silences(self.segments, self.seconds), levels_db(self.sound, frames), usual)


def turn_length(random: np.random.Generator, kind: str, leads: bool, telling: bool) -> float:
    """Seconds of the next turn."""
    median, spread = FIGURES["turn length s"][0]
    if kind == "narration" and (telling or not leads):
        return random.uniform(*FIGURES["narration s"][0]) if leads else 1.0 * np.exp(0.5 * random.standard_normal())
    if kind == "dialogue" and random.random() < 0.10:
        return random.uniform(10, 24)
    factor = {"quick": 0.6, "overlapping": 1.3}.get(kind, 1.0)
    return factor * median * np.exp(spread * random.standard_normal())


def lay_turns(random: np.random.Generator, kind: str, persons: list[Person], held_out: bool = False) -> None:
    """Fill both persons' sound with the turns of a kind of talk."""
    if kind == "silent":
        return
    mean, spread = FIGURES["gap between turns s"][0]
    share = FIGURES["share of turns that overlap"][0] + (0.06 if held_out else 0.0)
    mean += 0.08 if held_out else 0.0
    last = persons[0].seconds - 1
    now, who = float(random.uniform(0.2, 3)), int(random.integers(2))
    leader, stalled = who, 0
    while now < last and stalled < 8:
        leads = who == leader
        telling = leads and random.random() < 0.7
        length = min(turn_length(random, kind, leads, telling), last - now)
        end = persons[who].speak(now, max(length, SHORTEST_PIECE_S))
        stalled = stalled + 1 if end == now else 0
        pause = abs(random.normal(mean, spread))
        if random.random() < (0.7 if kind == "overlapping" else share):
            pause = -random.uniform(0.05, 1.8 if kind == "overlapping" else 0.6)
        if kind == "sparse":
            pause = random.uniform(*FIGURES["silence of a sparse talk s"][0])
        now = max(end + pause, now + 0.4)
        who = 1 - who
