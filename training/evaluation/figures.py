"""What is measured on bodies as such: smoothness, feet, touch, distance and facing, and strokes against stresses.

Body frames [2, n, 75] as in `motion.json`: x, height, z, yaw, 7 lower and 11 upper joints, two hands, head.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter1d

from body_skeleton import apply, forward, hand_inside, transposed, turn
from evaluation.metrics import FPS, against_shifts, edge_ratio, fast_share, peaks
from evaluation.talk import Scene, bearings, speaking

JERKED = ("leftHand", "rightHand", "head", "hips", "leftFoot", "rightFoot")
STANDING_BELOW_M = 0.025
TRUNK_RADIUS_M, HAND_RADIUS_M = 0.14, 0.03
STROKE = {"height": 0.30, "prominence": 0.20, "distance": 9}
"""A stroke: a peak of the faster hand's speed, m/s, and frames to the next."""
NEAR_S, SPREAD_S = 0.25, 0.5

LABELS = {
    "FD_g": "FD_g (poses, rad²)",
    "FD_k": "FD_k (steps, rad²)",
    "Div_g": "Div_g",
    "Div_k": "Div_k",
    "Div_sample": "Div_sample",
    "jerk_m_s3": "jerk of hands, head, hips, feet, m/s³",
    "power_above_5_hz": "share of velocity power over 5 Hz",
    "block_edge_ratio": "second difference, edges over inside",
    "hands_m_s": "hands' speed, m/s",
    "hands_speaking_over_silent": "… speaking over silent",
    "foot_slide_cm_s": "foot slide in stance, cm/s (goal 2)",
    "hand_inside_own": "frames with a hand in the own body",
    "hand_inside_partner": "frames with a hand in the partner",
    "trunks_inside": "frames with trunks in each other",
    "distance_median_m": "distance, m, median",
    "distance_p5_m": "… 5 %",
    "distance_p95_m": "… 95 %",
    "facing_within_45": "partner within 45°",
}


class Taken(Protocol):
    """Bodies [2, n, 75] in a talk."""

    scene: Scene
    body: np.ndarray


