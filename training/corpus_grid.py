"""Tracked faces of one GRID talker as training windows: his jaw and rounding, with the closures that trackers miss.

    python corpus_grid.py                     # windows in the cache, then the encoder's tokens for them
    python corpus_grid.py --tokens-only --encoder FILE --tokens NAME

Sound comes in several worsened versions per clip (speed, vocal tract, level, room, noise, line), because one voice in
one studio is all there is. The tracker sees only jaw and rounding well (other lip channels are practically constant),
so the rest of the mouth is lips.py's for the phones of the clip. Shapes: N windows, n = FRAMES at 30/s.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from augment import AUGMENT, NOMINAL_RMS, SpeechWindows, gain, warped_filters
from corpus_speech import RATE_HZ, Utterance, cache_folder, load_utterances, shared_data
from encoded_windows import LOOKAHEAD, encode_all, folder_of, load_windows
from lips import CHANNEL, TRACKED_JAW, Segment, mouth_curves, with_silences
from mel import FRAME_RATE_HZ, tick_rows
from phones import PHONES, frame_phones

FRAMES = 112
TRACK_HZ, TRACK_FRAMES = 25, 75
VERSIONS = 12
LONGEST_LEAD_S = 0.3
# The talker rounds less than the rules, but where he does is real: half of each.
PUCKER_RULE, PUCKER_TRACKED = 0.5, 0.75
NOISES = {"kathleen.train": 0.5, "flite.train": 0.5}


def tracked() -> tuple[dict[str, np.ndarray], list[str]]:
    """Coefficients f32 [75, 52] per clip, untracked frames filled in from their neighbours, and their names."""
    with np.load(shared_data() / "face-grid-s1" / "arkit.npz") as file:
        names = [str(name) for name in file["names"]]
        return {clip: filled(file[clip]) for clip in file.files if clip != "names"}, names


def filled(values: np.ndarray) -> np.ndarray:
    """[n, C] whose NaN rows are drawn straight between their neighbours (held at the ends)."""
    good = ~np.isnan(values).any(1)
    at = np.arange(len(values))
    return np.stack([np.interp(at, at[good], column[good]) for column in values.T], 1).astype(np.float32)


def covering(segments: np.ndarray, end_s: float) -> list[Segment]:
    """Segments [k, 3] of the corpus as (phone, start s, duration s) with the silences between, up to `end_s`."""
    spoken = [(PHONES[int(phone)], float(start), float(duration)) for phone, start, duration in segments]
    return with_silences(spoken, end_s, least_s=0.05)


def resampled(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """A tracked curve [75] at times in seconds of its clip, held before and after."""
    return np.interp(times * TRACK_HZ, np.arange(len(values)), values)


def face_of(segments: np.ndarray, jaw: np.ndarray, pucker: np.ndarray, speed: float, lead_s: float) -> np.ndarray:
    """ARKit weights [FRAMES, 51] of a clip played `speed` times as fast after `lead_s` of silence.

    Jaw and rounding are the tracked [75] ones in our range; p, b, m are closed on top.
    """
    times = np.arange(FRAMES) / FRAME_RATE_HZ
    moved = segments * np.array([1, 1 / speed, 1 / speed]) + np.array([0, lead_s, 0])
    phones = covering(moved, FRAMES / FRAME_RATE_HZ)
    source = (times - lead_s) * speed
    rule = mouth_curves(phones, times)
    given = {
        "jaw": np.clip(resampled(jaw, source) / TRACKED_JAW, 0, 0.9),
        "pucker": np.clip(
            PUCKER_RULE * rule[:, CHANNEL["mouthPucker"]] + PUCKER_TRACKED * resampled(pucker, source), 0, 1
        ),
    }
    return mouth_curves(phones, times, given=given)


def sound_of(random: np.random.Generator, source: SpeechWindows, utterance: Utterance, version: int) -> tuple:
    """(samples f32 that fill the window, speed, lead s, vocal tract's warp); version 0 is the recording itself."""
    count = (FRAMES + LOOKAHEAD + 1) * RATE_HZ // FRAME_RATE_HZ
    samples, speed, lead, warp = utterance.samples.astype(np.float32) / 32768, 1.0, 0.0, 1.0
    out = np.zeros(count, np.float32)
    if version:
        if random.random() < 0.75:
            speed = float(random.uniform(*AUGMENT["speed"][1]))
            samples = np.interp(np.arange(0, len(samples) - 1, speed), np.arange(len(samples)), samples)
        if random.random() < 0.75:
            level = gain(random.uniform(*AUGMENT["level dB"][1])) * NOMINAL_RMS
            samples = samples * (level / (np.sqrt(np.mean(samples**2)) + 1e-6))
        lead = float(random.uniform(0, LONGEST_LEAD_S)) if random.random() < 0.5 else 0.0
    start = int(lead * RATE_HZ)
    fits = min(len(samples), count - start)
    out[start : start + fits] = samples[:fits]
    if version > 1:
        out = source.worsened(random, out, False)
        if random.random() < 0.85:
            warp = float(random.uniform(*AUGMENT["vocal tract"][1]))
    return np.clip(out, -1, 1).astype(np.float32), speed, lead, warp


def windows(part: str, versions: int, source: SpeechWindows | None, seed: int = 1) -> dict[str, np.ndarray]:
    """mel f16 [N, ticks, 2, 80], face f16 [N, n, 51], phone u8 [N, n], tracked jaw f32 [N, 75] of a part's clips."""
    curves, names = tracked()
    rows: dict[str, list[np.ndarray]] = {"mel": [], "face": [], "phone": [], "jaw": []}
    for index, utterance in enumerate(load_utterances(f"grid.{part}")):
        jaw, pucker = (curves[utterance.id][:, names.index(name)] for name in ("jawOpen", "mouthPucker"))
        for version in range(versions):
            random = np.random.default_rng([seed, index, version])
            samples, speed, lead, warp = sound_of(random, source, utterance, version)
            mel = tick_rows(samples, FRAMES + LOOKAHEAD, np.float32, warped_filters(warp))
            rows["mel"].append(mel.astype(np.float16))
            rows["face"].append(face_of(utterance.segments, jaw, pucker, speed, lead).astype(np.float16))
            moved = [(int(p), lead + a / speed, d / speed) for p, a, d in utterance.segments]
            rows["phone"].append(frame_phones(moved, FRAMES).astype(np.uint8))
            rows["jaw"].append(jaw)
    return {key: np.stack(values) for key, values in rows.items()}


def folder() -> Path:
    """Where windows and tokens lie."""
    return folder_of("grid-faces")


def load_part(part: str, tokens: str) -> dict[str, np.ndarray]:
    """token f16 [N, n, 256], quiet f16 [n, 256], face f16 [N, n, 51], phone u8 [N, n], jaw f32 [N, 75]."""
    return load_windows(folder(), part, tokens, ("face", "phone", "jaw"), "corpus_grid.py")


def main() -> None:
    """Command line: build the windows, then encode them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=VERSIONS, help="of each training clip's sound")
    parser.add_argument("--encoder", help="checkpoint or .safetensors; default: the newest training run")
    parser.add_argument("--tokens", default="tokens", help="name of the token set")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens-only", action="store_true")
    parser.add_argument("--windows-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.tokens_only:
        source = SpeechWindows(NOISES, FRAMES / FRAME_RATE_HZ, LOOKAHEAD, 0)
        for part, versions in (("train", options.versions), ("val", 1)):
            made = windows(part, versions, source)
            np.savez(folder() / f"{part}.npz", **made)
            print(json.dumps({"part": part, "windows": len(made["face"]), "versions": versions}))
    if not options.windows_only:
        encoder = options.encoder or cache_folder() / "runs/speech-encoder/checkpoint.pt"
        encode_all(folder(), ("train", "val"), encoder, options.tokens)


if __name__ == "__main__":
    main()
