"""Does the listener listen? The same listener with the right partner's sound and with wrong ones.

Wrong are another talk's partner, the right one two seconds later or earlier, and silence. A listener's own sound is the
same in all of them. Every score is oriented so that more is better; with a wrong partner it should fall.
"""

from __future__ import annotations

import numpy as np
import soundfile

from dim import CHANNELS
from evaluation.jobs import Job, Run, product, sound_file
from evaluation.metrics import FPS, against_shifts, frechet, mse, pearson, peaks, smoothed
from evaluation.setting import Setting
from evaluation.talk import Scene, at_frames, call, closed, listening, phrase_ends, speaking, voice_activity

SHIFT_S, CALL_S = 2.0, 80.0
ANSWER_S = (0.1, 1.2)
SHOWN = [CHANNELS.index(f"mouthSmile{side}") for side in ("Left", "Right")] + [
    CHANNELS.index(name) for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "headX", "headY", "headZ")
]
"""Channels of what a listener shows: smiles, brows, head; lids go their own way."""
PITCH, NOD = CHANNELS.index("headX"), {"prominence": 0.045, "width": (1, 0.6 * FPS)}

SCORES = {
    "answers_z": "activity 0.1-1.2 s after the partner's phrase ends, z against moved ends",
    "nods_z": "nods 0.1-1.2 s after them, z against moved ends",
    "speech_z": "correlation of activity and partner's speech 0.3 s before, z against moved speech",
    "activity_r": "correlation of activity with the true listener's",
    "mse": "minus MSE to the true listener (units of the channels' spread)",
    "p_fd": "minus P-FD beside the right partner (same units)",
}
"""What is scored; the first three need no truth. z of the call is that of both listeners, mean."""
WRONG = {"another": "another talk's", "later": "the same 2 s later", "earlier": "2 s earlier", "silence": "silence"}
"""Wrong partners and what they are called."""


def activity(motion: np.ndarray, std: np.ndarray) -> np.ndarray:
    """How much a listener [n, 24] moves, [n]: speed of what he shows in units of its spread, over 5 frames."""
    speed = np.abs(np.diff(motion[:, SHOWN] / std[SHOWN], axis=0, prepend=motion[:1, SHOWN] / std[SHOWN]))
    return smoothed(speed.mean(1) * FPS, 5)


def contingency(motion: np.ndarray, mask: np.ndarray, partner: np.ndarray, std: np.ndarray) -> dict[str, float]:
    """How a listener [n, 24] goes with the partner's speech [n] within the frames `mask`; permutation z of three."""
    n, moves = len(motion), activity(motion, std)
    first, last = (round(s * FPS) for s in ANSWER_S)
    window = np.arange(first, last)

    def after(signal: np.ndarray):
        def mean(ends: np.ndarray) -> float:
            return float(signal[np.minimum(ends[:, None] + window, n - 1)].mean())

        return mean

    ends = phrase_ends(partner)
    # An end after which he takes the turn is not answered by listening.
    ends = np.array([e for e in ends if mask[e : e + last].mean() > 0.9], int)
    nods = np.zeros(n)
    nods[peaks(motion[:, PITCH], mask, **NOD)] = FPS
    out = {"answers_z": np.nan, "nods_z": np.nan}
    if len(ends) >= 3:
        inside = ends[mask[ends]]
        signals = {"answers_z": moves, "nods_z": nods}
        out = {name: against_shifts(after(signal), mask, inside)["z"] for name, signal in signals.items()}
    places = np.flatnonzero(mask)
    slow, heard = smoothed(moves, 15)[places], np.roll(partner, round(0.3 * FPS))[places].astype(float)
    random = np.random.default_rng(0)
    moved = [pearson(slow, np.roll(heard, k)) for k in random.integers(len(places), size=200)]
    out["speech_z"] = (pearson(slow, heard) - float(np.mean(moved))) / max(float(np.std(moved)), 1e-9)
    return out


def scores(motion: np.ndarray, scene: Scene, person: int, mask: np.ndarray, std: np.ndarray) -> dict[str, float]:
    """All scores of a listener's motion [n, 24] against the talk that he is in."""
    true, partner = scene.motion[person], scene.motion[1 - person]
    motion = motion[: len(mask)]
    z = {name: (x[mask] / std) for name, x in (("made", motion), ("true", true), ("partner", partner))}
    beside = [np.concatenate([z["partner"], z[name]], 1) for name in ("made", "true")]
    return contingency(motion, mask, speaking(scene.phone)[1 - person], std) | {
        "activity_r": pearson(activity(motion, std)[mask], activity(true, std)[mask]),
        "mse": -mse(z["made"], z["true"]),
        "p_fd": -frechet(*beside),
    }


def compared(right: list[dict], wrong: dict[str, list[dict]]) -> dict:
    """Means with the right partner and with each wrong one, and how surely the right one is better (paired)."""
    out: dict = {"right": means(right)}
    for name, rows in wrong.items():
        out[name] = {"scores": means([row for _, row in rows]), "right_is_better": {}}
        for score in right[0]:
            gain = np.array([right[i][score] - row[score] for i, row in rows])
            gain = gain[np.isfinite(gain)]
            error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("nan")
            mean = float(gain.mean()) if len(gain) else float("nan")
            share = float((gain > 0).mean()) if len(gain) else float("nan")
            out[name]["right_is_better"][score] = {
                "by": mean, "standard_error": error, "of_listeners": share, "holds": bool(mean > 0)
            }  # fmt: skip
    return out


