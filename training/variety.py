"""How much and how varied the body corpus is: hours, actions, gestures, contacts, places, and how far scenes lie apart.

    python variety.py --every 5               # all parts; every 5th stream of each
    python variety.py --takes 4 --json variety.json

Gestures are distinct if the ways of both wrists against the chest, from 0.4 s before to 1.0 s after the stroke begins,
differ by 5 cm or more (root mean square); counted greedily within each hour of scenes. Scenes are compared twice:
`figures` = mean and spread over time of every joint angle of both, shares of actions, distance, bearing and wrist
speed, each over its spread in training (root mean square per dimension); `poses` = head, wrists, elbows, knees and
ankles of both in their own facing frames once a second (root mean square in cm). Both with the persons either way.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from body_skeleton import apply, hand_inside, transposed, turn
from corpus_body import Bodies, animate_stream
from corpus_conversation import folder
from locomotion import RATE_HZ
from measure_body import kinematics, slide_cm_s, wrist_speed

DISTINCT_M = 0.05
CONTACT_M, HEAD_CONTACT_M = 0.07, 0.15
SPAN_S, POINTS = (-0.4, 1.0), 8
KEY_JOINTS = "head leftHand rightHand leftLowerArm rightLowerArm leftLowerLeg rightLowerLeg leftFoot rightFoot".split()


@dataclass
class Scenes:
    """What is kept of each scene of a part."""

    names: list[str] = field(default_factory=list)
    figures: list[np.ndarray] = field(default_factory=list)
    poses: list[np.ndarray] = field(default_factory=list)
    gestures: list[np.ndarray] = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)
    strokes: Counter = field(default_factory=Counter)
    hands: Counter = field(default_factory=Counter)
    action: np.ndarray = field(default_factory=lambda: np.zeros(3))
    sums: Counter = field(default_factory=Counter)
    distance: list[np.ndarray] = field(default_factory=list)
    speed: list[np.ndarray] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    lead: list[float] = field(default_factory=list)
    largest_step: float = 0.0
    slide: float = 0.0
    nearest: float = 9.0


def hand_points(position: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Wrist, palm and fingers [n, 3, 3] of a hand."""
    wrist, tip = position[side + "Hand"], position[side + "Tip"]
    return np.stack([wrist + share * (tip - wrist) for share in (0.0, 0.35, 0.7)], 1)


def near(a: np.ndarray, b: np.ndarray, metres: float) -> np.ndarray:
    """True [n] where any point of a [n, p, 3] is this near to any of b [n, q, 3]."""
    return np.linalg.norm(a[:, :, None] - b[:, None], axis=-1).min((1, 2)) < metres


def wrist_ways(position: dict[str, np.ndarray], rotation: dict[str, np.ndarray]) -> np.ndarray:
    """Both wrists against the upper chest [n, 6]."""
    back = transposed(rotation["upperChest"])
    own = [apply(back, position[s + "Hand"] - position["upperChest"]) for s in ("left", "right")]
    return np.concatenate(own, -1)


def starts(flags: np.ndarray, gap: int) -> int:
    """How often flags [n] begin after at least `gap` frames without."""
    at = np.flatnonzero(flags[1:] & ~flags[:-1])
    return int(np.sum(np.diff(at, prepend=-gap - 1) > gap))


