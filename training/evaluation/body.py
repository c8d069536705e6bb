"""The bodies that the product makes, after its post-processing, against held-out *simulated* bodies.

FD_g, FD_k, Div_g, Div_k, Div_sample as in audio2photoreal and InterAct (on 69 numbers: height of the hips, 18 joints,
two hands), per action and averaged; strokes against stresses; smoothness, feet, touch, distance and facing; ten minutes
without a break against the first. A talk's action and emotion change in the corpus, the command line keeps one: only
talks are run in which both persons mostly sit or stand; what is compared are clips in which a person keeps to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from body import ACTIONS
from corpus_speech import RATE_HZ
from evaluation import figures
from evaluation.goals import Goal
from evaluation.jobs import Job, product, sound_file
from evaluation.metrics import FPS, differences, frechet, pair_distance, sample_variance, temporal_variance
from evaluation.setting import Setting
from evaluation.talk import Scene, scenes

SCENES, HELD_OUT, TRAINING_SCENES = 4, 24, 24
CLIP, SAMPLES, SAMPLED_SCENES = 600, 5, 2
POSE = [1, *range(4, 72)]
"""Numbers of a body frame that are a pose: height, joints, hands; without place, facing and head."""
STEADY, MOSTLY = 0.98, 0.9
RESULTS = Path(__file__).resolve().parent.parent / "results" / "body-ablation.json"

GOALS = [
    Goal("bodies: foot slide in stance, cm/s", "body.foot_slide_cm_s", at_most=2),
    Goal("bodies: jerk over the simulated corpus's", "body.jerk_over_corpus", at_most=1.2),
    Goal("bodies: frames with a hand in the own body", "body.hand_inside_own", at_most=0.001),
    Goal("bodies: frames with a hand in the partner", "body.hand_inside_partner", at_most=0),
    Goal("bodies: frames with trunks in each other", "body.trunks_inside", at_most=0),
    Goal("bodies: median distance of strokes to stresses, ms", "body.strokes.ours.median_distance_ms", at_most=250),
    Goal("bodies: sound brings strokes nearer by, ms", "body.strokes_nearer_than_without_sound_ms", at_least=0),
    Goal("bodies: variance, last minute over first", "body.free_running.last_over_first.variance", at_least=0.9),
    Goal("bodies: FD_g of the last minute over the first", "body.free_running.last_over_first.FD_g", at_most=1.1),
]


@dataclass(frozen=True)
class Take:
    """Bodies [2, n, 75] in a talk, whoever made them, and what they do, ids [2, n]; None: all the talk's main action."""

    scene: Scene
    body: np.ndarray
    action: np.ndarray | None = None


def corpus_take(scene: Scene) -> Take:
    """The simulated bodies of a talk."""
    lower, upper, head, root = (scene.bodies[name].astype(np.float64) for name in ("lower", "upper", "head", "root"))
    parts = [root[..., :1], lower[..., 3:4], root[..., 1:], lower[..., 4:25], upper, head]
    return Take(scene, np.concatenate(parts, -1), scene.bodies["action"])


def action_of(scene: Scene) -> str | None:
    """The action that both persons mostly keep, or None where there is no such."""
    ids = scene.bodies["action"]
    most = int(np.bincount(ids.ravel().astype(int)).argmax())
    return ACTIONS[most] if ((ids == most).mean(1) >= MOSTLY).all() else None


def clips(takes: list[Take], action: str) -> list[np.ndarray]:
    """Poses [CLIP, 69] of every person of the takes while he keeps an action, cut without overlap."""
    out, wanted = [], ACTIONS.index(action)
    for take in takes:
        if take.action is None and action_of(take.scene) != action:
            continue
        for person, pose in enumerate(take.body[..., POSE]):
            same = np.ones(len(pose), bool) if take.action is None else take.action[person, : len(pose)] == wanted
            at = 0
            while at + CLIP <= len(pose):
                steady = same[at : at + CLIP].mean() >= STEADY
                if steady:
                    out.append(pose[at : at + CLIP])
                at += CLIP if steady else CLIP // 10
    return out


def distribution(takes: list[Take], reference: list[Take]) -> dict[str, float]:
    """FD_g, FD_k, Div_g, Div_k, each per action against the reference's same action, then averaged."""
    found: dict[str, list[float]] = {}
    for action in ("stand", "sit"):
        made, true = clips(takes, action), clips(reference, action)
        if not made or not true:
            continue
        pooled = np.concatenate(made)
        found.setdefault("FD_g", []).append(frechet(pooled, np.concatenate(true)))
        steps = [np.concatenate(differences(x)) for x in (made, true)]
        found.setdefault("FD_k", []).append(frechet(*steps))
        found.setdefault("Div_g", []).append(pair_distance(pooled))
        found.setdefault("Div_k", []).append(temporal_variance(made))
    return {name: float(np.mean(values)) for name, values in found.items()}


