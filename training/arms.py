"""Arms over time: gesture phrases and rests as minimum-jerk moves between poses, beats, and the solving into bones.

Shapes: n = frames at 30/s. Courses are poses of gestures.py, [n, 21] per arm, left arm first, each in its own mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from body_skeleton import MIRROR, apply, matrix, solve_arm, transposed
from body_style import Style
from gestures import FIGURES, SHOULDER, TEMPO, Made, Stroke, given_up, make_stroke, plan_strokes, plan_touches
from hand_poses import ANCHOR, BODY, CHEST, CHEST_OVER_HIPS, FINGERS, LIFT, POLE, POSE, WRIST
from head_motion import Talk
from locomotion import RATE_HZ, minimum_jerk, slow_noise
from rests import Rest, draw_rest


STAYS_UP_S, HALF_DOWN_S = 2.0, 5.0
"""Before another stroke of the same turn within this, hands stay where they are, or come down half way."""


class Arm:
    """One arm's course while it is written: moves of minimum jerk with holds between them."""

    def __init__(self, frames: int, start: np.ndarray):
        self.course = np.zeros((frames, POSE)) + start
        self.resting = np.ones(frames)
        self.free = -10.0
        self.to = start

    def move(self, start: float, end: float, to: np.ndarray, arc: np.ndarray | None = None) -> None:
        """Go to a pose between two times (s), by a small arc."""
        n = len(self.course)
        first, last = (max(int(np.ceil(at * RATE_HZ)), 0) for at in (start, end))
        if first >= n:
            return
        s = minimum_jerk((np.arange(first, min(last, n)) / RATE_HZ - start) / (end - start))[:, None]
        base = self.course[first].copy()
        # Between the back and the front a hand goes around the body.
        if base[2] * to[2] < -0.004 and min(base[2], to[2]) < -0.08:
            arc = np.array([0.26, -0.04, 0.0]) if max(base[1], to[1]) < 0.05 else np.array([0.30, -0.10, 0.22])
        elif abs(base[1] - to[1]) > 0.28 and max(base[1], to[1]) > 0.02:
            # Up to the head and down again it goes before the body, not past the shoulder.
            arc = np.array([0.05, -0.02, 0.20])
        self.course[first:last] = base + (to - base) * s
        if arc is not None:
            self.course[first:last, CHEST] += 4 * s * (1 - s) * arc
            self.course[first:last, BODY] += 4 * s * (1 - s) * arc
        self.course[last:] = to
        self.free, self.to = end, to

    def play(self, start: float, made: Made) -> None:
        """Write a stroke's course from `start - lead` to `start + length` (s) and stay at its end."""
        n = len(self.course)
        first, last = max(int(np.ceil((start - made.lead) * RATE_HZ)), 0), int(np.ceil((start + made.length) * RATE_HZ))
        if first < n:
            self.course[first:last] = made.course(np.arange(first, min(last, n)) / RATE_HZ - start)
            self.to = made.course(np.array([made.length]))[0]
            self.course[last:] = self.to
        self.free = start + made.length


def _rest_at(rests: list[Rest], at: float) -> Rest:
    return [r for r in rests if r.start <= at][-1]


