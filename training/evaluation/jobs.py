"""The product run on jobs: lists of sounds and options, its command line in processes, what it made of each.

`emitted` gives the command line's own files, `product` the arrays that listener and bodies are measured by, once.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from corpus_speech import RATE_HZ, REPOSITORY
from dim import FACE_INDEX
from evaluation.metrics import FPS
from evaluation.setting import Setting


@dataclass(frozen=True)
class Job:
    """Two sounds (files; None is silence) and options of this conversation, as ("--action", "sit,sit")."""

    a: Path | None
    b: Path | None = None
    options: tuple[str, ...] = ()


def sound_file(samples: np.ndarray, setting: Setting, rate_hz: int = RATE_HZ) -> Path:
    """Samples [N] (int16, or floats of full scale 1) as a wav file of 16 bits in the setting's work folder."""
    with tempfile.NamedTemporaryFile(dir=setting.work, suffix=".wav", delete=False) as file:
        soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return Path(file.name)


def emitted(jobs: list[Job], setting: Setting) -> list[dict]:
    """What the command line (`src/cli/motion.ts`) makes of every job: its motion.json, in the order of the jobs.

    Lists of numbers are arrays: persons[p].face [n, 51] and body [n, 75] f32, viseme and phone [n], ... .
    `real_time_factor` is added: time of generation over sound, loading left out, with `processes` side by side.
    Jobs with the same options share loaded models. Raises RuntimeError with what the command line said.
    """
    shards: list[tuple[tuple[str, ...], list[int]]] = []
    for options in dict.fromkeys(job.options for job in jobs):
        mine = [i for i, job in enumerate(jobs) if job.options == options]
        mine.sort(key=lambda i: -_bytes(jobs[i]))
        split = min(setting.processes, len(mine))
        shards += [(options, mine[part::split]) for part in range(split)]
    out: list[dict] = [{} for _ in jobs]
    with tempfile.TemporaryDirectory(dir=setting.work) as folder, ThreadPoolExecutor(setting.processes) as pool:
        runs = [pool.submit(_run, n, shard, jobs, setting, Path(folder)) for n, shard in enumerate(shards)]
        for (_, indices), run in zip(shards, runs, strict=True):
            for i, motion in zip(indices, run.result(), strict=True):
                out[i] = motion
    return out


def _bytes(job: Job) -> int:
    return max(path.stat().st_size for path in (job.a, job.b) if path)


def _run(number: int, shard: tuple, jobs: list[Job], setting: Setting, folder: Path) -> list[dict]:
    options, indices = shard
    listing = folder / f"{number}.tsv"
    outs = [folder / str(i) for i in indices]
    sides = [[str(path.resolve()) if path else "-" for path in (jobs[i].a, jobs[i].b)] for i in indices]
    listing.write_text("".join(f"{a}\t{b}\t{out}\n" for (a, b), out in zip(sides, outs, strict=True)))
    command = ["node", "tools/run.mjs", "src/cli/motion.ts", "--list", str(listing), *setting.options(), *options]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The command line failed: {done.stderr.strip()}")
    factors = [float(found) for found in re.findall(r"real-time factor ([\d.]+)", done.stdout)]
    print(f"  {len(indices)} conversations made by {setting.backend}", file=sys.stderr)
    return [_motion(out / "motion.json") | {"real_time_factor": f} for out, f in zip(outs, factors, strict=True)]


def _motion(path: Path) -> dict:
    motion = json.loads(path.read_text())
    whole = ("phone", "viseme", "listener", "speaker")
    for person in motion["persons"]:
        for name, value in person.items():
            if isinstance(value, list):
                person[name] = np.array(value, np.int64 if name in whole else np.float32)
    for file in path.parent.iterdir():
        file.unlink()
    return motion


@dataclass(frozen=True)
class Run:
    """What the product made: motion [2, n, 24], face [2, n, 51], body [2, n, 75], turn [2, n]."""

    motion: np.ndarray
    face: np.ndarray
    body: np.ndarray
    turn: np.ndarray
    lookahead_s: float


_MADE: dict[tuple[Setting, Job], Run] = {}


def product(jobs: list[Job], setting: Setting) -> list[Run]:
    """The product's motion of every job; what this process had made before is not made again."""
    missing = [job for job in dict.fromkeys(jobs) if (setting, job) not in _MADE]
    for job, made in zip(missing, emitted(missing, setting) if missing else [], strict=True):
        face, body, turn = (np.stack([p[name] for p in made["persons"]]) for name in ("face", "body", "turn"))
        motion = np.concatenate([face[..., FACE_INDEX], body[..., -3:]], -1)
        _MADE[setting, job] = Run(motion, face, body, turn, made["source"]["lookahead"] / FPS)
    return [_MADE[setting, job] for job in jobs]


def configuration(motion: dict) -> dict:
    """The one configuration that all numbers belong to, from any motion of the run."""
    source = motion["source"]
    return {
        "backend": source["backend"]["backend"],
        "adapter": source["backend"]["adapter"],
        "precision": source["precision"],
        "lookahead_frames": source["lookahead"],
        "lookahead_ms": source["lookahead"] * 1000 / motion["frameRateHz"],
        **source["sampler"],
        "models": source["models"],
    }
