"""The listener: what the product's two-person network makes of held-out *simulated* talk and of a real telephone call.

Upper face and mouth corners (21 ARKit weights) and head (rad) of whoever listens: neither speaks nor is 0.3 s from it.
DIM's measures (Tran et al. 2024, as its code computes them), beside random, nearest, mirror and still.
"""

from __future__ import annotations

import numpy as np

from dim import CHANNELS
from evaluation import mismatch, reaction
from evaluation.body import held_out
from evaluation.goals import Goal
from evaluation.jobs import product
from evaluation.metrics import FPS, dyadic, peaks, per_minute, runs
from evaluation.setting import Setting
from evaluation.talk import Scene, listening, scenes, speaking

TRAINING_SCENES = 24
EXPRESSION, HEAD = slice(0, 21), slice(21, 24)
CLUSTERS = {"expression": 40, "head": 20}
PIECE, LEAST_LISTENING = 60, 120
SMILE = [CHANNELS.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
BLINK, PITCH = CHANNELS.index("eyeBlinkLeft"), CHANNELS.index("headX")
EVENTS = {
    "nods": (lambda m: m[:, PITCH], {"prominence": 0.045, "width": (1, 0.6 * FPS)}),
    "blinks": (lambda m: m[:, BLINK], {"height": 0.5, "prominence": 0.3}),
    "smiles": (lambda m: m[:, SMILE].mean(1), {"prominence": 0.08, "width": (0.15 * FPS, 2.5 * FPS)}),
}
"""How an event is found in motion [n, 24]: a signal and the shape of its peaks."""
TABLE = {
    "nods": "1.3-12 (4-12 backchannels, a third to all of them nods)",
    "blinks": "17-26 (rest-conversation)",
    "smiles": "no figure",
}
"""Per minute of listening, from the table of textbook figures."""

GOALS = [
    Goal("turn reaction on the call, median ms", "listener.reaction.call.turn_ms", at_most=200),
    *(
        Goal(f"right partner beats {words}, {part}", f"listener.partner.{part}.{wrong}.right_is_better.answers_z.by", 0.0)
        for part in ("simulated", "call")
        for wrong, words in mismatch.WRONG.items()
    ),
]


def listeners(found: list[Scene]) -> list[tuple[int, int, np.ndarray]]:
    """(scene, person, frames in which he listens) of all who listen long enough."""
    out = []
    for s, scene in enumerate(found):
        for person, speech in enumerate(speaking(scene.phone)):
            mask = listening(speech)
            if mask.sum() >= LEAST_LISTENING:
                out.append((s, person, mask))
    return out


def mel_features(mel: np.ndarray, start: int, frames: int = PIECE) -> np.ndarray:
    """Sound of `frames` frames of mel [ticks, 2, 80] as 6-frame means of 10 bands, flat."""
    rows = mel[start : start + frames].astype(np.float32).reshape(frames // 6, 12, 10, 8)
    return rows.mean((1, 3)).ravel()


class Training:
    """Listening in the training part, to copy from."""

    def __init__(self, found: list[Scene], seed: int):
        self.random = np.random.default_rng(seed)
        self.pieces, features = [], []
        for s, person, mask in listeners(found):
            for run in runs(mask):
                for start in range(run.start, run.stop - PIECE + 1, PIECE // 4):
                    self.pieces.append(found[s].motion[person, start : start + PIECE])
                    features.append(mel_features(found[s].mel[1 - person], start))
        self.features = np.stack(features)
        self.middle = np.median(np.concatenate(self.pieces), 0)

    def std(self) -> np.ndarray:
        """Spread of every channel [24], floored like the network's."""
        return np.maximum(np.concatenate(self.pieces[::4]).std(0), 0.03)

    def copied(self, scene: Scene, person: int, mask: np.ndarray, nearest: bool) -> np.ndarray:
        """Motion [n, 24] laid together from pieces of two seconds: at random, or by the partner's sound."""
        out = np.tile(self.middle, (scene.frames, 1))
        for run in runs(mask):
            for start in range(run.start, run.stop, PIECE):
                end = min(start + PIECE, run.stop)
                if nearest:
                    heard = mel_features(scene.mel[1 - person], min(start, scene.frames - PIECE))
                    pick = int(((self.features - heard) ** 2).sum(1).argmin())
                else:
                    pick = int(self.random.integers(len(self.pieces)))
                out[start:end] = self.pieces[pick][: end - start]
        return out


def scored(made: list[np.ndarray], true: list[np.ndarray], partner: list[np.ndarray]) -> dict:
    """DIM's measures of expression and of head; lists of [n, 24] of listeners."""
    parts = {"expression": EXPRESSION, "head": HEAD}
    cut = lambda sequences, part: [x[:, part] for x in sequences]  # noqa: E731
    return {
        name: dyadic(*(cut(x, part) for x in (made, true, partner)), CLUSTERS[name]) for name, part in parts.items()
    }


def rates(motions: list[np.ndarray], masks: list[np.ndarray]) -> dict[str, float]:
    """Nods, blinks and smiles a minute of listening."""
    out = {}
    for name, (signal, shape) in EVENTS.items():
        counts = [len(peaks(signal(m), mask, **shape)) for m, mask in zip(motions, masks, strict=True)]
        out[name] = per_minute(counts, masks)
    return out


def copies(found: list[Scene], who: list[tuple], training: Training) -> dict[str, list[np.ndarray]]:
    """The baselines' motion [n, 24] of every listener."""
    return {
        "random": [training.copied(found[s], p, mask, False) for s, p, mask in who],
        "nearest": [training.copied(found[s], p, mask, True) for s, p, mask in who],
        "mirror": [found[s].motion[1 - p] for s, p, _ in who],
        "still": [np.tile(training.middle, (found[s].frames, 1)) for s, _, _ in who],
    }


def measure(setting: Setting) -> dict:
    """The section `listener`."""
    found, _ = held_out(setting.limit)
    pool = scenes("train", TRAINING_SCENES)
    training = Training(pool, setting.seed)
    who = listeners(found)
    jobs = [scene.job() for scene in found]
    made = product(jobs, setting)
    true = [found[s].motion[p] for s, p, _ in who]
    partner = [found[s].motion[1 - p] for s, p, _ in who]
    masks = [mask for _, _, mask in who]

    def heard(motions: list[np.ndarray]) -> list[np.ndarray]:
        return [m[: len(mask)][mask] for m, mask in zip(motions, masks, strict=True)]

    ours = [made[s].motion[p] for s, p, _ in who]
    rows = {"ours": ours} | copies(found, who, training)
    rows["simulated corpus"] = true
    scores = {name: scored(heard(motions), heard(true), heard(partner)) for name, motions in rows.items()}
    return {
        "data": "held-out simulated talk",
        "scenes": len(found),
        "listeners": len(who),
        "minutes_of_listening": sum(int(m.sum()) for m in masks) / FPS / 60,
        "training_scenes_of_random_and_nearest": len(pool),
        **scores.pop("ours"),
        "truth": scores.pop("simulated corpus"),
        "baselines": scores,
        "per_minute_of_listening": {"ours": rates(ours, masks), "simulated corpus": rates(true, masks), "table": TABLE},
        "partner": {
            "simulated": mismatch.simulated(found, who, jobs, training.std(), setting),
            "call": mismatch.of_call(training.std(), setting),
        },
        "reaction": reaction.measure(found, made, setting),
    }


def table(result: dict) -> str:
    """The section for print."""
    rows = {"ours": result} | result["baselines"] | {"simulated corpus": result["truth"]}
    lines = [
        f"Listener, simulated: {result['listeners']} listeners in {result['scenes']} held-out simulated talks, "
        f"{result['minutes_of_listening']:.1f} min of listening; less is better but SID, Var: like the corpus"
    ]
    for part in ("expression", "head"):
        names = list(result[part])
        lines.append(f"{part + ', simulated':24s}" + "".join(f"{name:>11s}" for name in names))
        for name, row in rows.items():
            lines.append(f"  {name:22s}" + "".join(f"{row[part][key]:11.4f}" for key in names))
    rate = result["per_minute_of_listening"]
    lines.append(f"{'per minute of listening':24s}{'ours':>11s}{'simulated':>11s}  table")
    for name, words in rate["table"].items():
        lines.append(f"  {name:22s}{rate['ours'][name]:11.1f}{rate['simulated corpus'][name]:11.1f}  {words}")
    lines += [mismatch.table(result["partner"]), reaction.table(result["reaction"])]
    return "\n".join(lines)
