"""What listener and bodies are measured on: held-out simulated talk and the telephone call.

Frames at 30/s; n frames, 2 persons. Everything made here is seeded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

import corpus_body
import corpus_conversation
import corpus_speech
from body import ACTIONS, RELATIONSHIPS
from dim import FACE_INDEX
from evaluation.jobs import Job
from evaluation.metrics import FPS, runs
from evaluation.setting import data_folder
from phones import SILENCE
from stage import bearing_of
from upper_face import accents

EMOTIONS = ("neutral", "surprise", "fear", "social", "self", "positive", "negative")
"""Names of the command line's `--emotion`, in the order of the ids."""

FEW = 12
"""Talks to copy from that are made where the training corpus is absent."""
TURNING_S, PHRASE_S, PAUSE_S = 0.3, 0.7, 0.2
LEVEL_FRAME_S, LOUD_RANGE_DB, SHORTEST_BURST_S, SHORTEST_GAP_S = 0.01, 28.0, 0.1, 0.2


@dataclass(frozen=True)
class Scene:
    """A simulated talk. motion [2, n, 24] as the two-person network's, lower [2, n, 27], upper [2, n, 47], root
    [2, n, 3] or None without bodies, mel [2, ticks, 2, 80], ids [2, n]; sounds where it is held out."""

    name: str
    mel: np.ndarray
    motion: np.ndarray
    phone: np.ndarray
    style: np.ndarray
    emotion: np.ndarray
    relationship: int
    bodies: dict[str, np.ndarray] | None
    sounds: tuple[Path, Path] | None

    @property
    def frames(self) -> int:
        """Frames of the talk."""
        return self.motion.shape[1]

    def options(self, other: Scene | None = None) -> tuple[str, ...]:
        """This talk's conditions for the command line, which keeps them for its whole length; with `other`, person B
        comes from there."""
        pair = (self, other or self)
        style, emotion = (
            ",".join(names[_most(getattr(scene, ids)[p])] for p, scene in enumerate(pair))
            for ids, names in (("style", "0123"), ("emotion", EMOTIONS))
        )
        found = ["--style", style, "--emotion", emotion, "--relationship", RELATIONSHIPS[self.relationship]]
        if self.bodies:
            actions = (ACTIONS[_most((scene.bodies or self.bodies)["action"][p])] for p, scene in enumerate(pair))
            found += ["--action", ",".join(actions), "--placement", self._placement()]
        return tuple(found)

    def job(self) -> Job:
        """The talk's sounds under its conditions."""
        return Job(*self.sounds, self.options())

    def stress(self, person: int) -> np.ndarray:
        """Times (s) of the stressed vowels of a person."""
        return np.array([start for start, _, _ in accents(corpus_body.voice_of(self.phone[person], self.mel[person]))])

    def _placement(self) -> str:
        if (self.bodies["action"][:, 0] == ACTIONS.index("sit")).all():
            return "seated"
        off = float(np.abs(bearings(self.bodies["root"][:, :60])).mean())
        return "vis-a-vis" if off < np.radians(22) else "l" if off < np.radians(57) else "side-by-side"


def _most(ids: np.ndarray) -> int:
    return int(np.bincount(np.ravel(ids)).argmax())


def bearings(root: np.ndarray) -> np.ndarray:
    """Where the partner is from one's own facing, rad [2, n], of root [2, n, 3] = x, z (m), yaw."""
    return np.stack([bearing_of(root[i], root[1 - i]) for i in (0, 1)])


def read_scene(path: Path) -> Scene:
    """A stream of the conversation corpus with its body and sounds where they lie beside it."""
    sounds = tuple(path.with_suffix(f".{side}.wav") for side in "ab")
    place = path.parent / "body" / path.name
    bodies = None
    if place.exists():
        with np.load(place) as file:
            bodies = {name: file[name] for name in ("lower", "upper", "head", "root", "action")}
    with np.load(path) as file:
        face = file["face"].astype(np.float32)
        head = (file["head"] if bodies is None else bodies["head"]).astype(np.float32)
        return Scene(
            path.stem,
            file["mel"],
            np.concatenate([face[..., FACE_INDEX], head], -1),
            file["phone"],
            file["style"],
            file["emotion"],
            int(file["relationship"]),
            bodies,
            sounds if all(sound.exists() for sound in sounds) else None,
        )


@contextmanager
def own_cache() -> Iterator[None]:
    """A cache beside the trainings', so that what only the evaluation made never becomes part of a corpus."""
    before = os.environ.get("DUOLOGUE_CACHE")
    os.environ["DUOLOGUE_CACHE"] = str(corpus_speech.cache_folder() / "evaluation")
    try:
        yield
    finally:
        if before is None:
            del os.environ["DUOLOGUE_CACHE"]
        else:
            os.environ["DUOLOGUE_CACHE"] = before


