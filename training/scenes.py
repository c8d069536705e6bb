"""Scenes of the body corpus: who stands, sits or walks where, in which formation, and when that changes.

Two persons face each other, stand at an angle or side by side, as near as their relationship has it. They walk up,
leave and come back, change places, stroll together, sit down and rise; whoever has got too far, too near or turned
away puts that right by a step or two. Frames at 30/s, metres, rad; person 0 starts south of person 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from body_style import FIGURES as STYLE, Style, draw
from head_motion import DEGREE, Talk, poses
from locomotion import CROSSING_S, RATE_HZ, Plan, Stand, ahead_of, left_of, minimum_jerk, slow_noise
from stage import SIT, Stage, wrapped

FIGURES = {
    # what: (value, source)
    "scenes": (
        {"stand": 0.20, "sit": 0.12, "rise": 0.14, "approach": 0.15, "turn": 0.08, "stroll": 0.15, "leave": 0.16},
        "chosen here: walking in 15-20 % of all frames",
    ),
    "distance standing m": (
        ((1.0, 1.5), (0.80, 1.15), (0.90, 1.30), (1.05, 1.5), (0.95, 1.40), (1.25, 1.75)),
        "by relationship, personal to near social: Hall 1966",
    ),
    "distance sitting m": ((1.35, 1.8), "as far as knees need"),
    "distance of seats that are left m": ((1.9, 2.2), "0.4 m less for each who stands before the seat"),
    "walking beside a partner": (0.85, "share of the own pace; chosen here"),
    "sitting down, rising s": ((1.4, 2.0), "chosen here"),
    "formation": ({"vis-a-vis": 0.58, "L": 0.36, "side by side": 0.06}, "Kendon 1990; within 45 degrees 90 %"),
    "off the line, L and side by side": ((14.0, 34.0, 44.0, 58.0), "degrees; Kendon 1990"),
    "relationship": ((0.10, 0.18, 0.27, 0.20, 0.10, 0.15), "none, family, friends, work, school, professional"),
    "small step every s": ((11.0, 26.0), "shifts of place with posture: Kendon 1990; chosen here"),
    "puts it right after s": ((0.6, 3.5), "chosen here"),
    "legs over each other": (0.55, "share of sitting spells of 8 s and more; chosen here"),
    "ankles crossed": (0.3, "the same"),
}
"""Scenes; textbook priors."""

@dataclass
class Scene:
    """Where both persons stand and go: plans per person, action [2, n], relationship, kind."""

    plans: list[Plan]
    action: np.ndarray
    relationship: int
    kind: str


def _off(random: np.random.Generator, formation: str, held_out: bool) -> np.ndarray:
    """How far both are turned off the line between them, towards one open side (rad)."""
    if formation == "vis-a-vis":
        return random.normal(0, 7, 2) * DEGREE
    ends = FIGURES["off the line, L and side by side"][0]
    off = draw(random, ends[:2] if formation == "L" else ends[2:], held_out)
    return random.choice([-1, 1]) * np.array([1, -1]) * off * DEGREE + random.normal(0, 5, 2) * DEGREE


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


def _small_steps(stage: Stage, begin: float, end: float, every: float = 1.0) -> None:
    """Places shift by a step, and what that spoils is put right: by the same person or by the other."""
    random = stage.random
    low, high = (every * f for f in FIGURES["small step every s"][0])
    at = begin + random.uniform(0.3, 1.0) * low
    while at < end - 6:
        who, mode = int(random.integers(2)), random.choice(["away", "turned", "round"], p=[0.4, 0.35, 0.25])
        if mode == "away":
            done = stage.step(who, at, stage.goal(who, at, apart=random.choice([0.82, 1.25, 1.4])))
        elif mode == "turned":
            goal = stage.at(who, at) + (0, 0, random.choice([-1, 1]) * random.uniform(25, 60) * DEGREE)
            done = stage.step(who, at, goal)
        else:
            done = stage.step(who, at, stage.goal(who, at, random.normal(0, 0.35)))
        again = done + random.uniform(*FIGURES["puts it right after s"][0])
        other = who if mode == "turned" or random.random() < 0.5 else 1 - who
        done = stage.step(other, again, stage.goal(other, again))
        if mode == "round" and other == who:
            stage.step(1 - who, done + random.uniform(0.2, 1.5), stage.goal(1 - who, done))
        at = done + random.uniform(low, high)


def _approach(stage: Stage, names: list[str]) -> None:
    """One (or both) comes walking from some metres away; later mostly leaves for a moment and comes back."""
    random = stage.random
    who = int(random.integers(2))
    home = stage.at(who, 0)
    line = np.arctan2(*(stage.at(1 - who, 0)[:2] - home[:2])) + random.normal(0, 0.5)
    start = np.array([*(home[:2] - random.uniform(2.2, 5.5) * ahead_of(line)), line + random.normal(0, 0.4)])
    stage.wants[who][:] = start
    begin = random.uniform(0.3, 2.5)
    if random.random() < 0.5:
        # The one who waits has looked elsewhere and turns to the comer.
        waiting = stage.at(1 - who, 0) + (0, 0, random.choice([-1, 1]) * random.uniform(40, 100) * DEGREE)
        stage.wants[1 - who][:] = waiting
    done = stage.walk(who, begin, home)
    stage.face(1 - who, max(begin + 0.5, done - random.uniform(0.2, 1.6)))
    if random.random() < 0.75:
        _leave(stage, done + random.uniform(5, 11))
    else:
        _small_steps(stage, done + 2, stage.seconds)


def _leave(stage: Stage, at: float) -> None:
    """One walks off, does something there, and comes back; again and again."""
    random = stage.random
    while at < stage.seconds - 8:
        who = int(random.integers(2))
        own = stage.at(who, at)
        line = own[2] + random.choice([-1, 1]) * random.uniform(0.9, 2.9)
        to = np.array([*(own[:2] + random.uniform(1.8, 4.2) * ahead_of(line)), line])
        if random.random() < 0.8:
            # Stops there, turned back to the partner.
            to[2] = line + random.uniform(0.7, 1.0) * wrapped(np.arctan2(*(stage.at(1 - who, at)[:2] - to[:2])) - line)
        done = stage.walk(who, at, to)
        if done == at:
            return
        if random.random() < 0.7:
            # Who stays behind turns after the one who goes.
            turned = stage.face(1 - who, done - random.uniform(0.0, 1.0), 0.6)
            done = max(done, turned)
        back = done + random.uniform(0.3, 3.0)
        comer = 1 - who if random.random() < 0.3 else who
        other = stage.walk(comer, back, stage.goal(comer, back, random.normal(0, 0.3)))
        other = max(other, stage.face(1 - comer, max(other - random.uniform(0.0, 0.9), back + 0.2)))
        at = max(other, back) + random.uniform(4, 10)


def _turns(stage: Stage, begin: float, end: float, names: list[str], held_out: bool) -> None:
    """From one formation to another by a few steps, one after the other."""
    random, at = stage.random, begin
    while at < end - 6:
        stage.off = _off(random, str(random.choice(names)), held_out)
        stage.distance *= random.uniform(0.93, 1.08)
        first = int(random.integers(2))
        turn = random.normal(0, 0.8)
        done = stage.walk(first, at, stage.goal(first, at, turn))
        second = max(at + random.uniform(0.5, 1.2), done - random.uniform(0.2, 1.2))
        done = max(done, stage.step(1 - first, second, stage.goal(1 - first, done)))
        at = done + random.uniform(8, 17)


def _rise(stage: Stage) -> list[np.ndarray]:
    """Both sit down and rise; who stands may walk off and come back, or first comes walking. Returns sitting [n]."""
    random = stage.random
    seats = [stage.at(i, 0) for i in (0, 1)]
    now = [float(random.random() < 0.5) for _ in (0, 1)]
    start, changes = list(now), [[], []]
    free = [random.uniform(2, 7), random.uniform(2, 7)]
    gone = [0.0, 0.0]
    if random.random() < 0.4:
        who = int(random.integers(2))
        now[who] = start[who] = 0.0
        side = random.choice([-1, 1]) * random.uniform(0.5, 1.4)
        far = random.uniform(2.0, 4.0)
        line = seats[who][2] + side
        stage.wants[who][:] = [*(seats[who][:2] + far * ahead_of(line)), line + np.pi + random.normal(0, 0.5)]
        done = stage.walk(who, random.uniform(0.4, 3.0), seats[who], 1.15)
        free[who] = gone[who] = done + random.uniform(0.1, 2.0)
    length = FIGURES["sitting down, rising s"][0][1] + 0.3
    while min(free) < stage.seconds - 4:
        who = int(np.argmin(free))
        at = free[who]
        changes[who].append(at)
        now[who] = 1 - now[who]
        free[who] = at + length + random.uniform(5, 15)
        away = now[who] == 0 and random.random() < 0.55 and gone[1 - who] < at < stage.seconds - length - 10
        if random.random() < 0.6 and free[1 - who] < at + 8 and not away:
            free[1 - who] = max(at + random.uniform(0.4, 2.8), changes[1 - who][-1] + length if changes[1 - who] else 0)
        if away:
            own, other = seats[who], stage.at(1 - who, at)
            ways = own[2] + random.choice([-1, 1]) * random.uniform(0.7, 1.6, 8)
            places = own[:2] + random.uniform(1.2, 2.8, (8, 1)) * ahead_of(ways)
            best = int(np.argmax(np.minimum(np.linalg.norm(places - other[:2], axis=1), 1.4)))
            line = ways[best]
            to = np.array([*places[best], line])
            to[2] += 0.8 * wrapped(np.arctan2(*(stage.at(1 - who, at)[:2] - to[:2])) - line)
            done = stage.walk(who, at + length + random.uniform(0, 1.0), to, 1.15)
            back = stage.walk(who, done + random.uniform(0.8, 5.0), own, 1.15)
            free[who] = gone[who] = max(back, done) + random.uniform(0.1, 1.5)
            if back <= done + 6 and np.linalg.norm(stage.at(who, back)[:2] - own[:2]) > 0.02:
                # No time to come back: the person stays away from the seat.
                free[who] = stage.seconds
            free[1 - who] = max(free[1 - who], at + 1.0)
    return [_sits(random, len(stage.wants[0]), start[i], changes[i]) for i in (0, 1)]


def _sits(random: np.random.Generator, frames: int, now: float, changes: list[float]) -> np.ndarray:
    """Sitting 0..1 [n] with changes at the given times (s)."""
    out = np.full(frames, now)
    t = np.arange(frames) / RATE_HZ
    for at in changes:
        share = minimum_jerk((t - at) / random.uniform(*FIGURES["sitting down, rising s"][0]))
        out = np.where(t >= at, now + (1 - 2 * now) * share, out)
        now = 1 - now
    return out


def sitting_goal(sitting: np.ndarray) -> np.ndarray:
    """True [n] from where a person begins to sit down to where that person begins to rise."""
    rate = np.diff(sitting, append=sitting[-1:])
    return (rate > 1e-9) | ((sitting > 0.5) & ~(rate < -1e-9))


def _stroll(stage: Stage) -> None:
    """Both walk side by side along a bent way, stop, turn to each other, and walk on."""
    random, length, n = stage.random, stage.seconds, len(stage.wants[0])
    yaw, at, apart = 0.0, random.uniform(0.0, 3.0), random.uniform(0.8, 1.0)
    middle = np.zeros(2)
    left = int(random.integers(2))
    standing = random.uniform(0.9, 1.35)
    pace_of_two = FIGURES["walking beside a partner"][0] * np.mean([s.pace for s in stage.styles])
    for i in (0, 1):
        side = 1 if i == left else -1
        stage.wants[i][:] = [*(middle + side * 0.5 * apart * left_of(yaw)), yaw - side * standing * (at > 0.3)]
    while at < length - 2:
        lasts = min(random.uniform(7, 17), length - at + 3)
        speed = pace_of_two * random.uniform(0.94, 1.06)
        k0, k1 = int(at * RATE_HZ), int((at + lasts) * RATE_HZ)
        t = np.arange(k1 - k0) / RATE_HZ
        pace = speed * minimum_jerk(t / 1.0) * minimum_jerk((lasts - t) / 1.0)
        bend = slow_noise(random, len(t), 0.03, 0.1, random.uniform(0.03, 0.12)) * pace / speed
        heading = yaw + np.cumsum(bend) / RATE_HZ
        course = middle + np.cumsum(ahead_of(heading) * pace[:, None], 0) / RATE_HZ
        lean_out = random.uniform(0.9, 1.35)
        first = int(random.integers(2))
        for i in (0, 1):
            side = 1 if i == left else -1
            late = 0.0 if i == first else random.uniform(0.1, 0.5)
            lag = slow_noise(random, len(t), 0.03, 0.12, 0.05) * pace / speed
            own = course + side * 0.5 * apart * left_of(heading) + lag[:, None] * ahead_of(heading)
            base = stage.wants[i][min(k0, n - 1)].copy()
            turned = heading + (base[2] - yaw) * (1 - minimum_jerk((t - late) / 1.2))
            turned = turned - side * lean_out * minimum_jerk((t - (lasts - 1.4)) / 1.4)
            way = np.concatenate([base[:2] + (own - base[:2]) * minimum_jerk(t / 1.5)[:, None], turned[:, None]], 1)
            room = max(min(k1, n) - k0, 0)
            stage.wants[i][k0 : k0 + room] = way[:room]
            stage.wants[i][k0 + room :] = way[-1]
            stage.moved(i, at + random.uniform(0.0, 0.2) + late, at + lasts, True)
        yaw, middle = heading[-1], course[-1]
        at += lasts + random.uniform(5, 12)


def lay_scene(
    random: np.random.Generator,
    frames: int,
    talk: list[Talk],
    styles: list[Style],
    relationship: int,
    kind: str | None = None,
) -> Scene:
    """Draw the formation and what both do in it."""
    held_out = styles[0].held_out
    shares = FIGURES["scenes"][0]
    kind = kind or str(random.choice(list(shares), p=list(shares.values())))
    names = FIGURES["formation"][0]
    formation = str(random.choice(list(names), p=list(names.values())))
    seats = np.array([kind == "sit"] * 2)
    if kind == "sit" and random.random() < 0.12:
        seats[random.integers(2)] = False
    distance = draw(random, FIGURES["distance standing m"][0][relationship], held_out)
    factor = draw(random, STYLE["distance factor"][0], held_out)
    if kind == "rise":
        distance = draw(random, FIGURES["distance of seats that are left m"][0], held_out) - 0.8
    elif seats.any():
        distance = draw(random, FIGURES["distance sitting m"][0], held_out) - 0.4 * seats.sum()
    else:
        distance *= factor
    off = _off(random, formation, held_out)
    n = frames
    place = np.array([[0, -distance / 2, off[0]], [0, distance / 2, np.pi + off[1]]])
    wants = [np.zeros((n, 3)) + place[i] for i in (0, 1)]
    stage = Stage(random, styles, wants, off, distance, action=np.zeros((2, n), np.uint8))
    sitting = [np.full(n, float(seat)) for seat in seats]
    if kind in ("stand", "leave", "turn") and random.random() < 0.5:
        # Not in formation yet: one puts it right in the first seconds.
        who = int(random.integers(2))
        stage.wants[who][:] = stage.goal(who, 0, random.normal(0, 0.25), random.choice([0.8, 1.0, 1.35, 1.6]))
        stage.wants[who][:, 2] += random.choice([-1, 1]) * random.uniform(15, 75) * DEGREE
        at = random.uniform(0.4, 3.0)
        stage.step(who, at, stage.goal(who, at))
    if kind == "approach":
        _approach(stage, list(names))
    elif kind == "leave":
        _leave(stage, random.uniform(3, 9))
    elif kind == "turn":
        _turns(stage, random.uniform(4, 10), stage.seconds, list(names), held_out)
    elif kind == "stroll":
        _stroll(stage)
    elif kind == "rise":
        sitting = _rise(stage)
    elif kind == "stand":
        _small_steps(stage, 4.0, stage.seconds)

    blocked = np.zeros((2, n), bool)
    plans = []
    for i in (0, 1):
        for start, end in stage.walks[i]:
            blocked[i, max(int((start - 0.3) * RATE_HZ), 0) : int((end + 0.4) * RATE_HZ)] = True
        stage.action[i, sitting_goal(sitting[i])] = SIT
        plan = Plan(stage.wants[i], sorted(stage.walks[i]), sitting[i], np.full(n, 0.5), Stand(0.1, (0.1, 0.1), 0.0))
        plan.sway = styles[i].sway
        plans.append(plan)
    _weights(random, plans, talk, blocked)
    for i, plan in enumerate(plans):
        _legs(random, plan)
    return Scene(plans, stage.action, relationship, kind)


def _legs(random: np.random.Generator, plan: Plan) -> None:
    """What legs do while their person sits: one over the other, ankles crossed, or as they stand."""
    inside = np.concatenate([[0], (plan.sitting > 0.999).astype(int), [0]])
    edges = np.flatnonzero(np.diff(inside)) / RATE_HZ
    for start, end in zip(edges[::2], edges[1::2]):
        if end < len(plan.sitting) / RATE_HZ - 0.05:
            end -= 0.4
        at = start + (random.uniform(-9, 6) if start == 0 else random.uniform(1.0, 7))
        leg = int(random.integers(2))
        while end - at > 8:
            lasts = min(random.uniform(8, 26), end - max(at, start) - CROSSING_S - 0.2)
            mode = random.random()
            share, ankles = FIGURES["legs over each other"][0], FIGURES["ankles crossed"][0]
            if mode < share:
                if at < start + 0.3 and start > 0:
                    at = start + 0.5
                plan.crossings.append((at if start > 0 or at > 1 else -9.0, max(at, start) + lasts, leg))
            elif mode < share + ankles and at > start + 0.5:
                sign = 1 - 2 * leg
                aside, forward = -sign * random.uniform(0.13, 0.17), random.uniform(0.12, 0.16)
                plan.resteps.append((at, leg, aside, forward, -0.1 * sign))
                plan.resteps.append((at + lasts, leg, -aside, -forward, 0.1 * sign))
            at = max(at, start) + lasts + random.uniform(2.0, 9)
            leg = int(random.integers(2))
    # A leg in the air does not step.
    crossed = plan.crossed().max(0)
    plan.resteps = [r for r in plan.resteps if not crossed[int(r[0] * RATE_HZ) : int((r[0] + 0.7) * RATE_HZ) + 1].any()]


def _weights(random: np.random.Generator, plans: list[Plan], talk: list[Talk], blocked: np.ndarray) -> None:
    n = blocked.shape[1]
    pauses = sorted(a for t in talk for a, _ in t.turns)
    for i, plan in enumerate(plans):
        changes, to = [], [np.array([random.choice([0.16, 0.5, 0.84]) + random.normal(0, 0.04)])]
        at = random.uniform(3, 30)
        while at < n / RATE_HZ:
            near = [p for p in pauses if abs(p - at) < 4]
            start = near[0] if near and random.random() < 0.7 else at
            if not changes or start - changes[-1][0] > 3:
                changes.append((start, random.uniform(0.9, 1.6)))
                last = to[-1][0]
                goal = random.choice([0.14, 0.5, 0.86], p=[0.42, 0.16, 0.42])
                to.append(np.array([(1 - last if abs(goal - last) < 0.15 else goal) + random.normal(0, 0.04)]))
            at += random.uniform(13, 45)
        plan.weight = np.clip(poses(random, n, changes, np.stack(to))[:, 0], 0.08, 0.92)
        plan.stand.half = random.uniform(0.085, 0.135)
        plan.stand.out = tuple(random.uniform(3, 15, 2) * DEGREE)
        plan.stand.stagger = random.normal(0, 0.025)
        plan.resteps = _resteps(random, plan.weight, blocked[i] | ((plan.sitting > 0) & (plan.sitting < 1)))