def _write_arm(
    random: np.random.Generator,
    style: Style,
    frames: int,
    side: int,
    strokes: list[Stroke],
    rests: list[Rest],
    talk: Talk,
    partner: Talk,
) -> tuple[np.ndarray, np.ndarray, list[Stroke]]:
    """The course [n, 21] of one arm (0 left, 1 right), where it rests [n], and the strokes that found room."""
    arm = Arm(frames, rests[0].arms[side])
    done: list[Stroke] = []
    pending = rests[1:]
    floors = [(a, b, given_up(talk, partner, (a, b))) for a, b in talk.turns]

    def change_rests(until: float) -> None:
        while pending and pending[0].start < until:
            rest = pending.pop(0)
            start = max(rest.start + random.uniform(0, 0.25), arm.free)
            way = np.linalg.norm(rest.arms[side][BODY] - arm.to[BODY])
            length = random.uniform(0.8, 1.2) + 0.5 * max(way - 0.4, 0)
            if start + length < until:
                arm.move(start, start + length, rest.arms[side], np.array([0.03, 0.0, 0.04]) * min(way / 0.25, 1))

    for i, stroke in enumerate(strokes):
        made = make_stroke(random, style, stroke, side)
        if stroke.hands == 1:
            lag = random.uniform(0.0, 0.05) * (side if random.random() < 0.5 else 1 - side)
        else:
            lag = 0.0
        start = stroke.start + lag
        ready = start - made.lead
        way = np.linalg.norm(made.first[CHEST] - arm.to[CHEST])
        shortest, longest = FIGURES["preparation s"][0]
        tempo = TEMPO[stroke.emotion] * style.tempo
        length = np.clip(0.20 + way / 0.85, shortest, longest) * random.uniform(0.95, 1.15) / tempo
        change_rests(ready - length - 0.3)
        begin = max(ready - length, arm.free)
        if ready - begin < max(0.24, 0.16 + way / 1.25):
            continue
        arc = np.array([0.03, 0.01, 0.02]) * np.clip(way / 0.4, 0, 1.2) * random.uniform(0.3, 1.3)
        if ready - begin > 0.5 and random.random() < 0.35:
            # Ready a moment before the stress: a pre-stroke hold.
            arm.move(begin, ready - random.uniform(0.04, 0.12), made.first, arc)
        else:
            arm.move(begin, ready, made.first, arc)
        arm.play(start, made)
        done.append(stroke)
        following = strokes[i + 1].start - 0.1 if i + 1 < len(strokes) else 1e9
        back = random.uniform(*FIGURES["retraction s"][0])
        if stroke.touch:
            turn_end = leave = arm.free
        else:
            turn_end, floor = min(((b, f) for a, b, f in floors if b > stroke.start), default=(stroke.start,) * 2)
            lowest, highest = FIGURES["hold s"][0]
            leave = arm.free + random.uniform(lowest, highest)
            late = turn_end + random.uniform(-0.2, 0.35)
            if floor < turn_end:
                late = floor + random.uniform(*FIGURES["gives up the floor s"][0])
                turn_end = floor
            leave = max(min(leave, late), arm.free + 0.03)
        gap = following - arm.free
        first_frame, last_frame = int(max(begin, 0) * RATE_HZ), int((leave + back) * RATE_HZ)
        if following < turn_end and gap < STAYS_UP_S:
            arm.resting[first_frame : int(following * RATE_HZ)] = 0
            continue
        arm.resting[first_frame:last_frame] = 0
        if following < turn_end and gap < HALF_DOWN_S and random.random() < 0.9:
            half = draw_rest(random, leave, "half").arms[side]
            half[CHEST] = 0.35 * arm.to[CHEST] + 0.65 * half[CHEST]
            half[BODY] = half[CHEST] + CHEST_OVER_HIPS
            arm.move(leave, leave + 0.8 * back, half)
            arm.resting[first_frame : int(following * RATE_HZ)] = 0
        else:
            rest = _rest_at(rests, leave)
            pending = [r for r in pending if r.start > rest.start]
            back += 0.5 * max(float(np.linalg.norm(rest.arms[side][BODY] - arm.to[BODY])) - 0.35, 0)
            arm.move(leave, leave + back, rest.arms[side], np.array([0.02, 0.0, 0.03]))
    change_rests(frames / RATE_HZ + 9)
    return arm.course, gaussian_filter1d(arm.resting, 4), done


