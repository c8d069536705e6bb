"""Figures of the body corpus as it lies in the cache, or of the bodies just made: is it what the tables ask for?

    python measure_body.py --every 5
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from body_skeleton import forward, hand_inside
from corpus_body import Bodies, animate_stream
from corpus_conversation import folder
from locomotion import RATE_HZ

FAST_HZ = 5.0


def kinematics(bodies: Bodies, person: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Positions and rotations of one person's bones in the world."""
    names = ("lower", "upper", "head", "root")
    return forward(*(bodies.arrays[name][person].astype(float) for name in names))


def slide_cm_s(lower: np.ndarray, position: dict[str, np.ndarray]) -> np.ndarray:
    """Speed (cm/s) of each ankle in the frames in which its foot is in contact before and after."""
    out = []
    for column, side in ((25, "left"), (26, "right")):
        held = (lower[1:, column] > 0.5) & (lower[:-1, column] > 0.5)
        speed = np.linalg.norm(np.diff(position[side + "Foot"], axis=0), axis=1) * RATE_HZ * 100
        out.append(speed[held])
    return np.concatenate(out)


def fast_share(course: np.ndarray) -> float:
    """Share of the power of [n, d] above 5 Hz."""
    course = (course - course.mean(0)) * np.hanning(len(course))[:, None]
    power = np.abs(np.fft.rfft(course, axis=0)) ** 2
    hz = np.fft.rfftfreq(len(course), 1 / RATE_HZ)
    return float(power[hz > FAST_HZ].sum() / max(power[hz > 0.02].sum(), 1e-12))


def wrist_speed(position: dict[str, np.ndarray]) -> np.ndarray:
    """Speed (m/s) [n] of the faster wrist."""
    speeds = [np.linalg.norm(np.gradient(position[s + "Hand"], axis=0), axis=1) for s in ("left", "right")]
    return np.max(speeds, 0) * RATE_HZ


def head_follows_speech(bodies: Bodies, person: int) -> list[float]:
    """Correlation of loudness with its best linear combination of the head's three angles, per phrase over 1 s."""
    talk, head, out = bodies.talk[person], bodies.arrays["head"][person], []
    loud = np.convolve(talk.level, np.ones(5) / 5, "same")
    for start, end in talk.phrases:
        k = slice(int(start * RATE_HZ), int(end * RATE_HZ))
        if k.stop - k.start > RATE_HZ:
            angles, level = head[k] - head[k].mean(0), loud[k] - loud[k].mean()
            fit = angles @ np.linalg.lstsq(angles, level, rcond=None)[0]
            out.append(float(np.corrcoef(fit, level)[0, 1]))
    return out


def measure(every: int) -> dict[str, object]:
    """The figures over every k-th stream."""
    kinds, hands, action = Counter(), Counter(), Counter()
    strokes, talk_s, listen_s, nods = 0, 0.0, 0.0, 0
    lists: dict[str, list] = {k: [] for k in "lead slide inside distance bearing upper lower head r talk quiet".split()}
    for path in sorted(folder().glob("*.npz"))[::every]:
        bodies = animate_stream(path)
        kinds[bodies.scene.kind] += 1
        lists["distance"].append(bodies.arrays["placement"][0, :, 2])
        for i in (0, 1):
            lower, upper, head, place = (bodies.arrays[k][i] for k in ("lower", "upper", "head", "placement"))
            position, rotation = kinematics(bodies, i)
            action.update(bodies.arrays["action"][i].tolist())
            strokes += len(bodies.strokes[i])
            speaking = bodies.talk[i].speaking
            talk_s += speaking.sum() / RATE_HZ
            lists["lead"] += [s.stress - s.start for s in bodies.strokes[i]]
            hands.update(s.hands for s in bodies.strokes[i])
            lists["slide"].append(slide_cm_s(lower, position))
            lists["inside"].append(hand_inside(position, rotation))
            lists["bearing"].append(np.abs(np.arctan2(place[:, 0], place[:, 1])))
            lists["upper"].append(fast_share(upper))
            lists["lower"].append(fast_share(lower[:, 3:25]))
            lists["head"].append(fast_share(head))
            lists["r"] += head_follows_speech(bodies, i)
            speed = wrist_speed(position)
            lists["talk"].append(speed[speaking])
            lists["quiet"].append(speed[~speaking])
            quiet = ~speaking & bodies.talk[1 - i].speaking
            listen_s += quiet.sum() / RATE_HZ
            # A nod is a fast way down: more than 25 degrees a second while listening.
            down = (np.gradient(head[:, 0]) * RATE_HZ > np.radians(25)) & quiet
            starts = np.flatnonzero(down[1:] & ~down[:-1])
            nods += int(np.sum(np.diff(starts, prepend=-99) > RATE_HZ))
    joined = {k: np.concatenate(lists[k]) for k in ("slide", "inside", "distance", "bearing", "talk", "quiet")}
    frames, all_hands = sum(action.values()), sum(hands.values())
    return {
        "streams": sum(kinds.values()),
        "scenes": dict(kinds),
        "stand, walk, sit": [round(action[k] / frames, 3) for k in range(3)],
        "gestures per minute of talk": round(60 * strokes / talk_s, 1),
        "right, both, left": [round(hands[k] / all_hands, 2) for k in range(3)],
        "stroke before stress s, median": round(float(np.median(lists["lead"])), 3),
        "nods per minute of listening": round(60 * nods / listen_s, 1),
        "foot slide in contact cm/s, mean and largest": [float(joined["slide"].mean()), float(joined["slide"].max())],
        "frames with a hand inside": float(joined["inside"].mean()),
        "power over 5 Hz, upper, lower, head": [float(np.mean(lists[k])) for k in ("upper", "lower", "head")],
        "distance m, 5 50 95 %": np.percentile(joined["distance"], (5, 50, 95)).round(2).tolist(),
        "partner within 45 degrees": round(float((joined["bearing"] < np.pi / 4).mean()), 3),
        "head against loudness r, 10 50 90 %": np.percentile(lists["r"], (10, 50, 90)).round(2).tolist(),
        "faster wrist m/s, talking and not": [round(float(joined[k].mean()), 3) for k in ("talk", "quiet")],
        "wrists under 5 cm/s, talking and not": [round(float((joined[k] < 0.05).mean()), 2) for k in ("talk", "quiet")],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=5, help="measure every k-th stream")
    for name, value in measure(parser.parse_args().every).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
