"""The conversation corpus: two-channel talk with ARKit curves for both faces, and the encoder's tokens for it.

    python corpus_conversation.py                 # simulate streams (sound -> log-mel, phones -> curves), then encode
    python corpus_conversation.py --tokens-only   # run another encoder over the streams that are there

Real and synthetic utterances of corpus_speech are laid out as turns with the gaps and overlaps of conversation.md;
faces come from lips.py and upper_face.py. Everything lies in $DUOLOGUE_CACHE/conversation. Shapes: n frames at 30/s,
2 persons, a stream lasts 48 s.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import butter, lfilter, sosfilt

from augment import SpeechWindows, coloured_noise, gain, room
from corpus_speech import RATE_HZ, Utterance, cache_folder
from lips import STYLES, VOWEL, Segment, jaw_gain, levels_db, mouth_curves
from mel import FRAME_RATE_HZ, tick_rows
from phones import PHONES, frame_phones
from upper_face import EMOTION_SHAPES, Voice, expression, style_factors

LOOKAHEAD = 2
STREAM_S = 48
FRAMES = STREAM_S * FRAME_RATE_HZ
TRAIN_PARTS = {"kathleen.train": 0.5, "flite.train": 0.28, "dc-tts.train": 0.12, "espeak.train": 0.10}
VAL_PARTS = {"kathleen.val": 0.7, "dc-tts.test": 0.3}

FIGURES = {
    # what: (value, source)
    "gap between turns s": ((0.20, 0.28), "mean and spread; Stivers 2009, Levinson & Torreira 2015"),
    "share of turns that overlap": (0.35, "Heldner & Edlund 2010"),
    "utterances per turn": ((0.62, 0.25, 0.13), "for 1, 2, 3-4: turn length has a long tail"),
    "pause within a turn s": ((0.2, 1.0), "Goldman-Eisler 1968"),
}
"""Turn-taking; textbook priors."""

KINDS = {"dialogue": 0.50, "one-sided": 0.28, "overlapping": 0.10, "sparse": 0.08, "silent": 0.04}


@dataclass
class Stream:
    """One conversation: log-mel [2, ticks, 2, 80], ARKit weights [2, n, 51], phone ids [2, n], conditions [2, n]."""

    mel: np.ndarray
    face: np.ndarray
    phone: np.ndarray
    style: np.ndarray
    facing: np.ndarray
    emotion: np.ndarray


def held(random: np.random.Generator, values: np.ndarray, shares: np.ndarray, longest_s: float) -> np.ndarray:
    """Ids [FRAMES] that stay for a while and then change, in half of the streams; else constant."""
    out = np.zeros(FRAMES, np.int64)
    at, steady = 0, random.random() < 0.5
    while at < FRAMES:
        length = FRAMES if steady else int(random.uniform(2.5, longest_s) * FRAME_RATE_HZ)
        out[at : at + length] = random.choice(values, p=shares)
        at += length
    return out


class Person:
    """One side of a conversation while it is laid out: a talker whose voice is changed in speed and pitch."""

    def __init__(self, random: np.random.Generator, source: SpeechWindows):
        self.random, self.source = random, source
        self.first = source.utterance(random)
        self.speed = random.uniform(0.84, 1.22) if random.random() < 0.55 else 1.0
        self.level = gain(random.uniform(-24, 4)) if random.random() < 0.6 else None
        self.sound = np.zeros(STREAM_S * RATE_HZ, np.float32)
        self.segments: list[Segment] = []
        self.usual: list[tuple[float, float]] = []

    def utterance(self) -> Utterance:
        """The next utterance of this talker's voice."""
        return self.source.utterance(self.random, self.first.voice)

    def speak(self, at_s: float) -> float:
        """Lay an utterance at a time; returns when it ends (unchanged where it does not fit)."""
        utterance = self.utterance()
        spoken = utterance.samples.astype(np.float32) / 32768
        if self.speed != 1:
            spoken = np.interp(np.arange(0, len(spoken) - 1, self.speed), np.arange(len(spoken)), spoken)
        if self.level is not None:
            rms = np.sqrt(np.mean(spoken**2)) + 1e-6
            spoken = spoken * (self.level * 0.1 / rms * gain(self.random.uniform(-3, 3)))
        start = int(at_s * RATE_HZ)
        if start < 0 or start + len(spoken) > len(self.sound):
            return at_s
        offset = start / RATE_HZ
        if self.segments and offset < self.segments[-1][1] + self.segments[-1][2]:
            return at_s
        self.sound[start : start + len(spoken)] += spoken
        placed = [(PHONES[int(p)], offset + a / self.speed, d / self.speed) for p, a, d in utterance.segments]
        self.segments += placed
        level = levels_db(spoken, int(len(spoken) / RATE_HZ * FRAME_RATE_HZ) + 1)
        nuclei = [
            level[int((a - offset) * FRAME_RATE_HZ) : int((a + d - offset) * FRAME_RATE_HZ) + 2].max(initial=-100.0)
            for phone, a, d in placed
            if phone in VOWEL
        ]
        self.usual.append((offset, float(np.median(nuclei)) if nuclei else -30.0))
        return offset + len(spoken) / RATE_HZ

    def voice(self) -> Voice:
        """Phones that cover the whole stream, levels and the usual vowel level per frame."""
        covered: list[Segment] = []
        at = 0.0
        for phone, start, duration in self.segments:
            if start > at + 1e-3:
                covered.append(("SIL", at, start - at))
            covered.append((phone, start, duration))
            at = start + duration
        if at < STREAM_S:
            covered.append(("SIL", at, STREAM_S - at))
        usual = np.full(FRAMES, self.usual[0][1] if self.usual else -30.0)
        for start, level in self.usual:
            usual[max(int((start - 0.2) * FRAME_RATE_HZ), 0) :] = level
        return Voice(covered, levels_db(self.sound, FRAMES), usual)