def means(rows: list[dict]) -> dict[str, float]:
    """Mean of every score, undefined ones left out."""
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    known = {name: values[np.isfinite(values)] for name, values in found.items()}
    return {name: float(values.mean()) if len(values) else float("nan") for name, values in known.items()}


def shifted(samples: np.ndarray, by: int) -> np.ndarray:
    """Sound that comes `by` samples later (earlier where negative), going round."""
    return np.roll(samples, by)


def simulated(found: list[Scene], who: list, jobs: list[Job], std: np.ndarray, setting: Setting) -> dict:
    """The test on held-out simulated talk. One conversation of strangers tries two listeners at once."""
    conditions: dict[str, dict[tuple[int, int], tuple[Job, int]]] = {name: {} for name in WRONG}
    for s, scene in enumerate(found):
        options, other = scene.options(), (s + 1) % len(found)
        a, b = (soundfile.read(path, dtype="int16") for path in scene.sounds)
        if len(found) > 1:
            stranger = Job(scene.sounds[0], found[other].sounds[1], scene.options(found[other]))
            conditions["another"][s, 0] = conditions["another"][other, 1] = (stranger, 0)
        # B later: A hears B late, and B, whose own time is the later one, hears A early.
        move = int(SHIFT_S * b[1])
        late = Job(scene.sounds[0], sound_file(shifted(b[0], move), setting, b[1]), options)
        conditions["later"][s, 0], conditions["earlier"][s, 1] = (late, 0), (late, round(SHIFT_S * FPS))
        person = s % 2
        alone = Job(scene.sounds[0], None, options) if person == 0 else Job(None, scene.sounds[1], options)
        conditions["silence"][s, person] = (alone, 0)
    product([job for tried in conditions.values() for job, _ in tried.values()], setting)
    index = {(s, p): i for i, (s, p, _) in enumerate(who)}
    right = [scores(product([jobs[s]], setting)[0].motion[p], found[s], p, mask, std) for s, p, mask in who]
    wrong: dict[str, list] = {name: [] for name in WRONG}
    for name, tried in conditions.items():
        for key, (job, back) in tried.items():
            if key in index:
                s, p, mask = who[index[key]]
                motion = np.roll(product([job], setting)[0].motion[p], -back, 0)
                wrong[name].append((index[key], scores(motion, found[s], p, mask, std)))
    return {"listeners": len(who)} | compared(right, {k: v for k, v in wrong.items() if v})


def call_jobs(setting: Setting) -> tuple[Job, list[np.ndarray], int]:
    """The whole call as a job, its sides and their rate."""
    sides, rate = call()
    return Job(*(_written(side, setting, rate) for side in sides)), sides, rate


_FILES: dict = {}


def _written(samples: np.ndarray, setting: Setting, rate: int):
    key = (setting.work, len(samples), float(np.abs(samples).sum()), float(samples[: 60 * rate].sum()))
    if key not in _FILES:
        _FILES[key] = sound_file(samples, setting, rate)
    return _FILES[key]


def of_call(std: np.ndarray, setting: Setting) -> dict:
    """The test on the first part of the telephone call, without truth: only the scores that need none."""
    whole, sides, rate = call_jobs(setting)
    length, move = int(CALL_S * rate), int(SHIFT_S * rate)
    first, rest = [side[:length] for side in sides], [side[length : 2 * length] for side in sides]
    a, b = (_written(side, setting, rate) for side in first)
    late = Job(a, _written(shifted(first[1], move), setting, rate))
    conditions = {
        "another": [(Job(a, _written(rest[1], setting, rate)), 0), (Job(_written(rest[0], setting, rate), b), 0)],
        "later": [(late, 0)],
        "earlier": [None, (late, round(SHIFT_S * FPS))],
        "silence": [(Job(a, None), 0), (Job(None, b), 0)],
    }
    product([whole, *(job for tried in conditions.values() for job, _ in filter(None, tried))], setting)
    frames = int(CALL_S * FPS)
    speech = np.stack([at_frames(voice_activity(side, rate), frames) for side in first])
    speech = closed(speech, round(0.2 * FPS))
    masks = [listening(row) for row in speech]

    def of(run: Run, person: int, back: int = 0) -> dict[str, float]:
        motion = np.roll(run.motion[person][:frames], -back, 0)
        return contingency(motion, masks[person], speech[1 - person], std)

    made = product([whole], setting)[0]
    right = [of(made, person) for person in (0, 1)]
    wrong: dict[str, list] = {}
    for name, tried in conditions.items():
        for person, run in enumerate(tried):
            if run is not None:
                wrong.setdefault(name, []).append((person, of(product([run[0]], setting)[0], person, run[1])))
    return {"listeners": 2, "seconds": CALL_S} | compared(right, wrong)


def table(result: dict) -> str:
    """The test for print."""
    lines = []
    for part, title in (("simulated", "simulated talk"), ("call", "real call")):
        found = result[part]
        wrong = [name for name in WRONG if name in found]
        lines.append(f"right against wrong partner, {title}, {found['listeners']} listeners; *: wrong is not worse")
        lines.append(f"  {'score (more is better)':22s}" + "".join(f"{name:>18s}" for name in ("right", *wrong)))
        for score in found["right"]:
            cells = f"{found['right'][score]:18.3f}"
            for name in wrong:
                better = found[name]["right_is_better"][score]
                mark = " " if better["holds"] else "*"
                cells += f"{found[name]['scores'][score]:9.3f} ({better['of_listeners']:4.0%}){mark} "
            lines.append(f"  {score:22s}{cells}")
    lines.append("  in brackets: share of listeners with whom the right partner scores better")
    lines += [f"  {name}: {words}" for name, words in SCORES.items()]
    return "\n".join(lines)
