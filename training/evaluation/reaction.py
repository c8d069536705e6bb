"""How soon a person who begins to talk, and his partner, are seen to react; on a real call and on simulated talk.

An onset is speech of at least half a second after a second of own silence. On the call it is found by energy in 10 ms
frames of the 8 kHz sound; in simulated talk it is the first phone's. Delays contain the look-ahead by which a live
picture trails its sound.
"""

from __future__ import annotations

import numpy as np

from dim import CHANNELS
from evaluation.jobs import Run, product
from evaluation.metrics import FPS, runs
from evaluation.mismatch import call_jobs
from evaluation.setting import Setting
from evaluation.talk import LEVEL_FRAME_S, Scene, speaking, voice_activity
from face import ARKIT_51

SILENCE_S, SPEECH_S, LATEST_S = 1.0, 0.5, 1.5
MOUTH = [ARKIT_51.index(name) for name in ("jawOpen", "mouthFunnel", "mouthLowerDownLeft", "mouthLowerDownRight")]
OPENED = 0.04
SHOWN = [i for i, name in enumerate(CHANNELS) if not name.startswith("eyeBlink")]
QUIET_S, VISIBLE = 1.0, 2.5


def onsets(speech: np.ndarray, rate_hz: float) -> np.ndarray:
    """Times (s) at which turns begin in a mask [m] of speech."""
    found, silent_from = [], 0
    for run in runs(speech):
        long = run.stop - run.start >= SPEECH_S * rate_hz
        if long and run.start - silent_from >= SILENCE_S * rate_hz:
            found.append(run.start / rate_hz)
        silent_from = run.stop
    return np.array(found)


def first_time(state: np.ndarray, at_s: float, latest_s: float = LATEST_S) -> float:
    """Seconds after a time at which a state [n] is first true, no more than 0.1 s before it; nan where it is not."""
    begin = max(int(np.floor((at_s - 0.1) * FPS)), 0)
    found = np.flatnonzero(state[begin : int((at_s + latest_s) * FPS) + 1])
    return (begin + found[0]) / FPS - at_s if len(found) else float("nan")


def stirs(motion: np.ndarray) -> np.ndarray:
    """True [n] where a person [n, 24] visibly begins to move: speed of brows, cheeks, mouth corners and head over 2.5
    times its mean of the second before (in units of each channel's mean speed)."""
    speed = np.abs(np.diff(motion[:, SHOWN], axis=0, prepend=motion[:1, SHOWN]))
    speed = (speed / np.maximum(speed.mean(0), 1e-6)).mean(1)
    width = round(QUIET_S * FPS)
    total = np.cumsum(np.concatenate([np.zeros(width), speed]))
    before = (total[width - 1 : -1] - np.concatenate([[0], total[: -width - 1]])) / width
    return speed > VISIBLE * np.maximum(before, 0.1)


def delays(run: Run, starts: list[np.ndarray], seed: int = 0) -> dict[str, list[float]]:
    """Delays (s) after every onset [k] of both persons: own turn, own mouth, the partner, the partner by chance."""
    out: dict[str, list[float]] = {name: [] for name in ("turn", "mouth", "listener", "listener_by_chance")}
    random, frames = np.random.default_rng(seed), run.turn.shape[1]
    for person, times in enumerate(starts):
        mouth = run.face[person][:, MOUTH].max(1)
        shown = stirs(run.motion[1 - person])
        for at in times:
            k = int(at * FPS)
            rest = float(np.median(mouth[max(k - 15, 0) : max(k - 3, 1)]))
            out["turn"].append(first_time(run.turn[person] > 0.5, at) + run.lookahead_s)
            out["mouth"].append(first_time(mouth > rest + OPENED, at) + run.lookahead_s)
            out["listener"].append(first_time(shown, at + 0.1) + 0.1 + run.lookahead_s)
            chance = random.uniform(1, frames / FPS - LATEST_S)
            out["listener_by_chance"].append(first_time(shown, chance + 0.1) + 0.1 + run.lookahead_s)
    return out


def summary(found: dict[str, list[float]]) -> dict:
    """Medians in ms over the onsets; onsets without a reaction within 1.5 s count as later than all."""
    out: dict = {"onsets": len(found["turn"])}
    for name, values in found.items():
        late = np.where(np.isnan(values), np.inf, values)
        median = float(np.median(late)) if len(late) else float("nan")
        out[f"{name}_ms"] = median * 1000 if np.isfinite(median) else None
        out[f"{name}_missed"] = float(np.isinf(late).mean()) if len(late) else None
    return out


def joined(parts: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Delays of several runs as one list each."""
    return {name: [v for part in parts for v in part[name]] for name in parts[0]}


def measure(found: list[Scene], made: list[Run], setting: Setting) -> dict:
    """Reaction delays on the whole call and on the simulated talks that were made anyway."""
    job, sides, rate = call_jobs(setting)
    starts = [onsets(voice_activity(side, rate), 1 / LEVEL_FRAME_S) for side in sides]
    talks = [delays(m, [onsets(row, FPS) for row in speaking(s.phone)]) for s, m in zip(found, made, strict=True)]
    return {
        "call": summary(delays(product([job], setting)[0], starts)),
        "simulated": summary(joined(talks)),
        "goal_turn_ms": 200,
    }


def table(result: dict) -> str:
    """The delays for print."""
    lines = ["reaction to turn onsets, median ms, look-ahead included (goal: own turn <= 200)"]
    words = {
        "turn": "own turn state over a half",
        "mouth": "own mouth opens",
        "listener": "partner visibly stirs",
        "listener_by_chance": "… after moments at random",
    }
    lines.append(f"  {'':32s}{'real call':>12s}{'simulated':>12s}")
    for name, label in words.items():
        cells = [result[part][f"{name}_ms"] for part in ("call", "simulated")]
        lines.append(f"  {label:32s}" + "".join(f"{'later':>12s}" if c is None else f"{c:12.0f}" for c in cells))
    lines.append(f"  {'onsets':32s}" + "".join(f"{result[part]['onsets']:12d}" for part in ("call", "simulated")))
    return "\n".join(lines)
