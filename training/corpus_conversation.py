"""The conversation corpus: two-channel talk with faces and heads of both persons, and the encoder's tokens for it.

    python corpus_conversation.py --streams 400 --jobs 2   # simulate (sound -> log-mel, faces, heads), then encode
    python corpus_conversation.py --tokens-only            # run another encoder over the streams that are there
    python corpus_conversation.py --faces-only             # make the faces again from the stored phones

All of it is simulated: utterances of corpus_speech are laid out as talk by turns.py and heard as talk_sound.py says,
interplay.py decides what the two do at each other, faces come from lips.py and upper_face.py, heads from
head_motion.py. Everything lies in $DUOLOGUE_CACHE/conversation-2, one .npz per stream of 48 s; shapes: n frames at
30/s, 2 persons, times in s:

    mel [2, ticks, 2, 80], face [2, n, 51], phone style facing emotion [2, n], head [2, n, 3] exp-map rad,
    expression [2, n, 51] (the face without articulation), level_db usual_db [2, n], segments_0 segments_1 [k, 3] =
    phone id, start, length; relationship (id of body.RELATIONSHIPS), kind;
    turns [k, 3] = person, start, end; backchannels [k, 4] = person who responds, time, form bits (interplay: nod 1,
    voice 2, smile 4, brows 8, tilt 16, shake 32), time of the cue in the partner's speech; laughs [k, 5] = person,
    start, length, strength, voiced; nods shakes [k, 4] = person, start, degrees, cycles; smiles [k, 4] = person, start,
    length, size; onsets [k, 3] = listener, the partner's onset, start of the reaction.

`test` streams have voices, sentences, seeds and ranges that no other part has, and their sound beside them as
test-NNNN.{a,b}.wav: what the log-mel was made of.
"""

from __future__ import annotations

import argparse
import os
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch

from corpus_speech import RATE_HZ, cache_folder
from head_motion import head_motion
from interplay import plan, talks
from learning import mixed
from lips import STYLES, jaw_gain, mouth_curves, with_silences
from mel import FRAME_RATE_HZ, tick_rows
from phones import PHONE_ID, PHONES, frame_phones
from talk_sound import lay_acts, microphones, voices_of
from turns import KINDS, Person, Voices, lay_turns
from upper_face import EMOTION_SHAPES, Voice, expression, style_factors

VERSION = 2
LOOKAHEAD = 2
STREAM_S = 48
FRAMES = STREAM_S * FRAME_RATE_HZ

FIGURES = {
    # what: (value, source)
    "relationship": ((0.10, 0.18, 0.27, 0.20, 0.10, 0.15), "none, then the groups of InterAct; shares chosen here"),
    "laughs against the mean": ((0.8, 1.2, 1.5, 0.8, 1.1, 0.5), "by relationship; chosen here"),
    "mood lasts s": ((5.0, 30.0), "chosen here"),
    "the other's mood follows": (0.55, "emotional contagion, Hatfield 1993; share chosen here"),
    "follows after s": ((0.5, 2.5), "chosen here"),
}  # fmt: skip
"""Figures of a scene; those of turns, interplay, face and head stand in their files."""


@dataclass
class Stream:
    """One conversation; see the head of this file for the shapes."""

    mel: np.ndarray
    face: np.ndarray
    phone: np.ndarray
    style: np.ndarray
    facing: np.ndarray
    emotion: np.ndarray
    head: np.ndarray
    expression: np.ndarray
    level_db: np.ndarray
    usual_db: np.ndarray
    segments_0: np.ndarray
    segments_1: np.ndarray
    relationship: np.ndarray
    kind: np.ndarray
    turns: np.ndarray
    backchannels: np.ndarray
    laughs: np.ndarray
    nods: np.ndarray
    shakes: np.ndarray
    smiles: np.ndarray
    onsets: np.ndarray


def held(random: np.random.Generator, values: np.ndarray, shares: np.ndarray, longest_s: float) -> np.ndarray:
    """Ids [FRAMES] that stay for a while and then change, in half of the streams; else constant."""
    out = np.zeros(FRAMES, np.int64)
    at, steady = 0, random.random() < 0.5
    while at < FRAMES:
        length = FRAMES if steady else int(random.uniform(2.5, longest_s) * FRAME_RATE_HZ)
        out[at : at + length] = random.choice(values, p=shares)
        at += length
    return out


def moods(random: np.random.Generator, boundaries: list[float]) -> np.ndarray:
    """Emotion groups [2, FRAMES]: moods that change near turn boundaries, and often pass to the other."""
    groups = len(EMOTION_SHAPES)
    shares = np.array([0.40] + [0.60 / (groups - 1)] * (groups - 1))
    out = np.zeros((2, FRAMES), np.int64)
    shortest, longest = FIGURES["mood lasts s"][0]
    at, steady = 0.0, random.random() < 0.35
    out[:] = random.choice(groups, size=2, p=shares)[:, None]
    while at < STREAM_S:
        first, mood = random.integers(2), random.choice(groups, p=shares)
        k = int(at * FRAME_RATE_HZ)
        out[first, k:] = mood
        if random.random() < FIGURES["the other's mood follows"][0]:
            out[1 - first, k + int(random.uniform(*FIGURES["follows after s"][0]) * FRAME_RATE_HZ) :] = mood
        at += 2 * STREAM_S if steady else shortest * (longest / shortest) ** random.random()
        near = [b for b in boundaries if abs(b - at) < 2.5]
        at = float(random.choice(near)) if near else at
    return out


