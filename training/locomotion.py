"""Feet, hips and legs: where the feet stand, how weight goes from one to the other, steps, walking, sitting.

A plan is a wanted root (x, z, yaw per frame) and the times in which the person walks; footsteps follow it, the hips
follow the feet that carry, and the legs are solved so that a foot in contact does not move. Frames at 30/s, metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from body_skeleton import ANKLE_M, BONES, LONGEST_LEG_M, LOWER, apply, exp_map, matrix, moves, solve_leg, turn

RATE_HZ = 30.0

FIGURES = {
    # what: (value, source)
    "weight shift every s": ((15.0, 60.0), "Duarte & Zatsiorsky 1999"),
    "sway Hz": ((0.2, 0.5), "Duarte & Zatsiorsky 1999"),
    "sway m, standard deviation": (0.004, "under 2 cm peak: Duarte & Zatsiorsky 1999"),
    "seconds per step": ((0.50, 0.58), "about two steps a second"),
    "hips of a sitting person m": (0.48, "seat of 0.40-0.42 m"),
}
"""The figures of this file; textbook priors."""

STANDING_HIPS_M = 0.921
KNEE_REACH_M = 0.8165
SOLE_AHEAD_M = 0.13
PEEL = 0.28
"""Share of a step during which only the heel rises."""
AHEAD_M, SEAT_BACK_M = 0.025, 0.40
"""Hips stand this far before the ankles, and sit this far behind where they would stand."""
CROSSING_S = 0.95
HANGING_M = np.array([-0.135, 0.245, 0.51])
"""Ankle of a leg that lies over the other: towards the other side, up, ahead, from under the hips."""
LONGEST_STEP_M = 0.72


@dataclass
class Stand:
    """How a person stands: half distance of the feet, turn-out per foot (rad), which foot is before the other (m)."""

    half: float
    out: tuple[float, float]
    stagger: float


@dataclass
class Plan:
    """Wanted root of the standing person [n, 3] (the seat is behind it), walking times (s), sitting 0..1 [n], weight on
    the left leg 0..1 [n], standing style."""

    want: np.ndarray
    walks: list[tuple[float, float]]
    sitting: np.ndarray
    weight: np.ndarray
    stand: Stand
    resteps: list[tuple[float, int, float, float, float]] = field(default_factory=list)
    """(start s, foot 0 left 1 right, change of its place to the side and ahead m, change of turn-out rad)."""
    crossings: list[tuple[float, float, int]] = field(default_factory=list)
    """(start s, end s, leg 0 left 1 right) in which one leg lies over the other while sitting."""
    sway: float = 1.0

    def crossed(self) -> np.ndarray:
        """How far each leg lies over the other, 0..1 [2, n]."""
        n = len(self.want)
        t, out = np.arange(n) / RATE_HZ, np.zeros((2, n))
        for start, end, leg in self.crossings:
            window = minimum_jerk((t - start) / CROSSING_S) * (1 - minimum_jerk((t - end) / CROSSING_S))
            out[leg] = np.maximum(out[leg], window)
        return out


def minimum_jerk(s: np.ndarray) -> np.ndarray:
    """The minimum-jerk course 0..1 of time s, clipped to 0..1."""
    s = np.clip(s, 0, 1)
    return s**3 * (10 - 15 * s + 6 * s * s)


def slow_noise(random: np.random.Generator, frames: int, low: float, high: float, spread: float) -> np.ndarray:
    """Noise [frames] between two frequencies (Hz) with the given standard deviation: never a fixed period."""
    total = max(frames + 300, 1200)
    f = np.fft.rfftfreq(total, 1 / RATE_HZ)
    band = np.exp(-0.5 * (np.log(np.maximum(f, 1e-3) / np.sqrt(low * high)) / (0.5 * np.log(high / low))) ** 2)
    band *= f > 0
    spectrum = band * (random.standard_normal(len(f)) + 1j * random.standard_normal(len(f)))
    out = np.fft.irfft(spectrum, total)
    return out[:frames] * (spread / out.std())


def left_of(yaw: np.ndarray) -> np.ndarray:
    """Direction (x, z) [..., 2] to the left of someone facing `yaw`."""
    return np.stack([np.cos(yaw), -np.sin(yaw)], -1)


def ahead_of(yaw: np.ndarray) -> np.ndarray:
    """Direction (x, z) [..., 2] in which someone with this yaw faces."""
    return np.stack([np.sin(yaw), np.cos(yaw)], -1)


def flat(direction: np.ndarray) -> np.ndarray:
    """Directions (x, z) [..., 2] as vectors [..., 3] on the floor."""
    return np.stack([direction[..., 0], np.zeros(direction.shape[:-1]), direction[..., 1]], -1)


@dataclass
class Feet:
    """Both feet over time: place [2, n, 2] (x, z of the ankle), yaw, height of the ankle, pitch and contact [2, n]."""

    place: np.ndarray
    yaw: np.ndarray
    height: np.ndarray
    pitch: np.ndarray
    contact: np.ndarray
    load: np.ndarray
    """0 while a foot cannot carry [2, n]."""


def _home(root: np.ndarray, foot: int, stand: Stand) -> np.ndarray:
    sign = 1.0 - 2.0 * foot
    x, z, yaw = root
    forward = -AHEAD_M + sign * stand.stagger
    place = np.array([x, z]) + sign * stand.half * left_of(yaw) + forward * ahead_of(yaw)
    return np.array([*place, yaw + sign * stand.out[foot]])


def _swing(feet: Feet, foot: int, start: float, length: float, to: np.ndarray, stride: float) -> None:
    """Write one step of a foot into the arrays: the heel leaves, the foot travels, lands flat and stays."""
    n = feet.yaw.shape[1]
    first = int(np.ceil(start * RATE_HZ))
    last = min(int(np.floor((start + length) * RATE_HZ)), n)
    if first >= n - 1 or last <= first + 3:
        return
    k = np.arange(first, last)
    s = (k / RATE_HZ - start) / length
    a = np.array([*feet.place[foot, first], feet.yaw[foot, first]])
    size = np.clip(stride / 0.5, 0, 1.2)
    # The heel peels off over the toes, then the foot travels, and it lands flat: way, pitch and height all start late.
    share = minimum_jerk((s - PEEL) / (0.97 - PEEL))[:, None]
    at = a + (to - a) * share
    heel, toe = 0.22 + 0.45 * size, 0.16 * size
    up = minimum_jerk(s / (PEEL + 0.14)) * (1 - minimum_jerk((s - PEEL - 0.14) / 0.42))
    pitch = heel * up - toe * np.sin(np.pi * np.clip((s - 0.6) / 0.4, 0, 1)) ** 2
    over = (0.012 + 0.03 * size) * np.sin(np.pi * np.clip((s - PEEL) / (1 - PEEL), 0, 1)) ** 2
    down = np.maximum(pitch, 0)
    lift = ANKLE_M * (np.cos(pitch) - 1) + SOLE_AHEAD_M * np.sin(down) + over
    rolled = (SOLE_AHEAD_M * (1 - np.cos(down)) + ANKLE_M * np.sin(down))[:, None] * ahead_of(at[:, 2])
    feet.place[foot, first:last], feet.place[foot, last:] = at[:, :2] + rolled, to[:2]
    feet.yaw[foot, first:last], feet.yaw[foot, last:] = at[:, 2], to[2]
    feet.height[foot, first:last] = ANKLE_M + np.maximum(lift, 0)
    feet.pitch[foot, first:last] = pitch
    feet.load[foot, first:last] = s < 0.8 * PEEL
    feet.contact[foot, first:last] = 0


def walk_feet(random: np.random.Generator, plan: Plan) -> Feet:
    """Footsteps that follow the plan's wanted root."""
    n = len(plan.want)
    still, down = np.zeros((2, n)), np.ones((2, n))
    feet = Feet(np.zeros((2, n, 2)), still, np.full((2, n), ANKLE_M), still.copy(), down, down.copy())
    for foot in (0, 1):
        home = _home(plan.want[0], foot, plan.stand)
        feet.place[foot], feet.yaw[foot] = home[:2], home[2]
    events: list[tuple[float, float, int, np.ndarray, float]] = []
    for start, end in plan.walks:
        step = random.uniform(*FIGURES["seconds per step"][0])
        way = plan.want[int(start * RATE_HZ) : int(end * RATE_HZ) + 1]
        length = np.linalg.norm(np.diff(way[:, :2], axis=0), axis=1).sum()
        turning = np.abs(np.diff(way[:, 2])).sum()
        count = max(2, int(np.ceil(max((end - start) / step, length / LONGEST_STEP_M, turning / 0.7))))
        step = (end - start) / count
        # Going to the left the left foot goes first.
        sideways = float((way[-1, :2] - way[0, :2]) @ left_of(way[0, 2])) + 0.3 * float(way[-1, 2] - way[0, 2])
        foot = int(sideways < 0) if abs(sideways) > 0.05 else int(random.integers(2))
        for i in range(count + 1):
            lands = start + step * (i + 0.9)
            ahead = min(lands + 0.55 * step, end) if i < count - 1 else end
            k = min(int(ahead * RATE_HZ), n - 1)
            swing = 1.12 * step * random.uniform(0.96, 1.04)
            events.append((lands - swing, swing, foot, _home(plan.want[k], foot, plan.stand), -1.0))
            foot = 1 - foot
    for start, foot, aside, forward, out in plan.resteps:
        events.append((start, random.uniform(0.5, 0.65), foot, np.array([aside, forward, out]), 0.1))
    for start, length, foot, to, small in sorted(events, key=lambda e: e[0]):
        k = min(max(int(np.ceil(start * RATE_HZ)), 0), n - 1)
        if small > 0:
            yaw = plan.want[k, 2]
            moved = feet.place[foot, k] + to[0] * left_of(yaw) + to[1] * ahead_of(yaw)
            to = np.array([*moved, feet.yaw[foot, k] + to[2]])
        stride = float(np.linalg.norm(to[:2] - feet.place[foot, k]))
        if stride < 0.03 and abs(to[2] - feet.yaw[foot, k]) < 0.06:
            continue
        _swing(feet, foot, start, length, to, stride)
    return feet


