"""Free-running evaluation of a face network: sound -> log-mel -> encoder -> streaming sampler -> measures.

    python evaluate_face.py                             # the exported pair in public/models, Kathleen's test split
    python evaluate_face.py --face CHECKPOINT --plot 3  # and pictures of three utterances

The face that is measured is the network's own: every frame follows the frames it emitted before.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from corpus_grid import TRACK_HZ, tracked
from corpus_speech import RATE_HZ, Utterance, cache_folder, load_utterances, shared_data
from export_face import ROOT, load_face
from face import ARKIT_51, Conditions, Face, generate
from face_metrics import (
    OPEN_VOWELS,
    IctFace,
    Run,
    blink_onsets,
    lagged_correlation,
    lip_closure,
    lip_distance,
    lip_gap,
    load_ict,
    peaks_by_phone,
    silence_share_closed,
    viseme_accuracy,
)
from lips import levels_db
from mel import FRAME_RATE_HZ, tick_rows
from phones import PHONES
from speech_encoder import SpeechEncoder, load_encoder

LOOKAHEAD = 2
PAD_S = (0.6, 0.9)
JAW = ARKIT_51.index("jawOpen")


@torch.no_grad()
def tokens_of(encoder: SpeechEncoder, sound: np.ndarray, frames: int) -> tuple[Tensor, Tensor]:
    """Frame-aligned tokens [frames, 256] and phone probabilities [frames, 40] of f32 sound."""
    ticks = frames + LOOKAHEAD
    mel = tick_rows(np.pad(sound, (0, RATE_HZ // 2)), ticks)
    pieces = [torch.from_numpy(mel)[None]]
    out = encoder(torch.cat(pieces, 1))
    return out["token"][0, LOOKAHEAD:], out["phones"][0, LOOKAHEAD:].softmax(-1)


def padded(utterance: Utterance, pad_s: tuple[float, float] = PAD_S) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Sound f32 with silence around it, and its phones on that clock, silences included."""
    sound = np.pad(utterance.samples.astype(np.float32) / 32768, [int(p * RATE_HZ) for p in pad_s])
    phones = [("SIL", 0.0, pad_s[0])]
    phones += [(PHONES[int(p)], float(a) + pad_s[0], float(d)) for p, a, d in utterance.segments]
    end = phones[-1][1] + phones[-1][2]
    return sound, [*phones, ("SIL", end, len(sound) / RATE_HZ - end)]


def conditions_of(rows: int, style: int = 0, emotion: int = 0, facing: int = 1) -> Conditions:
    """The same conditions for every row, [rows]."""
    return Conditions(*(torch.full((rows,), value) for value in (style, 0, facing, emotion)))