def mouth(own: Voice, style: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    """ARKit weights [n, 51] of the mouth of one person; condition ids are [n]."""
    times = np.arange(len(style)) / FRAME_RATE_HZ
    level = np.maximum.reduce([np.roll(own.level_db, s) for s in (-1, 0, 1)])
    surprise = np.where(emotion == 1, 1.10, 1.0)
    return mouth_curves(own.segments, times, jaw_gain(level, own.usual_db) * surprise, style_factors(style))


def stored_voice(stream: dict[str, np.ndarray], person: int) -> Voice:
    """The voice of a stored stream's person."""
    segments = stream[f"segments_{person}"].astype(float)
    spoken = [(PHONES[int(phone)], start, length) for phone, start, length in segments]
    levels = (stream[name][person].astype(float) for name in ("level_db", "usual_db"))
    return Voice(with_silences(spoken, STREAM_S), *levels)


def stored_face(stream: dict[str, np.ndarray]) -> np.ndarray:
    """The faces [2, n, 51] f16 of a stored stream, made again from its phones and expression."""
    made = [mouth(stored_voice(stream, i), stream["style"][i], stream["emotion"][i]) for i in (0, 1)]
    return np.clip(np.stack(made) + stream["expression"], 0, 1).astype(np.float16)


def rows(lists: list[list], width: int) -> np.ndarray:
    """Both persons' lists of events as [k, width] f32, the person first, in time."""
    found = sorted(([i, *event] for i, events in enumerate(lists) for event in events), key=lambda e: e[1])
    return np.array(found, np.float32).reshape(-1, width)


def simulate(seed: int, voices: Voices, held_out: bool = False) -> tuple[Stream, list[np.ndarray]]:
    """One stream, the same for the same seed, and its two microphones' sound f32 at 16 kHz.

    `held_out` draws speeds, gaps and response rates outside the ranges of the training streams.
    """
    random = np.random.default_rng([seed, 78])
    kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
    persons = [Person(random, voices, STREAM_S, held_out) for _ in range(2)]
    lay_turns(random, kind, persons, held_out)
    turns = [p.turns for p in persons]
    both = talks([p.voice() for p in persons], turns, [p.cues for p in persons])
    style = np.stack([held(random, np.arange(len(STYLES)), np.full(4, 0.25), 16) for _ in range(2)])
    emotion = moods(random, sorted(t for spans in turns for span in spans for t in span))
    facing = np.repeat(held(random, np.arange(2), np.array([0.25, 0.75]), 14)[None], 2, 0)
    if random.random() < 0.2:
        facing[1] = held(random, np.arange(2), np.array([0.25, 0.75]), 14)
    relationship = int(random.choice(6, p=FIGURES["relationship"][0]))
    acts = plan(random, both, emotion, facing, FIGURES["laughs against the mean"][0][relationship], held_out)
    lay_acts(persons, acts)
    own = [p.voice() for p in persons]
    made, heads, faces = [], [], []
    for i in (0, 1):
        ids = (style[i], style[1 - i], facing[i], emotion[i])
        made.append(expression(random, own[i], own[1 - i], *ids, acts[i]))
        heads.append(head_motion(random, both[i], both[1 - i], emotion[i], facing[i], acts[i]))
        faces.append(np.clip(mouth(own[i], style[i], emotion[i]) + made[i], 0, 1))
    phone = [frame_phones([(PHONE_ID[p], a, d) for p, a, d in v.segments], FRAMES) for v in own]
    mics = microphones(random, voices.source, persons)
    mel = np.stack([tick_rows(np.pad(m, (0, RATE_HZ // 4)), FRAMES + LOOKAHEAD, np.float32) for m in mics])
    segments = [
        np.array([(PHONE_ID[p], a, d) for p, a, d in person.segments], np.float32).reshape(-1, 3) for person in persons
    ]
    stream = Stream(
        mel.astype(np.float16),
        np.stack(faces).astype(np.float16),
        np.stack(phone).astype(np.uint8),
        style.astype(np.uint8),
        facing.astype(np.uint8),
        emotion.astype(np.uint8),
        np.stack(heads).astype(np.float16),
        np.stack(made).astype(np.float16),
        np.stack([v.level_db for v in own]).astype(np.float32),
        np.stack([v.usual_db for v in own]).astype(np.float32),
        *segments,
        np.array(relationship, np.uint8),
        np.array(kind),
        rows(turns, 3),
        rows([a.responses for a in acts], 4),
        rows([a.laughs for a in acts], 5),
        rows([a.nods for a in acts], 4),
        rows([a.shakes for a in acts], 4),
        rows([a.smiles for a in acts], 4),
        rows([[(o, s) for o, s, _ in a.onsets] for a in acts], 3),
    )
    return stream, [np.asarray(m, np.float32) for m in mics]


def folder() -> Path:
    """Where streams and tokens lie; $DUOLOGUE_CORPUS names another corpus of the same layout."""
    path = cache_folder() / os.environ.get("DUOLOGUE_CORPUS", f"conversation-{VERSION}")
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(path: Path, stream: Stream | dict[str, np.ndarray]) -> None:
    """Write a stream, or arrays that lie beside it, whole or not at all."""
    arrays = stream if isinstance(stream, dict) else {f.name: getattr(stream, f.name) for f in fields(stream)}
    # Without .npz at its end no one takes a part for a whole.
    partial_path = path.with_suffix(".part")
    with open(partial_path, "wb") as file:
        np.savez(file, **arrays)
    partial_path.rename(path)


_VOICES: dict[str, Voices] = {}


def _build_one(part: str, index: int) -> None:
    path = folder() / f"{part}-{index:04d}.npz"
    if path.exists():
        return
    if part not in _VOICES:
        _VOICES[part] = voices_of(part)
    stream, mics = simulate(zlib.crc32(f"{part} {index} {VERSION}".encode()), _VOICES[part], part == "test")
    if part == "test":
        for name, mic in zip("ab", mics, strict=True):
            soundfile.write(path.with_suffix(f".{name}.wav"), mic, RATE_HZ)
    write(path, stream)


def build(part: str, count: int, jobs: int = 1) -> None:
    """Simulate the streams of a part that are not in the cache yet."""
    with ProcessPoolExecutor(jobs, initializer=partial(torch.set_num_threads, 1)) as pool:
        for done, _ in enumerate(pool.map(partial(_build_one, part), range(count), chunksize=4), 1):
            if done % 100 == 0:
                print(f"{part}: {done} of {count} streams", flush=True)


def _face_again(path: Path) -> None:
    with np.load(path) as file:
        stream = {key: file[key] for key in file.files}
    stream["face"] = stored_face(stream)
    write(path, stream)


def faces_again(jobs: int = 1) -> None:
    """Make the faces of all streams again from their phones, levels and expression: after a change of lips.py."""
    paths = sorted(folder().glob("*-????.npz"))
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(_face_again, paths, chunksize=8))
    print(f"{len(paths)} faces made again")


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
    with mixed("cpu"):
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
    # The first of every part come first: trainings may begin before all are there.
    paths = sorted(folder().glob("*-????.npz"), key=lambda path: (path.stem[-4:], path.stem))
    for path in paths:
        if not (target / f"{path.stem}.npy").exists():
            encoder.train(path.stem.startswith("train"))
            with np.load(path) as file:
                tokens = encode_stream(encoder, file["mel"])
            with open(target / f"{path.stem}.part", "wb") as file:
                np.save(file, tokens)
            (target / f"{path.stem}.part").rename(target / f"{path.stem}.npy")
    print(f"{len(paths)} streams encoded to {target}")


def load_part(part: str, tokens: str) -> dict[str, np.ndarray]:
    """Arrays of a part stacked over its streams: token [S, 2, n, 256] f16, face [S, 2, n, 51] f16, ids [S, 2, n]."""
    paths = [p for p in sorted(folder().glob(f"{part}-????.npz")) if (folder() / tokens / f"{p.stem}.npy").exists()]
    if not paths:
        raise FileNotFoundError(f"no streams of {part} in {folder()}: run training/corpus_conversation.py first")
    out: dict[str, list[np.ndarray]] = {"token": []}
    for path in paths:
        with np.load(path) as file:
            # A recorded person may lack a face.
            if np.isnan(file["face"]).any():
                continue
            out["token"].append(np.load(folder() / tokens / f"{path.stem}.npy"))
            for key in ("face", "phone", "style", "facing", "emotion"):
                out.setdefault(key, []).append(file[key])
    return {key: np.stack(values) for key, values in out.items()}


def main() -> None:
    """Command line: build the streams, then encode them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=1500, help="training streams of 48 s")
    parser.add_argument("--val", type=int, default=24)
    parser.add_argument("--test", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=1, help="processes that simulate")
    parser.add_argument("--encoder", help="checkpoint or .safetensors; default: the newest training run")
    parser.add_argument("--tokens", default="tokens", help="name of the token set")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens-only", action="store_true")
    parser.add_argument("--streams-only", action="store_true")
    parser.add_argument("--faces-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.faces_only:
        faces_again(options.jobs)
        return
    if not options.tokens_only:
        for part, count in (("val", options.val), ("test", options.test), ("train", options.streams)):
            build(part, count, options.jobs)
    if not options.streams_only:
        encode(options.encoder or str(cache_folder() / "runs/speech-encoder/checkpoint.pt"), options.tokens)


if __name__ == "__main__":
    main()