def lower_body(
    random: np.random.Generator, plan: Plan, lean: np.ndarray, breath: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Feet]:
    """Lower features [n, 27], root [n, 3] and the feet; lean [n] = pitch of the pelvis (rad), breath [n] 0..1."""
    n = len(plan.want)
    feet = walk_feet(random, plan)
    seat = plan.sitting[:, None]
    free = 1 - feet.load
    swinging = free.max(0) > 0
    weight = np.where(free[0] > 0, 0.02, np.where(free[1] > 0, 0.98, plan.weight))
    # A foot is free of weight a moment before it leaves and takes it a moment after it lands.
    carried = weight[:, None] * feet.place[0] + (1 - weight[:, None]) * feet.place[1]
    walking = np.zeros(n)
    for start, end in plan.walks:
        walking[max(int((start - 0.3) * RATE_HZ), 0) : int((end + 0.4) * RATE_HZ)] = 1
    walking = gaussian_filter1d(walking, 5)
    calm = gaussian_filter1d(carried, 0.26 * RATE_HZ, axis=0, mode="nearest")
    brisk = gaussian_filter1d(carried, 0.20 * RATE_HZ, axis=0, mode="nearest")
    yaw = gaussian_filter1d(plan.want[:, 2], 4, mode="nearest")
    # While walking the hips keep an even pace along the way; only across it do they follow the carrying foot.
    course = gaussian_filter1d(plan.want[:, :2], 3, axis=0, mode="nearest") - AHEAD_M * ahead_of(yaw)
    pace = gaussian_filter1d(np.gradient(plan.want[:, :2], axis=0) * RATE_HZ, 8, axis=0)
    pace = pace / (np.linalg.norm(pace, axis=1, keepdims=True) + 0.12)
    off = brisk - course
    course = course + off - 0.9 * np.sum(off * pace, 1, keepdims=True) * pace
    hips = calm + (course - calm) * walking[:, None]
    hips = hips + AHEAD_M * ahead_of(yaw)
    sway = FIGURES["sway m, standard deviation"][0] * plan.sway
    low, high = FIGURES["sway Hz"][0]
    swayed = np.stack([slow_noise(random, n, low, high, sway * f) for f in (0.8, 1.1)], -1)
    swayed *= (1 - 0.75 * seat) * (1 - 0.6 * walking[:, None])
    hips = hips + swayed[:, :1] * left_of(yaw) + swayed[:, 1:] * ahead_of(yaw)
    seated = plan.want[:, :2] - SEAT_BACK_M * ahead_of(yaw) + 0.4 * swayed
    root = np.concatenate([hips * (1 - seat) + seated * seat, yaw[:, None]], 1)

    across = gaussian_filter1d(np.where(swinging, 0.5 + 0.35 * (weight - 0.5), weight), 0.2 * RATE_HZ, mode="nearest")
    upright = 1 - plan.sitting
    roll = upright * (0.16 * (across - 0.5)) + 0.006 * slow_noise(random, n, 0.05, 0.2, 1)
    step_yaw = np.sum((feet.place[0] - feet.place[1]) * ahead_of(yaw), -1)
    twist = gaussian_filter1d(-0.22 * step_yaw, 3) * upright + upright * -0.06 * (across - 0.5)
    pelvis = np.stack([lean, twist, roll], -1)
    rotation = matrix(pelvis)
    world = turn(1, yaw) @ rotation

    joints = [apply(world, BONES["leftUpperLeg"][1] * (s, 1, 1)) for s in (1, -1)]
    high_enough = np.full(n, STANDING_HIPS_M)
    for foot in (0, 1):
        joint = np.stack([root[:, 0], root[:, 1]], -1) + joints[foot][:, [0, 2]]
        far = np.linalg.norm(feet.place[foot] - joint, axis=1)
        reach = np.sqrt(np.maximum(KNEE_REACH_M**2 - far**2, 0.05))
        high_enough = np.minimum(high_enough, feet.height[foot] + reach - joints[foot][:, 1])
    standing = gaussian_filter1d(minimum_filter1d(high_enough, 13, mode="nearest"), 2, truncate=3, mode="nearest")
    standing = standing - 0.0025 - 0.004 * np.abs(across - 0.5) - 0.0015 * (1 - breath)
    standing = standing + 0.0008 * slow_noise(random, n, 0.1, 0.4, 1)
    # The hips go back before they go down, and come up before they come forward.
    down = plan.sitting**1.25
    height = standing * (1 - down) + (FIGURES["hips of a sitting person m"][0] + 0.002 * breath) * down

    out = np.zeros((n, LOWER))
    out[:, :3] = moves(root)
    out[:, 3], out[:, 4:7] = height, exp_map(rotation)
    place = np.stack([root[:, 0], height, root[:, 1]], -1)
    splay = 0.10 + 0.06 * random.standard_normal(2)
    crossed = plan.crossed()
    for foot, sign in ((0, 1.0), (1, -1.0)):
        ankle = np.stack([feet.place[foot][:, 0], feet.height[foot], feet.place[foot][:, 1]], -1)
        over = crossed[foot]
        # Knees point where the feet point, a little drawn back to where the pelvis points.
        knee = 0.75 * feet.yaw[foot] + 0.25 * yaw + sign * splay[foot] * plan.sitting * (1 - over)
        pole = np.stack([np.sin(knee), 0.5 * plan.sitting + 1.6 * over, np.cos(knee)], -1)
        sole_yaw, sole_pitch = feet.yaw[foot], feet.pitch[foot]
        if over.any():
            aside, up, forward = HANGING_M * (sign, 1, 1) + random.normal(0, 0.012, 3)
            idle = np.stack([slow_noise(random, n, 0.1, 0.5, 0.007) for _ in range(3)], -1)
            hanging = place + aside * flat(left_of(yaw)) + forward * flat(ahead_of(yaw)) + idle
            hanging[:, 1] = up + idle[:, 1]
            ankle = ankle + (hanging - ankle) * over[:, None]
            ankle[:, 1] += 0.30 * over * (1 - over)
            ankle += (0.5 * over * (1 - over))[:, None] * flat(ahead_of(yaw))
            sole_yaw = sole_yaw + over * (yaw - 0.15 * sign - sole_yaw)
            sole_pitch = sole_pitch + over * (random.uniform(0.25, 0.55) + 4 * idle[:, 2])
        facing = turn(1, sole_yaw) @ turn(0, sole_pitch)
        at = 7 + 9 * foot
        upper, lower, sole = solve_leg(place, world, sign, ankle, facing, pole)
        out[:, at : at + 3], out[:, at + 3 : at + 6], out[:, at + 6 : at + 9] = upper, lower, sole
        far = np.linalg.norm(ankle - place - apply(world, BONES["leftUpperLeg"][1] * (sign, 1, 1)), axis=-1)
        out[:, 25 + foot] = feet.contact[foot] * (over <= 0) * (far < LONGEST_LEG_M)
    return out, root, feet


def travel(want: np.ndarray, start: float, end: float, to: np.ndarray) -> None:
    """Let the wanted root [n, 3] go to `to` between two times (s) at an even pace with soft ends, and stay there."""
    n = len(want)
    first, last = int(start * RATE_HZ), min(int(end * RATE_HZ), n)
    if first >= n:
        return
    s = (np.arange(first, last) - first) / max(last - first, 1)
    soft = min(0.45 / max(end - start, 0.9), 0.45)
    ramp = np.clip(s, 0, soft) ** 2 / (2 * soft) + np.clip(s - soft, 0, 1 - 2 * soft)
    late = np.clip(s - (1 - soft), 0, soft)
    course = (ramp + late - late**2 / (2 * soft)) / (1 - soft)
    base = want[first].copy()
    want[first:last] = base + (to - base) * course[:, None]
    want[last:] = to