def add(scenes: Scenes, name: str, bodies: Bodies) -> None:
    """Measure one stream into its part."""
    arrays = bodies.arrays
    n = arrays["root"].shape[1]
    scenes.names.append(name)
    scenes.kinds[bodies.scene.kind] += 1
    scenes.distance.append(arrays["placement"][0, :, 2])
    scenes.nearest = min(scenes.nearest, float(scenes.distance[-1].min()))
    figures, poses, speeds = [], [], []
    for i in (0, 1):
        position, rotation = kinematics(bodies, i)
        lower, upper, head, place = (arrays[k][i] for k in ("lower", "upper", "head", "placement"))
        bearing = np.abs(np.arctan2(place[:, 0], place[:, 1]))
        action = arrays["action"][i]
        ways, speed = wrist_ways(position, rotation), wrist_speed(position)
        speaking, listening = bodies.talk[i].speaking, bodies.talk[1 - i].speaking & ~bodies.talk[i].speaking
        left, right = hand_points(position, "left"), hand_points(position, "right")
        face = position["head"] + apply(rotation["head"], np.array([0.0, 0.09, 0.02]))
        sums = scenes.sums
        sums["frames"] += n
        sums["talk"] += int(speaking.sum())
        sums["listen"] += int(listening.sum())
        sums["strokes"] += len(bodies.strokes[i])
        sums["touches"] += len(bodies.touches[i])
        sums["hand-hand"] += int(near(left, right, CONTACT_M).sum())
        sums["hand-head"] += int(near(np.concatenate([left, right], 1), face[:, None], HEAD_CONTACT_M).sum())
        sums["inside"] += int(hand_inside(position, rotation).sum())
        sums["facing"] += int((bearing < np.pi / 4).sum())
        sums["facing, not walking"] += int((bearing < np.pi / 4)[action != 1].sum())
        down = (np.gradient(head[:, 0]) * RATE_HZ > np.radians(25)) & listening
        sums["nods"] += starts(down, int(RATE_HZ))
        sums["sits and rises"] += int(np.abs(np.diff((action == 2).astype(int))).sum())
        sums["crossed"] += int((bodies.scene.plans[i].crossed().max(0) > 0.5).sum())
        quiet = listening & (action != 1)
        sums["still listener"] += int((speed[quiet] < 0.25).sum())
        sums["listens in place"] += int(quiet.sum())
        scenes.action += np.bincount(action, minlength=3)
        pace = np.linalg.norm(np.diff(arrays["root"][i, :, :2], axis=0), axis=1) * RATE_HZ
        scenes.speed.append(pace[(action[1:] == 1) & (pace > 0.6)])
        scenes.slide = max(scenes.slide, float(slide_cm_s(lower, position).max(initial=0)))
        scenes.largest_step = max(scenes.largest_step, float(np.abs(np.diff(upper[:, :33], axis=0)).max()))
        scenes.hands.update(s.hands for s in bodies.strokes[i])
        scenes.strokes.update(s.kind for s in bodies.strokes[i])
        for stroke in bodies.strokes[i]:
            scenes.lead.append(stroke.stress - stroke.start)
            at = np.clip((stroke.start + np.linspace(*SPAN_S, POINTS)) * RATE_HZ, 0, n - 1)
            scenes.gestures.append(ways[at.astype(int)].ravel())
        joints = np.concatenate([upper[:, :33], lower[:, 4:25], head], 1)
        shares = np.bincount(action, minlength=3) / n
        more = [*shares, place[:, 2].mean(), place[:, 2].std(), bearing.mean(), speed.mean(), speed.std()]
        figures.append(np.concatenate([joints.mean(0), joints.std(0), more]))
        second = np.arange(0, n, int(RATE_HZ))
        turned = turn(1, -arrays["root"][i, second, 2])
        own = [apply(turned, (position[j] - position["hips"] * (1, 0, 1))[second]) for j in KEY_JOINTS]
        poses.append(np.stack(own))
        speeds.append(speed)
    in_place = (arrays["action"] != 1).all(0)
    if in_place.sum() > 5 * RATE_HZ:
        scenes.together.append(float(np.corrcoef(speeds[0][in_place], speeds[1][in_place])[0, 1]))
    scenes.figures.append(np.stack(figures))
    scenes.poses.append(np.stack(poses))


def distinct(gestures: list[np.ndarray]) -> int:
    """How many of the gestures are `DISTINCT_M` away from every one kept before."""
    kept = np.zeros((0, POINTS * 6))
    for way in gestures:
        # Root mean square over points and hands of the distance in space.
        if not len(kept) or np.sqrt(((kept - way) ** 2).mean(1) * 3).min() >= DISTINCT_M:
            kept = np.concatenate([kept, way[None]])
    return len(kept)


def apart(these: list[np.ndarray], those: list[np.ndarray], scale: np.ndarray | float, same: bool) -> np.ndarray:
    """Distance of each scene [S] to the nearest of the others, with the two persons either way round."""
    a = np.stack(these).reshape(len(these), 2, -1) / scale
    b = np.stack(those).reshape(len(those), 2, -1) / scale
    out = np.zeros(len(a))
    for k, scene in enumerate(a):
        best = np.minimum(((b - scene) ** 2).mean((1, 2)), ((b - scene[::-1]) ** 2).mean((1, 2)))
        if same:
            best[k] = np.inf
        out[k] = np.sqrt(best.min())
    return out


def spread(values: list[np.ndarray], shares: tuple[float, ...]) -> list[float]:
    """Percentiles of what there is; none of nothing."""
    flat = np.concatenate([np.ravel(v) for v in values])
    return np.percentile(flat, shares).round(2).tolist() if len(flat) else []