def positions(body: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Positions [n, 3] and rotations [n, 3, 3] of one person's bones in the world, of body frames [n, 75]."""
    lower = np.concatenate([np.zeros((len(body), 3)), body[:, 1:2], body[:, 4:25], np.zeros((len(body), 2))], 1)
    return forward(lower, body[:, 25:72], body[:, 72:], body[:, [0, 2, 3]])


def hand_speed(body: np.ndarray, position: dict[str, np.ndarray]) -> np.ndarray:
    """Speed [2, n] (m/s) of the wrists in the person's own facing frame: walking and turning do not count."""
    frame = transposed(turn(1, body[:, 3]))
    own = [apply(frame, position[f"{side}Hand"] - position["hips"]) for side in ("left", "right")]
    return np.stack([np.linalg.norm(np.gradient(x, axis=0), axis=1) for x in own]) * FPS


def slide(position: dict[str, np.ndarray]) -> tuple[float, float]:
    """Speed of the toes (cm/s) times 2 - 2^(height / 2.5 cm), and the weights' sum (Zhang et al. 2018)."""
    total = weights = 0.0
    for side in ("left", "right"):
        toes = position[side + "Toes"]
        moved = np.linalg.norm(np.diff(toes[:, [0, 2]], axis=0), axis=1) * FPS * 100
        weight = 2 - 2 ** np.clip(toes[1:, 1] / STANDING_BELOW_M, 0, 1)
        total, weights = total + float(weight @ moved), weights + float(weight.sum())
    return total, weights


def beside(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance [n] of points from the segments a to b, all [n, 3]."""
    along = b - a
    share = np.clip(np.sum((point - a) * along, -1) / np.maximum(np.sum(along**2, -1), 1e-9), 0, 1)
    return np.linalg.norm(point - a - share[:, None] * along, axis=-1)


def touches(bodies: list[tuple[dict, dict]]) -> dict[str, float]:
    """Shares of frames with hands inside the own body or the partner's trunk, and with trunks in each other."""
    own = np.concatenate([hand_inside(*body) for body in bodies])
    partner, trunks = [], np.zeros(len(own) // 2, bool)
    for person in (0, 1):
        (mine, _), (other, _) = bodies[person], bodies[1 - person]
        inside = np.zeros(len(mine["hips"]), bool)
        for side in ("left", "right"):
            tip = 0.5 * (mine[side + "Hand"] + mine[side + "Tip"])
            inside |= beside(tip, other["hips"], other["neck"]) < TRUNK_RADIUS_M + HAND_RADIUS_M
        partner.append(inside)
        for bone in ("hips", "chest", "neck", "head"):
            trunks |= beside(mine[bone], other["hips"], other["neck"]) < 2 * TRUNK_RADIUS_M
    return {
        "hand_inside_own": float(own.mean()),
        "hand_inside_partner": float(np.concatenate(partner).mean()),
        "trunks_inside": float(trunks.mean()),
    }


def kinematics(takes: list[Taken]) -> dict[str, float]:
    """Figures of takes, frames of all persons pooled."""
    jerk, speaks, silent, gap, facing, touch = [], [], [], [], [], []
    slid = weight = 0.0
    for take in takes:
        made = [positions(body) for body in take.body]
        speech = speaking(take.scene.phone)
        for person, (position, _) in enumerate(made):
            third = [np.linalg.norm(np.diff(position[bone], 3, axis=0), axis=1) for bone in JERKED]
            jerk.append(np.mean(third, 0) * FPS**3)
            speed, n = hand_speed(take.body[person], position).mean(0), min(len(position["hips"]), speech.shape[1])
            speaks.append(speed[:n][speech[person, :n]])
            silent.append(speed[:n][~speech[person, :n]])
            moved, held = slide(position)
            slid, weight = slid + moved, weight + held
        root = take.body[..., [0, 2, 3]]
        gap.append(np.linalg.norm(root[0, :, :2] - root[1, :, :2], axis=1))
        facing.append(np.abs(bearings(root)).ravel() < np.pi / 4)
        touch.append(touches(made))
    joints = [person[:, 4:72] for take in takes for person in take.body]
    distance, hands = np.concatenate(gap), (np.concatenate(speaks), np.concatenate(silent))
    return {
        "jerk_m_s3": float(np.concatenate(jerk).mean()),
        "power_above_5_hz": fast_share(joints),
        "block_edge_ratio": edge_ratio(joints),
        "hands_m_s": float(np.concatenate(hands).mean()),
        "hands_speaking_over_silent": float(hands[0].mean() / max(hands[1].mean(), 1e-9)) if len(hands[0]) else 0.0,
        "foot_slide_cm_s": slid / max(weight, 1e-9),
        **{name: float(np.mean([t[name] for t in touch])) for name in touch[0]},
        "distance_p5_m": float(np.percentile(distance, 5)),
        "distance_median_m": float(np.median(distance)),
        "distance_p95_m": float(np.percentile(distance, 95)),
        "facing_within_45": float(np.concatenate(facing).mean()),
    }


def nearest(strokes: np.ndarray, stress: np.ndarray) -> np.ndarray:
    """Each stroke's time less that of the stress nearest to it."""
    gaps = strokes[:, None] - stress[None]
    return gaps[np.arange(len(strokes)), np.abs(gaps).argmin(1)]


def strokes(takes: list[Taken]) -> dict[str, float]:
    """Strokes against stresses, of all persons; strokes count in speech and up to half a second around it.

    `by_chance_ms` is the median offset to the same stresses moved around the talk's speech; `speed_at_stress_z` says
    how much faster hands are within a quarter of a second of a stress than of moved ones (mean z over persons).
    """
    offsets, chance, z, inside, outside, minutes = [], [], [], 0, 0, np.zeros(2)
    for take in takes:
        for person, body in enumerate(take.body):
            speed = gaussian_filter1d(hand_speed(body, positions(body)[0]).max(0), 1.5)
            n = min(len(speed), take.scene.frames)
            speed, speech = speed[:n], speaking(take.scene.phone)[person, :n]
            wide = np.convolve(speech, np.ones(2 * round(SPREAD_S * FPS) + 1), "same") > 0.5
            found = peaks(speed, np.ones(n, bool), **STROKE)
            minutes += np.array([wide.sum(), (~wide).sum()]) / FPS / 60
            inside, outside = inside + int(wide[found].sum()), outside + int((~wide[found]).sum())
            stress = take.scene.stress(person)
            frames = np.unique(np.minimum((stress * FPS).astype(int), n - 1))
            frames = frames[speech[frames]]
            if len(frames) < 5:
                continue
            within = found[wide[found]] / FPS
            if len(within):
                offsets.append(nearest(within, stress))
                moved = against_shifts(lambda at: float(np.median(np.abs(nearest(within, at / FPS)))), speech, frames)
                chance.append((moved["by chance"], len(within)))
            near = gaussian_filter1d(speed, NEAR_S * FPS / 2)
            z.append(against_shifts(lambda at: float(near[at].mean()), speech, frames)["z"])
    every = np.concatenate(offsets) if offsets else np.array([np.nan])
    weights = np.array(chance) if chance else np.full((1, 2), np.nan)
    return {
        "strokes": int(np.isfinite(every).sum()),
        "median_offset_ms": float(np.median(every) * 1000),
        "median_distance_ms": float(np.median(np.abs(every)) * 1000),
        "by_chance_ms": float(np.average(weights[:, 0], weights=weights[:, 1]) * 1000),
        "within_250_ms": float((np.abs(every) <= NEAR_S).mean()),
        "speed_at_stress_z": float(np.mean(z)) if z else float("nan"),
        "per_minute_of_speech": inside / max(minutes[0], 1e-9),
        "per_minute_of_silence": outside / max(minutes[1], 1e-9),
    }


def strokes_table(found: dict[str, dict[str, float]]) -> str:
    """Strokes for print."""
    words = {
        "strokes": "strokes (peaks of the faster hand)",
        "median_offset_ms": "median stroke less stress, ms",
        "median_distance_ms": "median distance to a stress, ms",
        "by_chance_ms": "… to moved stresses",
        "within_250_ms": "within 250 ms of a stress",
        "speed_at_stress_z": "hands faster at stresses, z",
        "per_minute_of_speech": "strokes a minute of speech",
        "per_minute_of_silence": "… of silence",
    }
    lines = [f"  {'strokes against stresses, simulated':36s}" + "".join(f"{name:>20s}" for name in found)]
    for name, label in words.items():
        lines.append(f"  {label:36s}" + "".join(f"{row[name]:20.2f}" for row in found.values()))
    return "\n".join(lines)


def ablation_table(found: dict) -> str:
    """The small networks for print: mean and spread over seeds."""
    lines = [f"  small networks, {found['size']}; mean ± spread over {found['seeds']} seeds, simulated"]
    names = list(next(iter(found["networks"].values()))["mean"])
    lines.append(f"  {'':24s}" + "".join(f"{name:>26s}" for name in names))
    for network, row in found["networks"].items():
        cells = "".join(f"{row['mean'][n]:16.4f} ± {row['spread'][n]:7.4f}" for n in names)
        lines.append(f"  {network:24s}{cells}")
    return "\n".join(lines)
