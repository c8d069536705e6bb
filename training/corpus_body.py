"""The bodies of the conversation corpus: both persons' lower body, upper body, head and place for every cached stream.

    python corpus_body.py                      # writes $DUOLOGUE_CACHE/conversation/body/<stream>.npz
    python measure_body.py                     # prints the figures of what is there

Not captured: an animator's rules with published figures (the FIGURES tables here, in scenes, locomotion, gestures and
head_motion), seeded per stream, driven by the phones, levels and emotions of corpus_conversation. The features are
those of the body networks; the head is what the two-person network's codes learn. Frames at 30/s, metres, rad.
"""

from __future__ import annotations

import argparse
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from arms import Arms, plan_arms, solve_arms
from body_skeleton import BONES, UPPER, apply, matrix
from body_style import Style, draw_style
from corpus_conversation import folder, write
from gestures import Stroke
from head_motion import DEGREE, Talk, head_motion, poses
from interplay import talks
from locomotion import RATE_HZ, ahead_of, left_of, lower_body, minimum_jerk, slow_noise
from phones import PHONES, SILENCE
from rests import rest_schedule
from scenes import FIGURES as SCENES, Scene, lay_scene
from stage import WALK, bearing_of
from upper_face import Voice, phrases

FIGURES = {
    # what: (value, source)
    "posture shift every s": ((18.0, 50.0), "at turn boundaries, 20-60 s; Cassell 2001"),
    "copies a posture": (0.5, "share chosen here; Chartrand & Bargh 1999"),
    "copies after s": ((2.0, 4.0), "Chartrand & Bargh 1999"),
}
"""Posture and breath; textbook priors."""

# Emotion groups: lean ahead (degrees), shoulders up (rad), chest opened (degrees).
EMOTION_LEAN = np.array([0.0, -3.5, -3.0, 3.0, 1.5, -1.0, 4.0])
EMOTION_SHOULDERS = np.array([0.0, 0.06, 0.11, 0.0, -0.01, 0.02, 0.03])
EMOTION_OPEN = np.array([0.0, 2.0, -4.0, 0.5, -4.0, 4.5, -1.5])


def voice_of(phone: np.ndarray, mel: np.ndarray) -> Voice:
    """Phones and levels of one person of a stored stream: phone [n], mel [ticks, 2, 80] (tick k ends at frame k)."""
    n = len(phone)
    edges = np.flatnonzero(np.diff(phone)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [n]])
    segments = [(PHONES[phone[a]], a / RATE_HZ, (b - a) / RATE_HZ) for a, b in zip(starts, ends)]
    # Log-mel rows are (ln power + 10) / 5.
    loud = mel[: n + 1].astype(np.float32).mean((1, 2)) * 5 * 4.343
    level = 0.5 * (loud[:n] + loud[1 : n + 1])
    spoken = phone != SILENCE
    usual = np.full(n, np.median(level[spoken]) + 2.0 if spoken.any() else level.max())
    return Voice(segments, level, usual)


def turns_of(voices: list[Voice]) -> list[list[tuple[float, float]]]:
    """Turns of both persons: phrases between which the other says nothing of length."""
    out = []
    runs = [phrases(v.segments) for v in voices]
    for i in (0, 1):
        turns: list[list[float]] = []
        for a, b in runs[i]:
            between = [1 for c, d in runs[1 - i] if turns and c < a and d > turns[-1][1] and d - c > 0.6]
            if turns and a - turns[-1][1] < 1.2 and not between:
                turns[-1][1] = b
            else:
                turns.append([a, b])
        out.append([(a, b) for a, b in turns])
    return out