def lay_turns(random: np.random.Generator, kind: str, persons: list[Person]) -> None:
    """Fill both persons' sound with turns of the given kind of conversation."""
    mean, spread = FIGURES["gap between turns s"][0]
    shares = FIGURES["utterances per turn"][0]
    shortest, longest = FIGURES["pause within a turn s"][0]
    if kind == "silent":
        return
    now, who = float(random.uniform(0.2, 3)), int(random.integers(2))
    leader, stalled = who, 0
    while now < STREAM_S - 1 and stalled < 8:
        count = random.choice([1, 2, 3 + random.integers(2)], p=shares)
        if kind == "one-sided":
            who = leader if random.random() < 0.93 else 1 - leader
            count += 2 if who == leader else 0
        start = now
        for i in range(count):
            end = persons[who].speak(now)
            stalled = stalled + 1 if end == now else 0
            now = end + (random.uniform(shortest, longest) if i + 1 < count else 0)
        overlap = random.random() < (0.9 if kind == "overlapping" else FIGURES["share of turns that overlap"][0])
        pause = abs(random.normal(mean, spread))
        if overlap:
            pause = -random.uniform(0.05, 1.8 if kind == "overlapping" else 0.6)
        if kind == "sparse":
            pause = random.uniform(2, 7)
        now = max(now + pause, start + 0.4)
        who = 1 - who if kind != "one-sided" else who


def breath(random: np.random.Generator) -> np.ndarray:
    """A breath: band-passed noise that swells and fades, f32."""
    count = int(random.uniform(0.25, 0.6) * RATE_HZ)
    band = butter(2, (random.uniform(300, 700), random.uniform(2500, 6000)), "bandpass", fs=RATE_HZ, output="sos")
    return (sosfilt(band, coloured_noise(random, count, 0.3)) * np.hanning(count) ** 0.7).astype(np.float32)


