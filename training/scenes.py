"""Scenes of the body corpus: who stands, sits or walks where, in which formation, and when that changes.

Two persons face each other, stand at an angle or side by side at personal distance; some walk up, change places by a
few steps, stroll together, sit down or rise. Frames at 30/s, metres, rad; person 0 starts south of person 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from head_motion import DEGREE, Talk, poses
from locomotion import RATE_HZ, Plan, Stand, ahead_of, left_of, minimum_jerk, slow_noise, travel

STAND, WALK, SIT = 0, 1, 2

FIGURES = {
    # what: (value, source)
    "scenes": (
        {"stand": 0.51, "sit": 0.20, "rise": 0.09, "approach": 0.06, "turn": 0.06, "stroll": 0.08},
        "mostly standing; chosen here",
    ),
    "distance standing m": ((1.0, 1.6), "personal to near social: Hall 1966"),
    "distance sitting m": ((1.35, 1.8), "as far as knees need"),
    "distance of seats that are left m": ((1.9, 2.2), "0.4 m less for each who stands before the seat"),
    "walking m/s": ((0.85, 1.15), "1.2-1.4 m/s alone; slower beside a partner"),
    "sitting down, rising s": ((1.4, 2.0), "chosen here"),
    "formation": ({"vis-a-vis": 0.50, "L": 0.38, "side by side": 0.12}, "Kendon 1990"),
    "relationship": ((0.10, 0.18, 0.27, 0.20, 0.10, 0.15), "none, family, friends, work, school, professional"),
}
"""Scenes; textbook priors."""

CLOSER = np.array([0.0, -0.12, -0.08, 0.04, 0.0, 0.10])


@dataclass
class Scene:
    """Where both persons stand and go: plans per person, action [2, n], relationship, kind."""

    plans: list[Plan]
    action: np.ndarray
    relationship: int
    kind: str


def _facing(random: np.random.Generator, formation: str) -> np.ndarray:
    """How far both are turned off the line between them, towards one open side (rad)."""
    if formation == "vis-a-vis":
        return random.normal(0, 6, 2) * DEGREE
    off = random.uniform(18, 40) if formation == "L" else random.uniform(48, 66)
    side = random.choice([-1, 1])
    return side * np.array([1, -1]) * off * DEGREE + random.normal(0, 5, 2) * DEGREE


def _resteps(random: np.random.Generator, weight: np.ndarray, blocked: np.ndarray) -> list:
    """Now and then the foot that carries little is put a little elsewhere, and later back."""
    out, at, away = [], random.uniform(5, 25), [np.zeros(3), np.zeros(3)]
    n = len(weight)
    while at < n / RATE_HZ - 2:
        k = int(at * RATE_HZ)
        if not blocked[max(k - 30, 0) : k + 60].any():
            foot = int(weight[k] > 0.5)
            sign = 1 - 2 * foot
            aside, ahead = sign * random.uniform(-0.02, 0.06), random.uniform(-0.07, 0.08)
            goal = np.array([aside, ahead, sign * random.uniform(-0.1, 0.25)])
            move = goal - away[foot]
            away[foot] = goal
            out.append((at, foot, *move))
        at += random.uniform(9, 32)
    return out


def lay_scene(random: np.random.Generator, frames: int, talk: list[Talk], kind: str | None = None) -> Scene:
    """Draw the formation and what both do in it."""
    shares = FIGURES["scenes"][0]
    kind = kind or str(random.choice(list(shares), p=list(shares.values())))
    relationship = int(random.choice(6, p=FIGURES["relationship"][0]))
    names = FIGURES["formation"][0]
    formation = str(random.choice(list(names), p=list(names.values())))
    seats = np.array([kind == "sit"] * 2)
    if kind == "sit" and random.random() < 0.12:
        seats[random.integers(2)] = False
    knees = seats.any() and formation != "side by side"
    low, high = FIGURES["distance sitting m" if knees else "distance standing m"][0]
    if kind == "rise":
        low, high = FIGURES["distance of seats that are left m"][0]
    distance = np.clip(random.uniform(low, high) + CLOSER[relationship], low - 0.05, high + 0.1)
    off = _facing(random, formation)
    n, length = frames, frames / RATE_HZ
    place = np.array([[0, -distance / 2, off[0]], [0, distance / 2, np.pi + off[1]]])
    wants = [np.zeros((n, 3)) + place[i] for i in (0, 1)]
    walks: list[list[tuple[float, float]]] = [[], []]
    pauses = sorted(a for t in talk for a, _ in t.turns)

    if kind == "approach":
        who = int(random.integers(2))
        way, speed = random.uniform(1.6, 3.4), random.uniform(*FIGURES["walking m/s"][0])
        line = place[who, 2] + random.normal(0, 0.15)
        begin = random.uniform(0.4, 6.0)
        home = wants[who][0].copy()
        start = home.copy()
        start[:2] -= way * ahead_of(line)
        start[2] = line
        wants[who][:] = start
        end = begin + way / speed + 0.7
        travel(wants[who], begin, end, home)
        walks[who].append((begin, end))
        if random.random() < 0.6:
            back = random.uniform(end + 10, length - 6)
            gone = home.copy()
            gone[:2] += random.uniform(0.25, 0.6) * left_of(home[2]) * random.choice([-1, 1])
            gone[:2] -= random.uniform(0.0, 0.4) * ahead_of(home[2])
            gone[2] = home[2] + random.uniform(-0.3, 0.3)
            travel(wants[who], back, back + 1.7, gone)
            walks[who].append((back, back + 1.7))
    elif kind == "turn" or (kind == "stand" and random.random() < 0.16):
        # From one formation to another by a few steps, one after the other.
        at = random.uniform(5, 12)
        while at < length - 6:
            names_left = [f for f in names if f != formation]
            formation = str(random.choice(names_left))
            off = _facing(random, formation)
            apart = random.uniform(*FIGURES["distance standing m"][0])
            for who in (int(random.integers(2)), -1):
                person = who if who >= 0 else 1 - last
                last = person
                other = wants[1 - person][-1]
                line = np.arctan2(*(other[:2] - wants[person][-1, :2])) + random.normal(0, 0.2)
                goal = np.array([*(other[:2] - apart * ahead_of(line)), 0.0])
                yaw = wants[person][-1, 2]
                goal[2] = yaw + (line + off[person] - yaw + np.pi) % (2 * np.pi) - np.pi
                begin = at + random.uniform(0, 1.0)
                way = np.linalg.norm(goal[:2] - wants[person][-1, :2])
                takes = max(0.6 + way / 0.7, 0.5 + abs(goal[2] - yaw) / 0.9, 1.15)
                travel(wants[person], begin, begin + takes, goal)
                walks[person].append((begin, begin + takes))
                at = begin + takes + 0.4
            at += random.uniform(12, 22) if kind == "turn" else 99
    elif kind == "stroll":
        _stroll(random, wants, walks, length)

    changes = _rise_times(random, length)
    blocked = np.zeros((2, n), bool)
    action = np.zeros((2, n), np.uint8)
    plans = []
    for i in (0, 1):
        for start, end in walks[i]:
            action[i, max(int((start - 0.1) * RATE_HZ), 0) : int((end + 0.35) * RATE_HZ)] = WALK
        blocked[i] = action[i] == WALK
        sitting = np.full(n, float(seats[i]))
        if kind == "rise":
            sitting = _sits(random, n, changes[i])
        action[i, sitting_goal(sitting)] = SIT
        plans.append(Plan(wants[i], walks[i], sitting, np.full(n, 0.5), Stand(0.1, (0.1, 0.1), 0.0)))
    _weights(random, plans, talk, blocked, pauses)
    return Scene(plans, action, relationship, kind)


def _rise_times(random: np.random.Generator, length: float) -> list[list[float]]:
    """When each of the two sits down or rises; mostly the one soon after the other."""
    out: list[list[float]] = [[], []]
    at = random.uniform(3, 12)
    while at < length - 4:
        first = int(random.integers(2))
        out[first].append(at)
        if random.random() < 0.75:
            out[1 - first].append(at + random.uniform(0.3, 2.5))
        at += random.uniform(10, 24)
    return out


def _sits(random: np.random.Generator, frames: int, changes: list[float]) -> np.ndarray:
    """Sitting 0..1 [n] with changes at the given times (s)."""
    now = float(random.random() < 0.5)
    out = np.full(frames, now)
    for at in changes:
        length = random.uniform(*FIGURES["sitting down, rising s"][0])
        share = minimum_jerk((np.arange(frames) / RATE_HZ - at) / length)
        out = np.where(np.arange(frames) / RATE_HZ >= at, now + (1 - 2 * now) * share, out)
        now = 1 - now
    return out


def sitting_goal(sitting: np.ndarray) -> np.ndarray:
    """True [n] from where a person begins to sit down to where that person begins to rise."""
    rate = np.diff(sitting, append=sitting[-1:])
    return (rate > 1e-9) | ((sitting > 0.5) & ~(rate < -1e-9))


def _stroll(random: np.random.Generator, wants: list[np.ndarray], walks: list[list], length: float) -> None:
    """Both walk side by side along a bent way, stop, turn to each other, and walk on."""
    n = len(wants[0])
    yaw, at, apart = 0.0, random.uniform(0.0, 3.0), random.uniform(0.8, 1.0)
    middle = np.zeros(2)
    left = int(random.integers(2))
    standing = random.uniform(0.7, 1.2)
    for i in (0, 1):
        side = 1 if i == left else -1
        wants[i][:] = [*(middle + side * 0.5 * apart * left_of(yaw)), yaw - side * standing * (at > 0.3)]
    while at < length - 2:
        lasts = min(random.uniform(7, 18), length - at + 3)
        speed = random.uniform(*FIGURES["walking m/s"][0])
        k0, k1 = int(at * RATE_HZ), int((at + lasts) * RATE_HZ)
        t = np.arange(k1 - k0) / RATE_HZ
        pace = speed * minimum_jerk(t / 1.0) * minimum_jerk((lasts - t) / 1.0)
        bend = slow_noise(random, len(t), 0.03, 0.1, random.uniform(0.03, 0.12)) * pace / speed
        heading = yaw + np.cumsum(bend) / RATE_HZ
        course = middle + np.cumsum(ahead_of(heading) * pace[:, None], 0) / RATE_HZ
        lean_out = random.uniform(0.6, 1.2)
        for i in (0, 1):
            side = 1 if i == left else -1
            own = course + side * 0.5 * apart * left_of(heading)
            start = wants[i][min(k0, n - 1)].copy()
            blend = minimum_jerk(t / 1.1)
            turned = start[2] + (heading - start[2]) * blend
            out = minimum_jerk((t - (lasts - 1.2)) / 1.2)
            turned = turned + (heading - side * lean_out - turned) * out
            way = np.concatenate([own, turned[:, None]], 1)
            room = max(min(k1, n) - k0, 0)
            wants[i][k0 : k0 + room] = way[:room]
            wants[i][k0 + room :] = way[-1]
            walks[i].append((at + random.uniform(0.0, 0.25), at + lasts))
        yaw, middle = heading[-1], course[-1]
        at += lasts + random.uniform(6, 14)


def _weights(
    random: np.random.Generator, plans: list[Plan], talk: list[Talk], blocked: np.ndarray, pauses: list[float]
) -> None:
    n = blocked.shape[1]
    for i, plan in enumerate(plans):
        changes, to = [], [np.array([random.choice([0.22, 0.5, 0.78]) + random.normal(0, 0.04)])]
        at = random.uniform(3, 30)
        while at < n / RATE_HZ:
            near = [p for p in pauses if abs(p - at) < 4]
            start = near[0] if near and random.random() < 0.7 else at
            if not changes or start - changes[-1][0] > 3:
                changes.append((start, random.uniform(0.9, 1.6)))
                last = to[-1][0]
                goal = random.choice([0.20, 0.5, 0.80], p=[0.4, 0.2, 0.4])
                to.append(np.array([(1 - last if abs(goal - last) < 0.15 else goal) + random.normal(0, 0.04)]))
            at += random.uniform(13, 45)
        plan.weight = np.clip(poses(random, n, changes, np.stack(to))[:, 0], 0.1, 0.9)
        plan.stand.half = random.uniform(0.085, 0.125)
        plan.stand.out = tuple(random.uniform(3, 13, 2) * DEGREE)
        plan.stand.stagger = random.normal(0, 0.02)
        plan.resteps = _resteps(random, plan.weight, blocked[i] | ((plan.sitting > 0) & (plan.sitting < 1)))