def report(scenes: Scenes) -> dict[str, object]:
    """The figures of one part."""
    sums, frames = scenes.sums, scenes.sums["frames"]
    hours = frames / 2 / RATE_HZ / 3600
    talk_min, listen_min = sums["talk"] / RATE_HZ / 60, sums["listen"] / RATE_HZ / 60
    standing = frames - scenes.action[1]
    hands = sum(scenes.hands.values())
    from_clips = sum(count for kind, count in scenes.strokes.items() if kind.startswith("clip"))
    chunks = max(int(round(hours)), 1)
    per_hour = [distinct(scenes.gestures[k::chunks]) for k in range(chunks)]
    return {
        "scenes": len(scenes.names),
        "hours": round(hours, 2),
        "kinds": dict(scenes.kinds),
        "stand, walk, sit": (scenes.action / frames).round(3).tolist(),
        "sits down or rises per hour and person": round(sums["sits and rises"] / 2 / hours, 1),
        "one leg over the other, share of sitting": round(sums["crossed"] / max(scenes.action[2], 1), 3),
        "gestures per minute of talk": round(sums["strokes"] / talk_min, 2),
        "gestures per hour": round(sums["strokes"] / hours, 1),
        "distinct gestures per hour": round(float(np.mean(per_hour)) * chunks / hours, 1),
        "kinds of strokes": len(scenes.strokes),
        "share of strokes from clips": round(from_clips / hands, 3),
        "right, both, left": [round(scenes.hands[k] / hands, 3) for k in range(3)],
        "stroke before stress s, median": round(float(np.median(scenes.lead)), 3),
        "touches of oneself per hour and person": round(sums["touches"] / 2 / hours, 1),
        "hand-hand contact min/h": round(60 * sums["hand-hand"] / frames, 2),
        "hand-head contact min/h": round(60 * sums["hand-head"] / frames, 2),
        "nods per minute of listening": round(sums["nods"] / listen_min, 2),
        "listener in place, wrists under 0.25 m/s": round(sums["still listener"] / max(sums["listens in place"], 1), 3),
        "partner within 45 degrees, all and not walking": [
            round(sums["facing"] / frames, 3),
            round(sums["facing, not walking"] / max(float(standing), 1.0), 3),
        ],
        "distance m, 5 50 95 %": spread(scenes.distance, (5, 50, 95)),
        "nearest hips m": round(scenes.nearest, 2),
        "walking m/s, 25 50 75 %": spread(scenes.speed, (25, 50, 75)),
        "frames with a hand inside": round(sums["inside"] / frames, 5),
        "foot slide in contact cm/s, largest": round(scenes.slide, 3),
        "largest change of a joint angle in a frame rad": round(scenes.largest_step, 3),
        "wrist speed of one against the other in place, r, 5 50 95 %": spread([np.array(scenes.together)], (5, 50, 95)),
    }


def measure(parts: dict[str, list[Path]], takes: int = 1) -> dict[str, object]:
    """Everything for the streams of each part, in so many takes; distances of the other parts to `train`."""
    found = {part: Scenes() for part in parts}
    for part, paths in parts.items():
        for take in range(takes):
            for path in paths:
                add(found[part], path.stem, animate_stream(path, take=take))
    out: dict[str, object] = {part: report(scenes) for part, scenes in found.items() if scenes.names}
    train = found.get("train")
    if train and len(train.names) > 1:
        scale_of = np.stack(train.figures).std((0, 1)) + 1e-6
        spaces = {"figures": ("figures", scale_of, 1.0), "poses cm": ("poses", 1.0, 100 * np.sqrt(3))}
        for part, scenes in found.items():
            if not scenes.names:
                continue
            for space, (attribute, scale, unit) in spaces.items():
                far = unit * apart(getattr(scenes, attribute), getattr(train, attribute), scale, part == "train")
                key = f"distance to the nearest training scene, {space}: smallest, 5 50 95 %"
                values = [far.min(), *np.percentile(far, (5, 50, 95))]
                out[part][key] = [round(float(v), 3) for v in values]  # type: ignore[index]
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="every k-th stream of each part")
    parser.add_argument("--hours", type=float, default=1e9, help="at most this much of each part and take")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--takes", type=int, default=1, help="scenes laid to each stream's talk")
    options = parser.parse_args()
    parts: dict[str, list[Path]] = {}
    for part in ("train", "val", "test"):
        paths = sorted(folder().glob(f"{part}-[0-9][0-9][0-9][0-9].npz"))[:: options.every]
        parts[part] = paths[: int(options.hours * 3600 / 48)]
    result = measure(parts, options.takes)
    for part, figures in result.items():
        print(f"\n{part} (simulated)")
        for name, value in figures.items():  # type: ignore[attr-defined]
            print(f"  {name}: {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