def breathing(random: np.random.Generator, talk: Talk, frames: int, per_minute: float) -> np.ndarray:
    """How full the lungs are, 0..1 [n]: `per_minute` at rest, quick in-breaths at the pauses of speech."""
    marks: list[tuple[float, float, float]] = []
    mean = 60 / per_minute
    starts = [a for i, (a, _) in enumerate(talk.phrases) if i == 0 or a - talk.phrases[i - 1][1] > 0.25]
    at = random.uniform(0.3, mean) - mean + 1.5
    while at < frames / RATE_HZ:
        soon = [s for s in starts if at < s - 0.3 < at + 1.35 * mean]
        busy = talk.speaking[np.clip(int((at + 0.6) * RATE_HZ), 0, frames - 1)]
        if soon and (busy or soon[0] - at < mean):
            quick = random.uniform(0.35, 0.55)
            marks.append((soon[0] - quick - 0.02, quick, random.uniform(0.8, 1.15)))
            at = soon[0] + 0.4
            continue
        at += mean * np.exp(0.16 * random.standard_normal())
        marks.append((at, random.uniform(1.2, 1.7), random.uniform(0.6, 0.9)))
    marks.insert(0, (-1.0 - random.uniform(0, 1.5), 1.4, 0.8))
    out = np.zeros(frames)
    t = np.arange(frames) / RATE_HZ
    value = 0.2
    for i, (start, rise, size) in enumerate(marks):
        end = marks[i + 1][0] if i + 1 < len(marks) else start + mean
        k = (t >= start) & (t < end)
        fall = max(end - start - rise, 0.3)
        up = value + (size - value) * minimum_jerk((t[k] - start) / rise)
        down = 1 - 0.92 * minimum_jerk((t[k] - start - rise) / (1.05 * fall))
        out[k] = up * down
        value = out[k][-1] if k.any() else value
    return gaussian_filter1d(out, 3)


def _posture(
    random: np.random.Generator, moments: list[float], sitting: np.ndarray
) -> tuple[list[tuple[float, float]], np.ndarray]:
    """When the trunk changes its pose and to what: degrees of pitch, turn, tilt [k, 3]."""

    n = len(sitting)

    def draw(at: float) -> np.ndarray:
        seated = sitting[np.clip(int(at * RATE_HZ) + 40, 0, n - 1)] > 0.5
        pitch = random.choice([-5.0, 1.0, 8.0], p=[0.3, 0.4, 0.3]) if seated else 1.0
        return np.array([pitch, 0, 0]) + random.normal(0, (2.0, 3.0, 1.6))

    changes, to, due = [], [draw(-1.0)], random.uniform(4, 25)
    moments = sorted([*moments, *(np.flatnonzero(np.diff(sitting > 0.5)) / RATE_HZ)])
    for at in moments:
        if at >= due and at < n / RATE_HZ - 2:
            changes.append((at + random.uniform(-0.4, 0.3), random.uniform(0.9, 1.8)))
            to.append(draw(at))
            due = at + random.uniform(*FIGURES["posture shift every s"][0])
    return changes, np.stack(to)


def upper_body(
    random: np.random.Generator,
    arms: Arms,
    trunk: np.ndarray,
    pelvis: np.ndarray,
    breath: np.ndarray,
    swing: np.ndarray,
    emotion: np.ndarray,
    seated: np.ndarray,
    crossed: np.ndarray,
) -> np.ndarray:
    """Upper features [n, 47]; trunk [n, 3] = wanted pitch, turn, tilt of the upper chest (rad) against the facing."""
    n = len(trunk)
    left, right = arms.course[0], arms.course[1]
    reach = arms.raised * np.stack([left[:, 2], right[:, 2]])
    trunk = trunk.copy()
    # The trunk goes with the arms: turns behind the hand that reaches, dips a little with the beats.
    trunk[:, 1] += gaussian_filter1d(0.16 * (reach[1] - reach[0]), 3)
    trunk[:, 0] += gaussian_filter1d(0.012 * np.maximum(*arms.beat) + 0.05 * reach.max(0), 2)
    rest = trunk - pelvis
    out = np.zeros((n, UPPER))
    open_up = gaussian_filter1d(EMOTION_OPEN[emotion] * DEGREE, 18)
    full = breath - 0.4
    for i, share in enumerate((0.34, 0.34, 0.32)):
        out[:, 3 * i : 3 * i + 3] = rest * share
    out[:, 0] += 0.010 * full
    out[:, 3] -= 0.5 * open_up
    out[:, 6] -= 0.028 * full + 0.5 * open_up
    chest = matrix(pelvis)
    place = apply(chest, BONES["spine"][1])
    for i, bone in enumerate(("chest", "upperChest", None)):
        chest = chest @ matrix(out[:, 3 * i : 3 * i + 3])
        if bone:
            place = place + apply(chest, BONES[bone][1])
    shoulders = gaussian_filter1d(EMOTION_SHOULDERS[emotion], 15) + 0.035 * full
    out[:, 9:33], out[:, 33:] = solve_arms(random, arms, chest, place, swing, shoulders, seated, crossed)
    return out