def make_speech(part: str) -> None:
    """The utterances that talks of a part are laid of: all of `test`, of `train` the recorded ones."""
    folder = corpus_speech.cache_folder() / "speech"
    folder.mkdir(exist_ok=True)
    data_folder()
    recorded, dc_tts = corpus_speech.kathleen(), corpus_speech.dc_tts()["test"]
    found = {f"kathleen.{part}": recorded[part]}
    if part == "test":
        found["dc-tts.test"] = dc_tts
        texts = sorted({u.text for u in [*recorded["test"], *dc_tts]})
        # Counts and seed are the corpus's own: the draws depend on them.
        jobs = corpus_speech.synthetic_jobs(texts, texts, 560, 2000, 1)
        found |= {name: [u for job in jobs[name] for u in job()] for name in jobs if name.endswith(".test")}
    for name, utterances in found.items():
        if not (folder / f"{name}.npz").exists():
            corpus_speech.save_utterances(folder / f"{name}.npz", utterances)


def scenes(part: str, count: int) -> list[Scene]:
    """The first streams of a part with bodies: the corpus's, or where it lacks them ones made in a cache of its own."""
    if len(in_corpus(part, count)) == count:
        return [read_scene(path) for path in in_corpus(part, count)]
    with own_cache():
        count = count if part == "test" else min(count, FEW)
        folder = corpus_conversation.folder()
        if not all((folder / f"{part}-{i:04d}.npz").exists() for i in range(count)):
            print(f"  making {count} simulated talks ({part})", file=sys.stderr)
            make_speech(part)
            corpus_conversation.build(part, count)
        for i in range(count):
            body, stream = (home / f"{part}-{i:04d}.npz" for home in (corpus_body.bodies_folder(), folder))
            if not body.exists():
                corpus_conversation.write(body, corpus_body.animate_stream(stream).arrays)
        return [read_scene(path) for path in in_corpus(part, count)]


def in_corpus(part: str, count: int) -> list[Path]:
    """The first streams of a part that have bodies and, where they are for tests, sounds."""
    folder = corpus_conversation.folder()
    paths = [folder / f"{part}-{i:04d}.npz" for i in range(count)]
    sounds = ("a.wav", "b.wav") if part == "test" else ()
    with_all = [p for p in paths if all(p.with_suffix(f".{s}").exists() for s in sounds)]
    return [p for p in with_all if p.exists() and (folder / "body" / p.name).exists()]


def speaking(phone: np.ndarray) -> np.ndarray:
    """True [..., n] within phrases: phones, and pauses of less than PAUSE_S between them."""
    return closed(phone != SILENCE, round(PAUSE_S * FPS))


def closed(mask: np.ndarray, longest: int) -> np.ndarray:
    """A mask [..., n] with its inner gaps shorter than `longest` filled."""
    out = mask.copy()
    for row, into in zip(mask.reshape(-1, mask.shape[-1]), out.reshape(-1, mask.shape[-1]), strict=True):
        for gap in runs(~row):
            if gap.start > 0 and gap.stop < len(row) and gap.stop - gap.start < longest:
                into[gap] = True
    return out


def listening(speech: np.ndarray) -> np.ndarray:
    """True [n] where a person neither speaks (mask [n]) nor is TURNING_S from it."""
    width = 2 * round(TURNING_S * FPS) + 1
    return np.convolve(speech, np.ones(width), "same") < 0.5


def phrase_ends(speech: np.ndarray) -> np.ndarray:
    """Frames at which phrases of at least PHRASE_S in a mask [n] have ended."""
    found = [run for run in runs(speech) if run.stop - run.start >= PHRASE_S * FPS and run.stop < len(speech)]
    return np.array([run.stop for run in found], int)


def voice_activity(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Speech by energy alone, true [m] in frames of 10 ms: within 28 dB of the 95th percentile of the loud frames."""
    width = round(LEVEL_FRAME_S * rate_hz)
    power = (samples[: len(samples) // width * width].reshape(-1, width).astype(np.float64) ** 2).mean(1)
    level = 10 * np.log10(power + 1e-12)
    loud = level > np.percentile(level[power > 0], 95) - LOUD_RANGE_DB if (power > 0).any() else power > 0
    loud = closed(loud, round(SHORTEST_GAP_S / LEVEL_FRAME_S))
    for run in runs(loud):
        if run.stop - run.start < SHORTEST_BURST_S / LEVEL_FRAME_S:
            loud[run] = False
    return loud


def at_frames(activity: np.ndarray, frames: int) -> np.ndarray:
    """Speech [m] in frames of 10 ms at `frames` motion frames."""
    k = np.minimum((np.arange(frames) / FPS / LEVEL_FRAME_S).astype(int), len(activity) - 1)
    return activity[k]


def call() -> tuple[list[np.ndarray], int]:
    """Both sides of the telephone call, floats [N], and its rate in Hz."""
    folder = data_folder() / "calls"
    sides = [soundfile.read(folder / f"auto_repairs_40_{name}.flac", dtype="float32") for name in ("agent", "caller")]
    return [samples for samples, _ in sides], sides[0][1]
