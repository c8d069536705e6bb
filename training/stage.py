"""The stage of a scene of the body corpus: two wanted roots over time, and how one steps, turns and walks on it.

Frames at 30/s, metres, rad. A move of a step or two is of someone who stands; longer ones are labelled as walking.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from body_style import Style
from locomotion import RATE_HZ, SEAT_BACK_M, ahead_of, minimum_jerk, travel

STAND, WALK, SIT = 0, 1, 2

CLEARANCE_M, RAMP_S = 0.75, 0.8
TURNING_RAD_S = 2.1
STEP_M = 0.62
"""A move up to this long is a step or two of someone who stands; a longer one is walked."""


def wrapped(angle: np.ndarray | float) -> np.ndarray | float:
    """An angle within -pi..pi."""
    return (np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi


def bearing_of(root: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where the other [n, 3] (x, z, yaw) is from one's own facing [n, 3], to the left positive [n]."""
    to = other[:, :2] - root[:, :2]
    return wrapped(np.arctan2(to[:, 0], to[:, 1]) - root[:, 2])


@dataclass
class Stage:
    """A scene while it is laid out: wanted roots [n, 3] and moves of both, labels of walking."""

    random: np.random.Generator
    styles: list[Style]
    wants: list[np.ndarray]
    off: np.ndarray
    distance: float
    walks: list[list[tuple[float, float]]] = field(default_factory=lambda: [[], []])
    action: np.ndarray = field(default_factory=lambda: np.zeros((2, 1), np.uint8))

    @property
    def seconds(self) -> float:
        """Length of the scene."""
        return len(self.wants[0]) / RATE_HZ

    def at(self, who: int, time: float) -> np.ndarray:
        """Where a person wants to be [3] at a time."""
        return self.wants[who][np.clip(int(time * RATE_HZ), 0, len(self.wants[who]) - 1)].copy()

    def moved(self, who: int, start: float, end: float, walking: bool) -> float:
        """Note a move, and label it."""
        self.walks[who].append((start, end))
        if walking:
            self.action[who, max(int((start - 0.1) * RATE_HZ), 0) : int((end + 0.35) * RATE_HZ)] = WALK
        return end

    def goal(self, who: int, time: float, turn: float = 0.0, apart: float = 1.0) -> np.ndarray:
        """A place [3] in formation with the partner: on the line between turned by `turn`, `apart` the distance."""
        own, other = self.at(who, time), self.at(1 - who, time)
        line = np.arctan2(*(other[:2] - own[:2])) + turn
        place = other[:2] - apart * self.distance * ahead_of(line)
        return np.array([*place, own[2] + wrapped(line + self.off[who] - own[2])])

    def step(self, who: int, start: float, to: np.ndarray) -> float:
        """A small change of place or facing by a few steps; returns when it is done."""
        base = self.at(who, start)
        to = np.array([*to[:2], base[2] + wrapped(to[2] - base[2])])
        way, turned = np.linalg.norm(to[:2] - base[:2]), abs(to[2] - base[2])
        takes = max(0.55 + way / 0.75, 0.5 + turned / 1.0, 1.1)
        if start + takes > self.seconds - 0.3:
            return start
        travel(self.wants[who], start, start + takes, to)
        return self.moved(who, start, start + takes, bool(way > STEP_M or turned > 1.4))

    def face(self, who: int, start: float, off: float = 0.35) -> float:
        """Turn to the partner on the spot if that is more than `off` (rad) away from the formation."""
        yaw = self.goal(who, start)[2]
        if abs(wrapped(self.at(who, start)[2] - yaw)) < off:
            return start
        return self.step(who, start, np.array([*self.at(who, start)[:2], yaw]))

    def walk(self, who: int, start: float, to: np.ndarray, clearance: float = CLEARANCE_M) -> float:
        """Walk to a place: turn to the way, go along a bent path around the partner, turn to the wanted facing."""
        base, other = self.at(who, start), self.at(1 - who, start)
        # A wide berth is for somebody who may sit: around the seat behind as well.
        seat = SEAT_BACK_M * ahead_of(other[2]) * (clearance > CLEARANCE_M)
        places = np.stack([other[:2], other[:2] - seat])
        if np.linalg.norm(to[:2] - base[:2]) < 0.9:
            return self.step(who, start, to)
        line = to[:2] - base[:2]
        far, direct = float(np.linalg.norm(line)), np.arctan2(*line)
        s = np.linspace(0, 1, 240)[:, None]
        tries = []
        for bend in self.random.permutation([-0.5, -0.25, -0.1, 0.1, 0.25, 0.5, -0.9, 0.9, -1.3, 1.3]):
            bend = bend + 0.06 * self.random.standard_normal()
            control = [base[:2] + far / 3 * ahead_of(direct + bend), to[:2] - far / 3 * ahead_of(direct - bend)]
            path = (1 - s) ** 3 * base[:2] + 3 * s * (1 - s) ** 2 * control[0]
            path = path + 3 * s * s * (1 - s) * control[1] + s**3 * to[:2]
            room = float(np.linalg.norm(path[12:-12, None] - places, axis=-1).min())
            tries.append((max(clearance - room, 0) + 0.12 * abs(bend), path))
        path = min(tries, key=lambda t: t[0])[1]
        heading = np.unwrap(np.arctan2(*np.gradient(path, axis=0).T))
        heading += base[2] + wrapped(heading[0] - base[2]) - heading[0]
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        speed = min(self.styles[who].pace * self.random.uniform(0.96, 1.04), along[-1] / RAMP_S)
        first = max(0.0, abs(heading[0] - base[2]) / TURNING_RAD_S - 0.55)
        moving = along[-1] / speed + RAMP_S
        goal = heading[-1] + wrapped(to[2] - heading[-1])
        late = max(0.75, abs(goal - heading[-1]) / TURNING_RAD_S)
        total = first + moving + max(0.0, late - 0.95)
        if start + total > self.seconds - 0.3:
            return start
        k0 = int(start * RATE_HZ)
        t = np.arange(int(total * RATE_HZ) + 2) / RATE_HZ
        pace = minimum_jerk((t - first) / RAMP_S) * minimum_jerk((first + moving - t) / RAMP_S)
        gone = np.cumsum(pace) / max(pace.sum(), 1e-9) * along[-1]
        way = np.stack([np.interp(gone, along, c) for c in (*path.T, heading)], -1)
        way[:, 2] += (base[2] - heading[0]) * (1 - minimum_jerk(t / (first + 0.75)))
        way[:, 2] += (goal - heading[-1]) * minimum_jerk((t - total + late) / late)
        room = min(len(way), len(self.wants[who]) - k0)
        self.wants[who][k0 : k0 + room] = way[:room]
        self.wants[who][k0 + room :] = way[room - 1]
        return self.moved(who, start, start + total, True)