def placement(root: np.ndarray) -> np.ndarray:
    """Features [2, n, 6] of where the partner is: x, z in one's facing frame, distance, sin and cos of the yaw
    difference, 1 / max(distance, 0.3); root [2, n, 3]."""
    out = []
    for i in (0, 1):
        to, yaw = root[1 - i, :, :2] - root[i, :, :2], root[i, :, 2]
        far, turned = np.linalg.norm(to, axis=1), root[1 - i, :, 2] - yaw
        x, z = np.sum(to * left_of(yaw), 1), np.sum(to * ahead_of(yaw), 1)
        out.append(np.stack([x, z, far, np.sin(turned), np.cos(turned), 1 / np.maximum(far, 0.3)], -1))
    return np.stack(out)


@dataclass
class Bodies:
    """A stream's arrays by name and what they were made from: strokes and talk per person, the scene."""

    arrays: dict[str, np.ndarray]
    strokes: list[list[Stroke]]
    talk: list[Talk]
    scene: Scene
    touches: list[list[Stroke]]
    styles: list[Style]


def animate(
    seed: int,
    phone: np.ndarray,
    mel: np.ndarray,
    emotion: np.ndarray,
    facing: np.ndarray,
    kind: str | None = None,
    held_out: bool = False,
) -> Bodies:
    """Both persons' bodies; phone, emotion, facing [2, n], mel [2, ticks, 2, 80]; `kind` forces a kind of scene and
    `held_out` draws persons and places from ranges that training does not use."""
    random = np.random.default_rng([seed, 91])
    n = phone.shape[1]
    voices = [voice_of(phone[i], mel[i]) for i in (0, 1)]
    talk = talks(voices, turns_of(voices), [[], []])
    relationship = int(random.choice(6, p=SCENES["relationship"][0]))
    styles = [draw_style(random, relationship, held_out) for _ in (0, 1)]
    scene = lay_scene(random, n, talk, styles, relationship, kind)
    boundaries = sorted([a for t in talk for a, _ in t.turns] + [b for t in talk for _, b in t.turns])
    boundaries = boundaries + [float(a) for a in np.arange(1, n / RATE_HZ, 9.0) if not boundaries]
    sitting = [p.sitting for p in scene.plans]
    postures = [_posture(random, boundaries, sitting[i]) for i in (0, 1)]
    trunks = []
    for i in (0, 1):
        changes, to = list(postures[i][0]), list(postures[i][1])
        for (at, length), pose in zip(postures[1 - i][0], postures[1 - i][1][1:]):
            if random.random() < FIGURES["copies a posture"][0] and sitting[0].mean() == sitting[1].mean():
                changes.append((at + random.uniform(*FIGURES["copies after s"][0]), length * 1.1))
                to.append(pose * (0.6, -0.7, -0.7))
        order = np.argsort([c[0] for c in changes]) if changes else []
        trunks.append(poses(random, n, [changes[k] for k in order], np.stack([to[0], *[to[k + 1] for k in order]])))

    roots, lowers, uppers, heads, strokes = [], [], [], [], []
    breaths, feet, touches = [], [], []
    for i in (0, 1):
        plan, breath = scene.plans[i], breathing(random, talk[i], n, styles[i].breaths)
        trunk = trunks[i] * DEGREE
        trunk[:, 0] += gaussian_filter1d(EMOTION_LEAN[emotion[i]] * DEGREE, 20)
        trunk[:, 0] += random.normal(1.0, 1.2) * DEGREE
        for axis, spread in enumerate((0.5, 0.6, 0.35)):
            trunk[:, axis] += slow_noise(random, n, 0.05, 0.3, spread * DEGREE)
            trunk[:, axis] += slow_noise(random, n, 0.2, 0.8, 0.35 * DEGREE) * gaussian_filter1d(talk[i].level, 8)
        walking = gaussian_filter1d((scene.action[i] == WALK).astype(float), 8)
        trunk[:, 0] += 2.0 * DEGREE * walking
        seat = plan.sitting
        # Weight goes over the feet before the seat is left, and stays there while it is sought.
        trunk[:, 0] += random.uniform(0.5, 0.65) * 4 * seat * (1 - seat)
        pelvis = seat * (-9 * DEGREE + 0.55 * trunk[:, 0]) + (1 - seat) * (1.5 * DEGREE + 0.35 * trunk[:, 0])
        lower, root, foot = lower_body(random, plan, pelvis, breath)
        roots.append(root), lowers.append(lower), breaths.append(breath), feet.append(foot)
        trunks[i] = trunk
    for i in (0, 1):
        bearing = np.clip(bearing_of(roots[i], roots[1 - i]), -1.2, 1.2)
        seat, trunk = scene.plans[i].sitting, trunks[i]
        trunk[:, 1] += gaussian_filter1d(0.38 * bearing, 20)
        pelvis = lowers[i][:, 4:7]
        trunk[:, 2] -= 0.1 * pelvis[:, 2]
        rests = rest_schedule(random, styles[i], seat, scene.action[i] == WALK, emotion[i], boundaries)
        rising = np.convolve((seat > 0) & (seat < 1), np.ones(31), "same") > 0
        arms = plan_arms(random, styles[i], talk[i], talk[1 - i], emotion[i], rests, rising)
        step = np.sum((feet[i].place[0] - feet[i].place[1]) * ahead_of(roots[i][:, 2]), -1)
        walking = gaussian_filter1d((scene.action[i] == WALK).astype(float), 10)
        ahead = gaussian_filter1d(-step, 3) * walking
        hanging = np.stack([np.clip(arms.course[s][:, 0] - 0.12, 0, 0.1) / 0.1 for s in (0, 1)], -1)
        swing = np.stack([0.32 * ahead, -0.32 * ahead], -1) * hanging * (0.85, 1.0)
        trunk[:, 1] += 0.10 * ahead
        seated, crossed = np.clip((seat - 0.6) / 0.3, 0, 1), scene.plans[i].crossed().max(0)
        uppers.append(upper_body(random, arms, trunk, pelvis, breaths[i], swing, emotion[i], seated, crossed))
        heads.append(head_motion(random, talk[i], talk[1 - i], emotion[i], facing[i]))
        strokes.append([s for s in arms.strokes if not s.touch])
        touches.append([s for s in arms.strokes if s.touch])
    root = np.stack(roots)
    arrays = {
        "lower": np.stack(lowers).astype(np.float32),
        "upper": np.stack(uppers).astype(np.float32),
        "head": np.stack(heads).astype(np.float32),
        "root": root.astype(np.float32),
        "action": scene.action,
        "relationship": np.full(n, scene.relationship, np.uint8),
        "placement": placement(root).astype(np.float32),
    }
    return Bodies(arrays, strokes, talk, scene, touches, styles)