def _beats(random: np.random.Generator, n: int, talk: Talk, strokes: list[Stroke], raised: np.ndarray) -> np.ndarray:
    """Small two-phase beats [n] on accents that have no stroke of their own; raised [n] says how far hands are up."""
    out = np.zeros(n)
    for at, _, weight in talk.accents:
        if any(-0.35 < at - s.start < s.length + 0.3 for s in strokes) or random.random() < 0.35:
            continue
        length = random.uniform(*FIGURES["beat s"][0])
        start = at - random.uniform(0.02, 0.12)
        k = np.arange(max(int(start * RATE_HZ), 0), min(int((start + length) * RATE_HZ) + 1, n))
        if len(k) < 4:
            continue
        s = np.clip((k / RATE_HZ - start) / length, 0, 1)
        shape = np.sin(np.pi * s) ** 2
        size = np.clip(0.6 + 0.2 * weight, 0.4, 1.2) * random.uniform(0.6, 1.3)
        out[k] = np.maximum(out[k], size * shape * (0.15 + 0.85 * raised[k[0]]))
    return gaussian_filter1d(out, 1.0)


@dataclass
class Arms:
    """Both arms: courses [2, n, 21] (left, right), beats [2, n], how far each is from rest [2, n], strokes."""

    course: np.ndarray
    beat: np.ndarray
    raised: np.ndarray
    strokes: list[Stroke]
    rests: list[Rest]


def plan_arms(
    random: np.random.Generator,
    style: Style,
    talk: Talk,
    partner: Talk,
    emotion: np.ndarray,
    rests: list[Rest],
    busy: np.ndarray,
) -> Arms:
    """Gestures and rest of both arms of one person; no gesture begins where `busy` [n]."""
    n = len(emotion)

    def free(strokes: list[Stroke]) -> list[Stroke]:
        return [s for s in strokes if not busy[np.clip(int(s.start * RATE_HZ), 0, n - 1)]]

    strokes = free(plan_strokes(random, style, talk, partner, emotion))
    touches = free(plan_touches(random, style, emotion, strokes))
    strokes = sorted([*strokes, *touches], key=lambda s: s.start)
    courses, resting, done = [], [], []
    for side in (0, 1):
        own = [s for s in strokes if s.hands == 1 or (s.hands == 2) == (side == 0)]
        course, rest, kept = _write_arm(random, style, n, side, own, rests, talk, partner)
        courses.append(gaussian_filter1d(course, 1.0, axis=0, mode="nearest"))
        resting.append(rest)
        done += [s for s in kept if not any(s is d for d in done)]
    raised = 1 - np.stack(resting)
    beat = [_beats(random, n, talk, done, raised[s]) for s in (0, 1)]
    if random.random() < 0.7:
        # Clasped or resting hands beat together.
        calm = np.minimum(*resting)
        beat[1] = beat[1] + (0.9 * beat[0] - beat[1]) * calm
    return Arms(np.stack(courses), np.stack(beat), raised, sorted(done, key=lambda s: s.start), rests)


TRUNK_M = (0.165, 0.140)
"""Half width and half depth within which no wrist comes (chest space)."""
LAP_M = 0.062
"""Height over the hips that the palm of a sitting person keeps above the thighs."""
CROSSED_LAP_M = 0.14
"""As much higher where one leg lies over the other."""


def _below_lap(
    wrist: np.ndarray,
    bones: tuple,
    collar: np.ndarray,
    chest: np.ndarray,
    chest_place: np.ndarray,
    sign: np.ndarray,
    lap: np.ndarray,
) -> np.ndarray:
    """How far [n] (m) the palm or the wrist of a solved arm is below the lap, `lap` [n] m over the hips."""
    hand = matrix(collar) @ matrix(bones[0]) @ matrix(bones[1]) @ matrix(bones[2])
    out = np.zeros(len(wrist))
    for along in (0.0, 0.085, 0.13):
        point = wrist + along * hand[:, :, 0]
        point = chest_place + apply(chest, point * sign)
        over = np.clip((point[:, 2] - 0.02) / 0.10, 0, 1) * np.clip((0.26 - np.abs(point[:, 0])) / 0.05, 0, 1)
        out = np.maximum(out, (lap - point[:, 1]) * over)
    return out


