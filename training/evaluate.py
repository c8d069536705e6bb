"""What the shipped engine emits, measured on held-out recordings: the command line's motion, not the twins'.

    python evaluate.py                                  # every held-out utterance (npm run eval)
    python evaluate.py --json FILE --limit 20 --backend wasm

Person A says one utterance, person B is silent. `kathleen` is that talker's test split without the sentences that
occur in train; `unseen` are sentences of the dc-tts talker that were held out of train (other sentences of his are in).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from corpus_speech import REPOSITORY, Utterance, dc_tts, kathleen, shared_data
from face_metrics import lagged_correlation, lip_closure, lip_distance, load_ict
from lips import levels_db
from phones import PHONES, SILENCE, VISEME_OF_PHONE, VISEMES, frame_phones

THRESHOLDS = {"viseme_accuracy": (0.75, 1), "pbm_closed": (0.90, 1), "false_closures": (0.05, -1)}
"""Limits of the lips of Kathleen: at least (1) or at most (-1)."""


def emitted(utterances: list[Utterance], folder: str, options: list[str], work: Path) -> tuple[list[dict], float]:
    """Run the command line on all utterances, models loaded once: their motion.json, and wall time over sound."""
    lines, outs = [], []
    for utterance in utterances:
        sound = shared_data() / folder / "flac" / f"{utterance.id}.flac"
        outs.append(work / folder / utterance.id)
        lines.append(f"{sound}\t-\t{outs[-1]}\n")
    listing = work / f"{folder}.tsv"
    listing.write_text("".join(lines))
    command = ["node", "tools/run.mjs", "src/cli/motion.ts", "--list", str(listing), *options]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    wall_s = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"The command line failed: {done.stderr.strip()}")
    sound_s = sum(len(utterance.samples) for utterance in utterances) / 16000
    return [json.loads((out / "motion.json").read_text()) for out in outs], wall_s / sound_s


def measures(utterances: list[Utterance], motions: list[dict]) -> dict:
    """Visemes, lip closure and jaw of person A over all utterances."""
    ict = load_ict(shared_data() / "face-ict" / "ict_arkit.npz")
    right, speech, runs, jaws = 0, 0, [], []
    for utterance, motion in zip(utterances, motions, strict=True):
        person, frames = motion["persons"][0], motion["frames"]
        assert motion["visemes"] == VISEMES and motion["source"]["phones"] == PHONES
        truth = frame_phones([(int(p), s, d) for p, s, d in utterance.segments], frames)
        spoken = truth != SILENCE
        right += int((np.array(person["viseme"]) == VISEME_OF_PHONE[truth])[spoken].sum())
        speech += int(spoken.sum())
        face = np.array(person["face"])
        runs.append((face, [(PHONES[int(p)], float(s), float(d)) for p, s, d in utterance.segments]))
        level = np.maximum(levels_db(utterance.samples / 32768, frames), -70)
        jaws.append(lagged_correlation(level, face[:, motion["channels"].index("jawOpen")]))
    closure = lip_closure(runs, ict)
    return {
        "utterances": len(utterances),
        "speech_frames": speech,
        "viseme_accuracy": right / max(speech, 1),
        "bilabials": closure["bilabials"],
        "pbm_closed": closure["closed"],
        "open_vowels": closure["open_vowels"],
        "false_closures": closure["false_closures"],
        "false_closures_inside": closure["false_closures_inside"],
        "false_closures_apart": closure["false_closures_apart"],
        "pbm_closed_by_distance": lip_closure(runs, ict, lip_distance)["closed"],
        "jaw_loudness_r": float(np.mean([r for r, _ in jaws])),
        "jaw_loudness_lag_ms": float(np.mean([lag for _, lag in jaws]) * 1000 / 30),
    }


def configuration(motion: dict) -> dict:
    """The one configuration that all numbers belong to."""
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


ROWS = {
    "utterances": "utterances",
    "speech_frames": "frames of speech",
    "viseme_accuracy": "viseme frame accuracy, 15 classes",
    "bilabials": "P, B, M",
    "pbm_closed": "… closed",
    "open_vowels": "open vowels",
    "false_closures": "… falsely closed (± 1 frame)",
    "false_closures_inside": "… falsely closed, own frames only",
    "false_closures_apart": "… falsely closed, not beside P, B, M",
    "pbm_closed_by_distance": "P, B, M closed by distance of the lips",
    "jaw_loudness_r": "jawOpen against loudness, best r",
    "jaw_loudness_lag_ms": "… at lag (jaw later: positive), ms",
    "real_time_factor": "wall time over sound, loading included",
}


def table(lips: dict) -> str:
    """The measures side by side, one column a talker."""
    lines = [f"{'':40s}" + "".join(f"{name:>12s}" for name in lips)]
    for key, label in ROWS.items():
        cells = "".join(f"{part[key]:12d}" if isinstance(part[key], int) else f"{part[key]:12.3f}" for part in lips.values())
        lines.append(f"{label:40s}{cells}")
    return "\n".join(lines)


def main() -> None:
    """Command line of the evaluation; exits with 1 where a limit is missed or the recordings are absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the measures here")
    parser.add_argument("--limit", type=int, help="only the first N utterances of each talker")
    parser.add_argument("--backend", default="wasm", choices=("auto", "webgpu", "wasm"))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=Path, help="folder of the model files")
    arguments = parser.parse_args()
    if shared_data() is None:
        sys.exit("The recordings are absent: put them in ../shared/data beside the repository, or set DUOLOGUE_SHARED.")
    options = ["--backend", arguments.backend, "--steps", str(arguments.steps), "--seed", str(arguments.seed)]
    options += ["--models", str(arguments.models.resolve())] if arguments.models else []
    parts = {"kathleen": ("speech-kathleen", kathleen()["test"]), "unseen": ("speech-dc-tts", dc_tts()["test"])}
    lips, motions = {}, []
    with tempfile.TemporaryDirectory() as work:
        for name, (folder, utterances) in parts.items():
            utterances = utterances[: arguments.limit]
            motions, factor = emitted(utterances, folder, options, Path(work))
            lips[name] = measures(utterances, motions) | {"real_time_factor": factor}
    result = {"configuration": configuration(motions[0]), "lips": lips}
    print(json.dumps(result["configuration"], indent=1))
    print(table(lips))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    missed = [
        f"{key} is {lips['kathleen'][key]:.3f}, the limit is {limit}"
        for key, (limit, sign) in THRESHOLDS.items()
        if sign * (lips["kathleen"][key] - limit) < 0
    ]
    if missed:
        sys.exit("Kathleen: " + "; ".join(missed))


if __name__ == "__main__":
    main()
