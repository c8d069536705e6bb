"""The frame of the evaluation: one configuration for all sections, and the product's own generator run on jobs."""

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

from corpus_speech import RATE_HZ, REPOSITORY, shared_data


@dataclass(frozen=True)
class Setting:
    """What every section is measured with. `limit` shortens every list (None: all of it)."""

    work: Path
    """An existing folder for what is thrown away afterwards."""
    backend: str = "wasm"
    steps: int = 4
    seed: int = 1
    models: Path | None = None
    """Folder of the model files; None for the shipped ones."""
    limit: int | None = None
    report: Path | None = None
    """An existing folder in which sections leave the arrays and pictures that the report shows; None: no report."""
    processes: int = 2
    """Command lines that run side by side in `emitted`."""
    minutes: float = 10.0
    """Length of the free run of bodies; 0 for none."""

    def options(self) -> list[str]:
        """The configuration as options of the command line."""
        found = ["--backend", self.backend, "--steps", str(self.steps), "--seed", str(self.seed)]
        return found + (["--models", str(self.models.resolve())] if self.models else [])


@dataclass(frozen=True)
class Job:
    """Two sounds (files; None is silence) and options of this conversation, as ("--action", "sit,sit")."""

    a: Path | None
    b: Path | None = None
    options: tuple[str, ...] = ()


class Missing(Exception):
    """Something that a section needs is not on this machine; the message says what, and how to get it."""


def data_folder() -> Path:
    """The folder of recordings; raises `Missing`."""
    folder = shared_data()
    if folder is None:
        raise Missing("the recordings are absent: put them in ../shared/data, or set DUOLOGUE_SHARED")
    return folder


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