def bodies_folder() -> Path:
    """Where the bodies lie."""
    path = folder() / "body"
    path.mkdir(parents=True, exist_ok=True)
    return path


def animate_stream(path: Path, kind: str | None = None, take: int = 0) -> Bodies:
    """`animate` for a stored stream; another `take` is another scene by other persons to the same talk."""
    with np.load(path) as file:
        phone, mel, emotion, facing = (file[k] for k in ("phone", "mel", "emotion", "facing"))
    held_out = path.stem.startswith("test")
    name = f"{path.stem} {take}" if take else path.stem
    return animate(zlib.crc32(name.encode()), phone, mel, emotion, facing, kind, held_out)


ORDER = ("train", "val", "test")


def _build_one(path: Path) -> None:
    write(bodies_folder() / path.name, animate_stream(path).arrays)


def build(anew: bool = False, jobs: int = 1) -> None:
    """Write the bodies of all streams that have none yet (or of all), the training part first."""
    paths = [p for part in ORDER for p in sorted(folder().glob(f"{part}-[0-9][0-9][0-9][0-9].npz"))]
    paths = [path for path in paths if anew or not (bodies_folder() / path.name).exists()]
    with ProcessPoolExecutor(jobs) as pool:
        for done, _ in enumerate(pool.map(_build_one, paths, chunksize=4), 1):
            if done % 200 == 0:
                print(f"{done} of {len(paths)} streams", flush=True)
    print(f"{len(paths)} streams written to {bodies_folder()}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anew", action="store_true", help="also streams that have bodies already")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    build(options.anew, options.jobs)


if __name__ == "__main__":
    main()