def speak(
    face: Face,
    encoder: SpeechEncoder,
    utterances: list[Utterance],
    partner: bool = False,
    seed: int = 3,
    conditions: Conditions | None = None,
) -> list[dict]:
    """Free-run all utterances side by side, the other person silent; with `partner` the utterance is the other's."""
    items = []
    for utterance in utterances:
        sound, phones = padded(utterance)
        frames = int(len(sound) / RATE_HZ * FRAME_RATE_HZ)
        token, probabilities = tokens_of(encoder, sound, frames)
        items.append({"sound": sound, "phones": phones, "token": token, "probabilities": probabilities})
    longest = max(len(item["token"]) for item in items)
    quiet, _ = tokens_of(encoder, np.zeros(longest * RATE_HZ // FRAME_RATE_HZ, np.float32), longest)
    own = torch.stack([torch.cat([item["token"], quiet[len(item["token"]) :]]) for item in items], 1)
    other = quiet[:, None].expand_as(own)
    audio = torch.cat([other, own] if partner else [own, other], -1)
    motion = generate(face, audio, conditions or conditions_of(len(items)), seed).numpy()
    for row, item in enumerate(items):
        item["face"] = motion[: len(item["token"]), row]
    return items


def speech_measures(items: list[dict], ict: IctFace) -> dict:
    """Everything measured on utterances of one's own speech."""
    runs: list[Run] = [(item["face"], item["phones"]) for item in items]
    out: dict = lip_closure(runs, ict)
    out["closure_by_middle_distance"] = {
        k: v for k, v in lip_closure(runs, ict, lip_distance).items() if "clos" in k
    }
    pairs = [viseme_accuracy(item["probabilities"].numpy(), item["phones"]) for item in items]
    out["viseme_accuracy"] = sum(r for r, _ in pairs) / max(sum(n for _, n in pairs), 1)
    levels = [np.maximum(levels_db(item["sound"], len(item["face"])), -70) for item in items]
    both = [lagged_correlation(level, item["face"][:, JAW]) for level, item in zip(levels, items, strict=True)]
    out["jaw_loudness_r"] = float(np.mean([r for r, _ in both]))
    out["jaw_loudness_lag_frames"] = float(np.mean([lag for _, lag in both]))
    peaks = peaks_by_phone(runs, "jawOpen", (*OPEN_VOWELS, "EH", "IH", "IY", "UW", "S", "M", "B", "P"))
    out["jaw_peak_median"] = {k: round(v, 3) for k, v in peaks.items()}
    out["pucker_peak_median"] = {
        k: round(v, 3) for k, v in peaks_by_phone(runs, "mouthPucker", ("UW", "W", "OW", "IY", "AE")).items()
    }
    out["silence_closed"] = silence_share_closed(runs, ict)
    jaw = np.concatenate([np.diff(item["face"][:, JAW], axis=0) for item in items])
    out["jaw_step_p99"] = float(np.percentile(np.abs(jaw), 99))
    return out


def tracked_jaw(face: Face, encoder: SpeechEncoder, part: str = "grid.val") -> dict:
    """Free-running jawOpen against the tracked one on GRID clips: mean r per clip, at no lag and at the best one."""
    curves, names = tracked()
    utterances = load_utterances(part)
    frames = max(len(u.samples) for u in utterances) * FRAME_RATE_HZ // RATE_HZ
    sounds = [np.pad(u.samples.astype(np.float32) / 32768, (0, RATE_HZ)) for u in utterances]
    own = torch.stack([tokens_of(encoder, sound, frames)[0] for sound in sounds], 1)
    quiet = tokens_of(encoder, np.zeros(frames * RATE_HZ // FRAME_RATE_HZ, np.float32), frames)[0]
    audio = torch.cat([own, quiet[:, None].expand_as(own)], -1)
    motion = generate(face, audio, conditions_of(len(utterances)), 3).numpy()[..., JAW]
    found = []
    for row, utterance in enumerate(utterances):
        theirs = curves[utterance.id][:, names.index("jawOpen")]
        times = np.arange(frames) / FRAME_RATE_HZ
        theirs = np.interp(times, np.arange(len(theirs)) / TRACK_HZ, theirs)
        found.append((lagged_correlation(theirs, motion[:, row], 0)[0], *lagged_correlation(theirs, motion[:, row])))
    zero, best, lag = np.array(found).T
    return {
        "jaw_r_at_no_lag": float(zero.mean()),
        "jaw_r": float(best.mean()),
        "lag_ms": float(np.median(lag) * 1000 / FRAME_RATE_HZ),
        "worst_clip_r": float(zero.min()),
    }


def long_talk(face: Face, encoder: SpeechEncoder, seconds: int, voices: list[list[Utterance]], seed: int = 5) -> dict:
    """Two persons take turns for a while: drift of the emitted motion, blinks, jaw of who listens."""
    frames = seconds * FRAME_RATE_HZ
    sounds = [np.zeros(seconds * RATE_HZ, np.float32) for _ in voices]
    speaking = np.zeros((2, frames), bool)
    at, turn = RATE_HZ, 0
    while True:
        samples = voices[turn % 2][(turn // 2) % len(voices[turn % 2])].samples.astype(np.float32) / 32768
        if at + len(samples) > len(sounds[0]):
            break
        sounds[turn % 2][at : at + len(samples)] = samples
        speaking[turn % 2, at * FRAME_RATE_HZ // RATE_HZ : (at + len(samples)) * FRAME_RATE_HZ // RATE_HZ + 1] = True
        at += len(samples) + RATE_HZ * 3 // 10
        turn += 1
    tokens = [tokens_of(encoder, sound, frames)[0] for sound in sounds]
    audio = torch.stack([torch.cat([tokens[i], tokens[1 - i]], -1) for i in range(2)], 1)
    motion = generate(face, audio, conditions_of(2), seed).numpy()
    minute = 60 * FRAME_RATE_HZ
    first, last = motion[:minute].var((0, 1)).sum(), motion[-minute:].var((0, 1)).sum()
    near = np.stack([np.convolve(s, np.ones(21), "same") > 0 for s in speaking])
    listening = np.concatenate([motion[near[1 - i] & ~near[i], i] for i in range(2)])
    return {
        "seconds": seconds,
        "variance_last_over_first_minute": float(last / first),
        "blinks_per_minute": float(np.mean([len(blink_onsets(motion[:, i])) for i in range(2)]) * 60 / seconds),
        "listener_jaw_p99": float(np.percentile(listening[:, JAW], 99)),
        "listener_jaw_max": float(listening[:, JAW].max()),
        "brow_raise_share": float((motion[:, :, ARKIT_51.index("browInnerUp")] > 0.15).mean()),
        "motion": motion,
    }


def quiet_rooms(face: Face, encoder: SpeechEncoder, seconds: int = 20) -> dict:
    """Jaw of a person whose microphone hears silence, noise or breath (rows), never speech."""
    from talk_sound import breath

    random = np.random.default_rng(2)
    silent = np.zeros(seconds * RATE_HZ, np.float32)
    noise = random.standard_normal(len(silent)).astype(np.float32) * 0.003
    breathing = noise * 0.1
    for at in range(RATE_HZ, len(silent) - 2 * RATE_HZ, 3 * RATE_HZ):
        one = breath(random) * 0.005
        breathing[at : at + len(one)] += one.astype(np.float32)
    frames = seconds * FRAME_RATE_HZ
    tokens = [tokens_of(encoder, sound, frames)[0] for sound in (silent, noise, breathing)]
    own = torch.stack(tokens, 1)
    audio = torch.cat([own, tokens[0][:, None].expand_as(own)], -1)
    motion = generate(face, audio, conditions_of(3), 7).numpy()
    names = ("silence", "noise at -50 dB", "breath at -46 dB")
    return {name: round(float(np.percentile(motion[30:, i, JAW], 99)), 4) for i, name in enumerate(names)}


def picture(item: dict, ict: IctFace, path: Path) -> None:
    """Sound, phones, jaw, gap, lips, lids and brows of one run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    face, t = item["face"], np.arange(len(item["face"])) / FRAME_RATE_HZ
    figure, axes = pyplot.subplots(4, 1, figsize=(20, 14), sharex=True)
    axes[0].plot(np.arange(len(item["sound"])) / RATE_HZ, item["sound"], lw=0.3, color="grey")
    rows = [
        ("jawOpen", "mouthClose", "mouthPressLeft"),
        ("mouthPucker", "mouthFunnel", "mouthStretchLeft", "mouthSmileLeft", "mouthLowerDownLeft", "mouthRollLower"),
        ("eyeBlinkLeft", "eyeBlinkRight", "browInnerUp", "browDownLeft", "eyeSquintLeft", "cheekSquintLeft"),
    ]
    for axis, names in zip(axes[1:], rows, strict=True):
        for name in names:
            axis.plot(t, face[:, ARKIT_51.index(name)], ".-", ms=3, lw=1, label=name)
    gap = lip_gap(face, ict)
    axes[1].plot(t, gap / np.percentile(gap, 95) / 2, lw=0.8, label="gap / (2 p95)")
    axes[1].axhline(0.05, lw=0.4, color="red")
    for axis in axes[1:]:
        axis.legend(loc="upper right", fontsize=7)
        for phone, start, duration in item["phones"]:
            axis.axvline(start, lw=0.3, color="black")
            axis.text(start + duration / 2, axis.get_ylim()[1] * 0.96, phone, ha="center", fontsize=8)
    axes[0].set_xlim(0, t[-1])
    figure.tight_layout()
    figure.savefig(path, dpi=58)
    pyplot.close(figure)


def evaluate(face: Face, encoder: SpeechEncoder, part: str, limit: int, plots: int, long_seconds: int) -> dict:
    """All measures of a face network on a part of the speech corpus."""
    ict = load_ict(shared_data() / "face-ict/ict_arkit.npz")
    utterances = load_utterances(part)[:limit]
    items = speak(face, encoder, utterances)
    out = speech_measures(items, ict)
    other = speak(face, encoder, utterances[:24], partner=True)
    out["grid"] = tracked_jaw(face, encoder)
    out["partner_only_jaw_p99"] = float(np.percentile(np.concatenate([i["face"][:, JAW] for i in other]), 99))
    out["quiet_jaw_p99"] = quiet_rooms(face, encoder)
    if long_seconds:
        talk = long_talk(face, encoder, long_seconds, [utterances, load_utterances("dc-tts.test")])
        motion = talk.pop("motion")
        out["long_talk"] = talk
        np.save(cache_folder() / "runs" / "long-talk.npy", motion)
    folder = cache_folder() / "runs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for i, item in enumerate(items[:plots]):
        picture(item, ict, folder / f"face-{i}.png")
    return out


def main() -> None:
    """Command line of the evaluation; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face", type=Path, default=ROOT / "public/models/face.safetensors")
    parser.add_argument("--encoder", type=Path, default=ROOT / "public/models/speech-encoder.safetensors")
    parser.add_argument("--lips", type=Path, help="checkpoint of the lip fine-tuning, to swap in its denoiser")
    parser.add_argument("--part", default="kathleen.test")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--plot", type=int, default=0, help="pictures of this many utterances, in the cache")
    parser.add_argument("--long", type=int, default=180, help="seconds of the long talk, 0 to leave it out")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.face.suffix == ".safetensors":
        face = load_face(options.face)
    else:
        from train_face import load_ema

        face = load_ema(options.face, options.lips)[0]
    result = evaluate(face, load_encoder(options.encoder), options.part, options.limit, options.plot, options.long)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