def worsened(random: np.random.Generator, source: SpeechWindows, sound: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One microphone's signal: tone, room, breath, the other voice leaking in, noise, telephone; f32 in ±1."""
    loud = np.sqrt(np.mean(sound[np.abs(sound) > 1e-4] ** 2)) if np.any(np.abs(sound) > 1e-4) else 0.03
    if random.random() < 0.35:
        sound = lfilter([1, random.uniform(-0.6, 0.6)], [1], sound).astype(np.float32)
    if random.random() < 0.22:
        sound = room(random, sound)
    if random.random() < 0.35:
        sound = sound.copy()
        for _ in range(random.integers(2, 9)):
            one = breath(random) * loud * gain(random.uniform(-32, -14))
            at = random.integers(len(sound) - len(one))
            sound[at : at + len(one)] += one.astype(np.float32)
    if random.random() < 0.15:
        sound = sound + other * np.float32(gain(random.uniform(-45, -26)))
    if random.random() < 0.5:
        sound = sound + source.noise(random, len(sound)) * np.float32(loud * gain(-random.uniform(10, 45)))
    if random.random() < 0.08:
        sound = sosfilt(butter(4, (250, 3500), "bandpass", fs=RATE_HZ, output="sos"), sound)
    sound = np.clip(sound, -1, 1)
    return np.round(sound * 32768) / 32768 if random.random() < 0.7 else sound


def face_curves(
    random: np.random.Generator,
    own: Voice,
    partner: Voice,
    style: np.ndarray,
    partner_style: np.ndarray,
    facing: np.ndarray,
    emotion: np.ndarray,
) -> np.ndarray:
    """ARKit weights [n, 51] of one person of a conversation; condition ids are [n]."""
    times = np.arange(len(style)) / FRAME_RATE_HZ
    level = np.maximum.reduce([np.roll(own.level_db, s) for s in (-1, 0, 1)])
    surprise = np.where(emotion == 1, 1.10, 1.0)
    factors = style_factors(style)
    mouth = mouth_curves(own.segments, times, jaw_gain(level, own.usual_db) * surprise, factors)
    return np.clip(mouth + expression(random, own, partner, style, partner_style, facing, emotion), 0, 1)


def simulate(seed: int, source: SpeechWindows) -> Stream:
    """One stream, the same for the same seed."""
    random = np.random.default_rng([seed, 77])
    kind = random.choice(list(KINDS), p=list(KINDS.values()))
    persons = [Person(random, source) for _ in range(2)]
    lay_turns(random, kind, persons)
    voices = [person.voice() for person in persons]
    styles = np.arange(len(STYLES))
    emotions = np.arange(len(EMOTION_SHAPES))
    neutral = np.array([0.40] + [0.10] * (len(emotions) - 1))
    style = np.stack([held(random, styles, np.full(4, 0.25), 16) for _ in range(2)])
    emotion = np.stack([held(random, emotions, neutral, 12) for _ in range(2)])
    facing = np.repeat(held(random, np.arange(2), np.array([0.25, 0.75]), 14)[None], 2, 0)
    if random.random() < 0.2:
        facing[1] = held(random, np.arange(2), np.array([0.25, 0.75]), 14)
    face = [
        face_curves(random, voices[i], voices[1 - i], style[i], style[1 - i], facing[i], emotion[i]) for i in range(2)
    ]
    phone = [frame_phones([(PHONES.index(p), a, d) for p, a, d in v.segments], FRAMES) for v in voices]
    sounds = [persons[i].sound for i in range(2)]
    mics = [worsened(random, source, sounds[i], sounds[1 - i]) for i in range(2)]
    ticks = FRAMES + LOOKAHEAD
    mel = np.stack([tick_rows(np.pad(m, (0, RATE_HZ // 4)), ticks, np.float32) for m in mics])
    return Stream(
        mel.astype(np.float16),
        np.stack(face).astype(np.float16),
        np.stack(phone).astype(np.uint8),
        style.astype(np.uint8),
        facing.astype(np.uint8),
        emotion.astype(np.uint8),
    )


def folder() -> Path:
    """Where streams and tokens lie."""
    path = cache_folder() / "conversation"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _build_one(job: tuple[str, int]) -> None:
    part, index = job
    path = folder() / f"{part}-{index:04d}.npz"
    if path.exists():
        return
    torch.set_num_threads(1)
    if part not in _SOURCES:
        _SOURCES[part] = SpeechWindows(TRAIN_PARTS if part == "train" else VAL_PARTS, STREAM_S, LOOKAHEAD, 0)
    stream = simulate(zlib.crc32(f"{part} {index}".encode()), _SOURCES[part])
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **vars(stream))
    partial.rename(path)


_SOURCES: dict[str, SpeechWindows] = {}


def build(part: str, count: int) -> None:
    """Simulate the streams of a part that are not in the cache yet."""
    for index in range(count):
        _build_one((part, index))
        if index % 20 == 19:
            print(f"{part}: {index + 1} of {count} streams", flush=True)


PIECE, RUN_UP = 320, 128


@torch.no_grad()
def encode_stream(encoder: torch.nn.Module, mel: np.ndarray) -> np.ndarray:
    """Tokens f16 [2, n, 256] of mel [2, ticks, 2, 80], token of tick n laid on frame n - look-ahead.

    Long streams go through in pieces of PIECE ticks that start RUN_UP ticks early, which is three times as fast as one
    dense attention and differs by less than bf16 does.
    """
    rows = torch.from_numpy(mel.astype(np.float32))
    ticks = rows.shape[1]
    starts = list(range(PIECE, ticks, PIECE))
    out = []
    with torch.autocast("cpu", torch.bfloat16):
        out.append(encoder(rows[:, :PIECE])["token"])
        full = [s for s in starts if s + PIECE <= ticks]
        if full:
            token = encoder(torch.cat([rows[:, s - RUN_UP : s + PIECE] for s in full]))["token"][:, RUN_UP:]
            out += token.split(2)
        if len(full) < len(starts):
            out.append(encoder(rows[:, starts[-1] - RUN_UP :])["token"][:, RUN_UP:])
    return torch.cat(out, 1)[:, LOOKAHEAD:].to(torch.float16).numpy()


def encode(encoder_path: str, name: str) -> None:
    """Run an encoder over all streams that have no tokens of this name yet.

    Training streams keep the encoder's dropout on: it has seen those utterances, and without it their tokens would be
    surer than those of a talker it has not.
    """
    from speech_encoder import load_encoder

    encoder = load_encoder(encoder_path)
    target = folder() / name
    target.mkdir(exist_ok=True)
    paths = sorted(folder().glob("*.npz"))
    for path in paths:
        if not (target / f"{path.stem}.npy").exists():
            encoder.train(path.stem.startswith("train"))
            with np.load(path) as file:
                np.save(target / f"{path.stem}.npy", encode_stream(encoder, file["mel"]))
    print(f"{len(paths)} streams encoded to {target}")


def load_part(part: str, tokens: str) -> dict[str, np.ndarray]:
    """Arrays of a part stacked over its streams: token [S, 2, n, 256] f16, face [S, 2, n, 51] f16, ids [S, 2, n]."""
    paths = [p for p in sorted(folder().glob(f"{part}-*.npz")) if (folder() / tokens / f"{p.stem}.npy").exists()]
    if not paths:
        raise FileNotFoundError(f"no streams of {part} in {folder()}: run `python training/corpus_conversation.py` first")
    out: dict[str, list[np.ndarray]] = {"token": [np.load(folder() / tokens / f"{p.stem}.npy") for p in paths]}
    for path in paths:
        with np.load(path) as file:
            for key in ("face", "phone", "style", "facing", "emotion"):
                out.setdefault(key, []).append(file[key])
    return {key: np.stack(values) for key, values in out.items()}


def main() -> None:
    """Command line: build the streams, then encode them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=300, help="training streams of 48 s")
    parser.add_argument("--val", type=int, default=16)
    parser.add_argument("--encoder", help="checkpoint or .safetensors; default: the newest training run")
    parser.add_argument("--tokens", default="tokens", help="name of the token set")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens-only", action="store_true")
    parser.add_argument("--streams-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.tokens_only:
        build("val", options.val)
        build("train", options.streams)
    if not options.streams_only:
        encode(options.encoder or str(cache_folder() / "runs/speech-encoder/checkpoint.pt"), options.tokens)


if __name__ == "__main__":
    main()