def held_out(limit: int | None) -> tuple[list[Scene], list[Scene]]:
    """Talks to run (standing and sitting in turn) and the other held-out ones, which are the reference."""
    every = scenes("test", HELD_OUT)
    found = [scene for scene in every if action_of(scene) in ("stand", "sit")]
    groups = [[s for s in found if action_of(s) == action] for action in ("stand", "sit")]
    turns = [s for k in range(len(found)) for group in groups for s in group[k : k + 1]]
    chosen = turns[: min(limit or SCENES, max(len(turns) // 2, 1))]
    names = {scene.name for scene in chosen}
    return chosen, [scene for scene in every if scene.name not in names] or chosen


def random_takes(found: list[Scene], pool: list[Scene], seed: int) -> list[Take]:
    """Training bodies at random, of the same action where there are such."""
    random, out = np.random.default_rng(seed), []
    for scene in found:
        same = [p for p in pool if action_of(p) == action_of(scene)] or pool
        out.append(replace(corpus_take(same[int(random.integers(len(same)))]), scene=scene))
    return out


def still_takes(found: list[Scene], pool: list[Scene]) -> list[Take]:
    """The middle pose of the action in the training part, where the talk's persons begin."""
    out = []
    for scene in found:
        same = [p for p in pool if action_of(p) == action_of(scene)] or pool
        middle = np.median(np.concatenate([corpus_take(p).body[:, ::10].reshape(-1, 75) for p in same]), 0)
        body = np.tile(middle, (2, scene.frames, 1))
        body[..., [0, 2, 3]] = scene.bodies["root"][:, :1]
        out.append(Take(scene, body))
    return out


def silenced(scene: Scene, setting: Setting) -> Job:
    """The talk with two silent sounds."""
    quiet = sound_file(np.zeros(int(scene.frames / FPS * RATE_HZ), np.int16), setting)
    return Job(quiet, None, scene.options())


def sampled(found: list[Scene], setting: Setting) -> tuple[list[list[Job]], int]:
    """Jobs of the same clip under several seeds, per scene."""
    out = []
    for scene in found[:SAMPLED_SCENES]:
        cut = [soundfile.read(path, dtype="int16", frames=(CLIP + 8) * RATE_HZ // FPS)[0] for path in scene.sounds]
        a, b = (sound_file(samples, setting) for samples in cut)
        out.append([Job(a, b, (*scene.options(), "--seed", str(setting.seed + k))) for k in range(SAMPLES)])
    return out, SAMPLES


def long_job(found: list[Scene], setting: Setting) -> Job:
    """Held-out talks end to end, again and again, for the setting's minutes; both persons stand."""
    sides = [np.concatenate([soundfile.read(s.sounds[p], dtype="int16")[0] for s in found]) for p in (0, 1)]
    length = int(setting.minutes * 60 * RATE_HZ)
    a, b = (sound_file(np.resize(side, length), setting) for side in sides)
    return Job(a, b)


def free_running(body: np.ndarray, reference: list[Take]) -> dict:
    """Variance and Fréchet distances of every minute of bodies [2, n, 75] over those of the first."""
    true = np.concatenate(clips(reference, "stand") or clips(reference, "sit"))
    minute = min(60 * FPS, body.shape[1] // 2)
    rows = []
    for start in range(0, body.shape[1] - minute + 1, minute):
        pose = list(body[:, start : start + minute, POSE])
        rows.append(
            {
                "variance": temporal_variance(pose),
                "speed_variance": temporal_variance(differences(pose)),
                "FD_g": frechet(np.concatenate(pose), true),
                "power_above_5_hz": figures.fast_share(pose),
            }
        )
    ratio = {name: [row[name] / max(rows[0][name], 1e-12) for row in rows] for name in rows[0]}
    root = body[..., [0, 2]]
    gap = np.linalg.norm(root[0] - root[1], axis=1)
    return {
        "minutes": body.shape[1] / FPS / 60,
        "per_minute": rows,
        "last_over_first": {name: values[-1] for name, values in ratio.items()},
        "median_over_first": {name: float(np.median(values[1:])) for name, values in ratio.items()},
        "drift_m": float(np.linalg.norm(root[:, -1] - root[:, 0], axis=1).max()),
        "distance_first_last_m": [float(gap[0]), float(gap[-1])],
    }


def measure(setting: Setting) -> dict:
    """The section `body`."""
    found, others = held_out(setting.limit)
    pool = [scene for scene in scenes("train", TRAINING_SCENES) if action_of(scene) in ("stand", "sit")]
    reference = [corpus_take(scene) for scene in others]
    talks, quiet = [s.job() for s in found], [silenced(s, setting) for s in found]
    seeds, count = sampled(found, setting)
    walk = Job(*found[0].sounds, ("--action", "walk,walk"))
    long = [long_job([s for s in found if action_of(s) == "stand"] or found, setting)] if setting.minutes else []
    product([*long, *talks, *quiet, walk, *(job for group in seeds for job in group)], setting)

    def takes(jobs: list[Job]) -> list[Take]:
        return [Take(s, run.body.astype(np.float64)) for s, run in zip(found, product(jobs, setting), strict=True)]

    ours, truth = takes(talks), [corpus_take(scene) for scene in found]
    rows = {
        "ours": ours,
        "random": random_takes(found, pool, setting.seed),
        "still": still_takes(found, pool),
        "simulated corpus": truth,
    }
    result = {name: distribution(row, reference) | figures.kinematics(row) for name, row in rows.items()}
    spread = []
    for group in seeds:
        made = np.stack([run.body[:, :CLIP, POSE] for run in product(group, setting)])
        spread.append(sample_variance(made.reshape(len(made), -1, len(POSE))))
    corpus = result.pop("simulated corpus")
    mine = result.pop("ours") | {"Div_sample": float(np.mean(spread)), "samples": count}
    strokes = {name: figures.strokes(row) for name, row in rows.items() if name != "still"}
    strokes["ours without sound"] = figures.strokes(takes(quiet))
    nearer = strokes["ours without sound"]["median_distance_ms"] - strokes["ours"]["median_distance_ms"]
    if setting.report:
        from evaluation.pictures import keep_talks

        keep_talks(setting.report, found, product(talks, setting), [take.body for take in truth])
    walking = figures.kinematics([Take(found[0], product([walk], setting)[0].body.astype(np.float64))])
    return {
        "data": "held-out simulated talk",
        "scenes": [f"{scene.name} {action_of(scene)}" for scene in found],
        "reference_scenes": len(others),
        "training_scenes_of_random_and_still": len(pool),
        **mine,
        "jerk_over_corpus": mine["jerk_m_s3"] / max(corpus["jerk_m_s3"], 1e-9),
        "walking": walking,
        "truth": corpus,
        "strokes": strokes,
        "strokes_nearer_than_without_sound_ms": nearer,
        "free_running": free_running(product(long, setting)[0].body.astype(np.float64), reference) if long else None,
        "baselines": result | ({"small_networks": json.loads(RESULTS.read_text())} if RESULTS.exists() else {}),
    }


def table(result: dict) -> str:
    """The section for print."""
    rows = {"ours": result, "simulated": result["truth"], **{n: result["baselines"][n] for n in ("random", "still")}}
    rows["walking"] = result["walking"]
    counts = f"{len(result['scenes'])} held-out simulated talks against {result['reference_scenes']} others"
    title = f"Bodies, simulated: {counts}"
    lines = [title, f"  {'':36s}" + "".join(f"{name:>11s}" for name in rows)]
    for name in [n for n in result["truth"] if n != "distance_m"] + ["Div_sample"]:
        cells = "".join(f"{row[name]:11.4f}" if name in row else f"{'':11s}" for row in rows.values())
        lines.append(f"  {figures.LABELS.get(name, name):36s}{cells}")
    lines.append(f"  jerk over the simulated corpus's (goal 1.2): {result['jerk_over_corpus']:.2f}")
    lines.append(figures.strokes_table(result["strokes"]))
    long = result["free_running"]
    if long:
        middle = long["median_over_first"]
        ratios = ", ".join(f"{name} {v:.2f} ({middle[name]:.2f})" for name, v in long["last_over_first"].items())
        lines.append(f"  {long['minutes']:.1f} min free running, last minute over the first (median minute): {ratios}")
        first, last = long["distance_first_last_m"]
        lines.append(f"  drift {long['drift_m']:.2f} m, distance {first:.2f} to {last:.2f} m")
    small = result["baselines"].get("small_networks")
    if small:
        lines.append(figures.ablation_table(small))
    return "\n".join(lines)