def solve_arms(
    random: np.random.Generator,
    arms: Arms,
    chest: np.ndarray,
    chest_place: np.ndarray,
    swing: np.ndarray,
    shoulders: np.ndarray,
    seated: np.ndarray,
    crossed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Exp-maps [n, 24] of left shoulder .. right hand, and hands [n, 14].

    chest [n, 3, 3] and chest_place [n, 3]: the upper chest in the facing frame from the hips; swing [n, 2]: how far
    ahead (m) walking swings each hand; shoulders [n] lift of both (rad); seated and crossed (a leg over the other)
    [n] 0..1.
    """
    n = len(swing)
    # While a leg goes over the other its knee is highest; hands make room a little early.
    crossing = gaussian_filter1d(maximum_filter1d(crossed + 2.2 * crossed * (1 - crossed), 7), 2)
    lap = LAP_M + CROSSED_LAP_M * crossing
    joints, hands = [], []
    for side in (0, 1):
        sign = np.array([1.0, 1, 1]) if side == 0 else np.array([-1.0, 1, 1])
        course = arms.course[side]
        body = apply(transposed(chest), course[:, BODY] * sign - chest_place) * sign
        wrist = course[:, CHEST] + (body - course[:, CHEST]) * course[:, ANCHOR, None]
        wrist = wrist + np.stack([slow_noise(random, n, 0.08, 0.35, 0.0018) for _ in range(3)], -1)
        free = 1 - course[:, ANCHOR]
        drop = arms.beat[side] * (0.25 + 0.75 * free)
        wrist[:, 1] -= 0.030 * drop * arms.raised[side]
        wrist[:, 2] += 0.014 * drop * arms.raised[side]
        wrist[:, 2] += swing[:, side] * (1 - arms.raised[side])
        wrist[:, 1] += 0.35 * np.abs(swing[:, side]) * (1 - arms.raised[side])
        # Past the thigh that swings below it.
        wrist[:, 0] += np.minimum(0.25 * gaussian_filter1d(np.abs(swing[:, side]), 8), 0.025)
        # No wrist in the trunk: it is pushed out of an ellipse.
        wide, deep = TRUNK_M
        inside = np.hypot(wrist[:, 0] / wide, wrist[:, 2] / deep)
        out_of = 1 + (1 / np.clip(inside, 0.2, 1) - 1) * np.clip((0.12 - wrist[:, 1]) / 0.06, 0, 1)
        wrist[:, 0] *= out_of
        wrist[:, 2] *= out_of
        # And none in the shoulder, where an elbow would have nowhere to point.
        from_joint = wrist - SHOULDER
        near = np.linalg.norm(from_joint, axis=-1, keepdims=True)
        wrist = SHOULDER + from_joint * (np.maximum(near, 0.17) / np.maximum(near, 1e-6))
        angles = course[:, WRIST] + np.stack([slow_noise(random, n, 0.06, 0.3, 0.015) for _ in range(3)], -1)
        angles[:, 1] += 0.16 * drop
        far = np.clip((wrist[:, 2] - 0.30) / 0.12, 0, 1)
        lift = course[:, LIFT] + shoulders + 0.10 * np.clip((wrist[:, 1] + 0.10) / 0.12, 0, 1.5)
        collar = np.stack([np.zeros(n), -0.14 * far - 0.06 * arms.raised[side], lift], -1)
        bones = solve_arm(wrist, course[:, POLE], angles, collar)
        low = _below_lap(wrist, bones, collar, chest, chest_place, sign, lap) * seated
        if low.max() > 0:
            wrist = wrist + apply(transposed(chest), low[:, None] * np.array([0.0, 1.0, 0.25])) * sign
            bones = solve_arm(wrist, course[:, POLE], angles, collar)
        joints += [(e if side == 0 else e * MIRROR) for e in (collar, *bones)]
        hand = course[:, FINGERS].copy()
        curl = slow_noise(random, n, 0.05, 0.25, 0.018)
        hand[:, :5] += curl[:, None] * random.uniform(0.5, 1.3, 5) - 0.05 * drop[:, None]
        hands.append(np.clip(hand, (0, 0, 0, 0, 0, -1, 0), 1))
    return np.concatenate(joints, 1), np.concatenate(hands, 1)
