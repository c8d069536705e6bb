"""What the shipped engine emits, measured on held-out recordings and talk, beside baselines.

    python evaluate.py                                       # everything (npm run eval)
    python evaluate.py --section lips body --limit 6 --json FILE --report DIR

Every section runs the command line's own generator, not the twins. Exits with 1 where a stated goal is missed, where a
section failed, or where what it needs is absent.
"""

import argparse
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from evaluation.goals import Goal, goals_table, verdicts
from evaluation.jobs import Job, configuration, emitted, sound_file
from evaluation.setting import Missing, Setting, data_folder

SECTIONS = ("lips", "listener", "body", "sweeps")


def load_section(name: str):
    """The section's module; raises `Missing` with what cannot be imported."""
    try:
        return importlib.import_module(f"evaluation.{name}")
    except ImportError as error:
        raise Missing(f"training/evaluation/{name}.py cannot be imported: {error}") from error


def arguments_of(args: list[str] | None = None) -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write all results here")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=SECTIONS, help="what to measure (all)")
    parser.add_argument("--limit", type=int, help="only the first N recordings of every list")
    parser.add_argument("--backend", default="wasm", choices=("auto", "webgpu", "wasm"))
    parser.add_argument("--steps", default="1,4", help="denoising steps of faces and bodies, N or F,B")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=Path, help="folder of the model files")
    parser.add_argument("--report", type=Path, help="write an HTML report with pictures into this folder")
    parser.add_argument("--processes", type=int, default=2, help="command lines side by side")
    parser.add_argument("--minutes", type=float, default=10.0, help="free running of bodies (0: none)")
    return parser.parse_args(args)


def measure(arguments: argparse.Namespace, work: Path) -> tuple[dict, list[Goal], list[str]]:
    """Run the sections, printing their tables: (results, goals, what went wrong)."""
    setting = Setting(
        work,
        arguments.backend,
        arguments.steps,
        arguments.seed,
        arguments.models,
        arguments.limit,
        arguments.report,
        arguments.processes,
        arguments.minutes,
    )
    breath = sound_file(np.zeros(3200, np.int16), setting)
    result: dict = {"configuration": configuration(emitted([Job(breath)], setting)[0])}
    print(json.dumps(result["configuration"], indent=1))
    goals: list[Goal] = []
    wrong: list[str] = []
    for name in SECTIONS:
        if name not in arguments.section:
            continue
        begin = time.perf_counter()
        try:
            section = load_section(name)
            result[name] = section.measure(setting)
        except (Missing, RuntimeError, FileNotFoundError) as error:
            wrong.append(f"{name}: {error}")
            print(f"\n{name} was not measured: {error}\n")
            continue
        goals += getattr(section, "GOALS", [])
        print(f"\n{section.table(result[name])}\n({name}: {time.perf_counter() - begin:.0f} s)\n", flush=True)
    return result, goals, wrong


def plain(value):
    """The value with numpy's numbers and arrays as Python's, and None for what is no number."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def main() -> None:
    """Command line of the evaluation."""
    arguments = arguments_of()
    try:
        data_folder()
    except Missing as error:
        sys.exit(f"Nothing can be measured: {error}.")
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as work:
            result, goals, wrong = measure(arguments, Path(work))
    except RuntimeError as error:
        sys.exit(f"Nothing can be measured: {error}")
    result = plain(result)
    result["goals"] = verdicts(goals, result)
    print(goals_table(result["goals"]))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    if arguments.report:
        try:
            load_section("report").write(result, arguments.report)
        except Missing as error:
            wrong.append(f"report: {error}")
    missed = [one for one in result["goals"] if one["met"] is False]
    if missed or wrong:
        lines = [f"Missed: {one['name']}: {one['measured']:.3f}, goal {one['goal']}" for one in missed]
        sys.exit("\n".join(["", *lines, *(f"Not measured: {one}" for one in wrong)]))


if __name__ == "__main__":
    main()
