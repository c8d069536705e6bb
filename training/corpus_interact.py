"""The InterAct recordings (Ho et al. 2025) as a corpus of two-person talk, in the layout that all trainings read.

    python corpus_interact.py --data FOLDER            # check, convert, encode: writes $DUOLOGUE_CACHE/interact
    python corpus_interact.py --data FOLDER --check    # only look at every file and print what is there
    DUOLOGUE_CORPUS=interact python train_face.py      # any training on it; see INTERACT.md

The hour of accurate lips (`lip_acc/`) becomes a second corpus of faces alone, `interact-lips`.

FOLDER is the data set as published. A stream is a piece of a sequence: both sounds as log-mel, both faces as ARKit
weights, both bodies on our skeleton (exp-maps, root relative to the frame before, as in the paper), and labels. What
the data set does not publish is made here: action modes and facing by heuristics (interact_labels.py), phones by the
speech encoder's phone head, since there are no transcripts. Nothing of the data set enters the repository.
Shapes: n frames of a stream at 30/s, 2 persons (the man first, as in actors.db).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from body import ACTIONS, RELATIONSHIPS
from corpus_body import placement
from corpus_conversation import LOOKAHEAD, encode_stream
from corpus_speech import RATE_HZ, REPOSITORY, cache_folder, shared_data
from face import ARKIT_51, EMOTIONS
from interact_bvh import read_bvh
from interact_databases import Scenario, read_actors, read_scenarios, read_sessions
from interact_face import Conversion, check_basis, doubts, fit_conversion, fits
from interact_files import (
    DatasetError,
    Recording,
    Sequence,
    check_folder,
    common_frames,
    read_array,
    read_sound,
    recordings,
    sequences,
)
from interact_labels import action_modes, facing_flags, given_split, split
from interact_lips import read_readings, write_lips
from interact_pose import Pose, encode_person
from interact_skeleton import find_frame, find_joints
from lips import levels_db
from mel import FRAME_RATE_HZ, tick_rows
from phones import SILENCE

STREAM_S = 24
"""Length of a stream; all of a corpus have the same. Sequences last a minute or longer."""
LEFT_OVER = 0.25
"""So much of a stream may stay unused at the end of a sequence; else one more stream overlaps the one before."""
LOOKS = [k for k, name in enumerate(ARKIT_51) if name.startswith("eyeLook")]
PAIRS_COMPARED = 4
PARTS = ("train", "val", "test")
SHIPPED_ENCODER = REPOSITORY / "public/models/speech-encoder.safetensors"


@dataclass
class Library:
    """What is known of the data set before its sequences are read."""

    root: Path
    scenarios: dict[int, Scenario]
    sequences: list[Sequence]
    parts: dict[str, str]
    actors: list[str]
    conversion: Conversion | None
    """ICT-55 to ARKit-51; None where no conversion fits, then only face_arkit is used."""
    gaze: bool = False
    metres: float | None = None
    notes: list[str] = field(default_factory=list)


def open_library(
    root: Path, unknown_neutral: bool = False, split_file: Path | None = None, limit: int | None = None
) -> Library:
    """Reads the databases, joins recordings to pairs, fits the conversion of faces and draws the split."""
    check_folder(root)
    scenarios = read_scenarios(root / "scenarios.db", unknown_neutral)
    found, notes = recordings(root)
    joined, unpaired = sequences(found, read_sessions(root / "actors.db"))
    notes += unpaired
    unknown = sorted({s.scenario for s in joined} - set(scenarios))
    if unknown:
        move = "fetch scenarios.db again: it has to be of the same version as the recordings"
        raise DatasetError("scenarios without a description", root / "scenarios.db", unknown, "all of them", move)
    if not joined:
        got, move = "; ".join(notes[:4]), "fetch the recordings of both actors"
        raise DatasetError("no sequence has both actors", root, got, "two recordings per sequence", move)
    parts = given_split(joined, json.loads(split_file.read_text()), split_file) if split_file else split(joined)
    both = [r for s in joined for r in s.persons if r.arkit and r.ict][:: max(len(joined) // PAIRS_COMPARED, 1)]
    pairs = [(read_array(r.ict, 55), read_array(r.arkit, len(ARKIT_51))) for r in both[:PAIRS_COMPARED]]
    conversion, sentence = fit_conversion(pairs)
    notes.append(sentence)
    shared = shared_data()
    basis = next(iter(sorted(root.rglob("blendshape_ict.npy"))), root / "blendshape_ict.npy")
    notes.append(check_basis(basis, (shared or root) / "face-ict/ict_arkit.npz", conversion))
    kept = conversion if fits(sentence) else None
    return Library(root, scenarios, joined[:limit], parts, read_actors(root / "actors.db"), kept, notes=notes)


def read_face(recording: Recording, library: Library) -> np.ndarray | None:
    """ARKit weights [n, 51], None where the recording has no face."""
    if recording.arkit:
        face = read_array(recording.arkit, len(ARKIT_51))
    elif recording.ict and library.conversion:
        face = library.conversion(read_array(recording.ict, 55))
    else:
        return None
    if not library.gaze:
        # The stage draws the gaze, since it knows where the partner is; shipped networks keep these channels still.
        face[:, LOOKS] = 0
    return face


def read_pose(recording: Recording, library: Library) -> Pose:
    """The body of a recording at 30 frames/s."""
    bvh, corrected = read_bvh(recording.bvh).settled()
    if corrected:
        library.notes.append(f"{recording.stem}: frame 0 is a calibration pose and was replaced")
    bvh = bvh.resampled(FRAME_RATE_HZ)
    joints = find_joints(bvh)
    return encode_person(bvh, joints, find_frame(bvh, joints, library.metres))


def read_sequence(sequence: Sequence, library: Library) -> dict[str, np.ndarray]:
    """All arrays of a sequence over its common length: those of a stream, of its body, and `sound` [2, N] at 16 kHz."""
    lengths: dict[str, int] = {}
    poses, faces, sounds = [], [], []
    for recording in sequence.persons:
        poses.append(read_pose(recording, library))
        faces.append(read_face(recording, library))
        sounds.append(read_sound(recording.wav))
        lengths[f"bvhs/{recording.bvh.name}"] = len(poses[-1].root)
        lengths[f"wav/{recording.wav.name}"] = int(len(sounds[-1]) / RATE_HZ * FRAME_RATE_HZ)
        if faces[-1] is not None:
            lengths[str((recording.arkit or recording.ict).relative_to(library.root))] = len(faces[-1])
    n, note = common_frames(sequence.name, lengths)
    library.notes += [note] if note else []
    # The look-ahead of the last frames hears the sound that follows them, or silence.
    count = round((n + LOOKAHEAD + 1) * RATE_HZ / FRAME_RATE_HZ) + RATE_HZ // 4
    sound = np.stack([np.pad(s, (0, max(count - len(s), 0)))[:count] for s in sounds])
    scenario = library.scenarios[sequence.scenario]
    level = np.stack([levels_db(s, n) for s in sound])
    for recording, face, own in zip(sequence.persons, faces, level, strict=True):
        if face is not None:
            library.notes += [f"{recording.stem}: {doubt}" for doubt in doubts(face[:n], own)]
    root = np.stack([p.root[:n] for p in poses])
    blank = np.full((n, len(ARKIT_51)), np.nan, np.float32)
    return {
        "sound": sound,
        "mel": np.stack([tick_rows(s, n + LOOKAHEAD, np.float32) for s in sound]).astype(np.float16),
        "face": np.stack([blank if f is None else f[:n] for f in faces]).astype(np.float16),
        "style": np.stack([np.full(n, library.actors.index(a), np.uint8) for a in sequence.pair]),
        "facing": np.repeat(facing_flags(root, np.stack([p.ahead[:n] for p in poses]))[None], 2, 0),
        "emotion": np.full((2, n), scenario.emotion_id, np.uint8),
        "level_db": level.astype(np.float32),
        "lower": np.stack([p.lower[:n] for p in poses]).astype(np.float32),
        "upper": np.stack([p.upper[:n] for p in poses]).astype(np.float32),
        "head": np.stack([p.head[:n] for p in poses]).astype(np.float32),
        "root": root.astype(np.float32),
        "action": np.stack([action_modes(p.root[:n], p.height[:n]) for p in poses]),
        "relationship": np.full(n, scenario.relationship_id, np.uint8),
    }


def starts(n: int, length: int) -> list[int]:
    """Where the streams of a sequence of n frames begin, evenly laid; none where it is shorter than a stream."""
    if n < length:
        return []
    count = max(int(np.ceil(n / length - LEFT_OVER)), 1)
    return [int(k) for k in np.round(np.linspace(0, n - length, count))]


def segments(phone: np.ndarray) -> np.ndarray:
    """Phones [k, 3] = id, start s, duration s of frame labels [n], silence left out."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(phone)) + 1, [len(phone)]])
    rows = [(phone[a], a / FRAME_RATE_HZ, (b - a) / FRAME_RATE_HZ) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return np.array([r for r in rows if r[0] != SILENCE], np.float32).reshape(-1, 3)


def cut(whole: dict[str, np.ndarray], start: int, length: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A stream's arrays and its body's from those of a sequence (which by now have `phone`)."""
    span = slice(start, start + length)
    ticks = slice(start, start + length + LOOKAHEAD)
    stream = {name: whole[name][:, span] for name in ("face", "style", "facing", "emotion", "phone", "level_db")}
    stream["mel"] = whole["mel"][:, ticks]
    stream["head"] = whole["head"][:, span].astype(np.float16)
    spoken = [level[p != SILENCE] for level, p in zip(stream["level_db"], stream["phone"], strict=True)]
    usual = [np.median(own) + 2 if len(own) else -30.0 for own in spoken]
    stream["usual_db"] = np.repeat(np.array(usual, np.float32)[:, None], length, 1)
    stream |= {f"segments_{i}": segments(stream["phone"][i]) for i in (0, 1)}
    stream["relationship"] = whole["relationship"][0]
    stream["kind"] = np.array("interact")
    body = {name: whole[name][:, span].copy() for name in ("lower", "upper", "head", "root", "action")}
    body["lower"][:, 0, :3] = 0
    body["relationship"] = whole["relationship"][span]
    body["placement"] = placement(body["root"]).astype(np.float32)
    return stream, body


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a .npz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


class Build:
    """One run: reads sequence after sequence and writes its streams into a folder."""

    def __init__(self, library: Library, encoder: torch.nn.Module, folder: Path, tokens: str, stream_s: float):
        self.library, self.encoder, self.folder, self.tokens = library, encoder, folder, tokens
        self.length = int(stream_s * FRAME_RATE_HZ)
        self.counts: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        self.sources: dict[str, list] = {}

    @torch.no_grad()
    def add(self, sequence: Sequence) -> None:
        """Writes the streams of a sequence."""
        part = self.library.parts[sequence.name]
        whole = read_sequence(sequence, self.library)
        n = whole["face"].shape[1]
        token = encode_stream(self.encoder, whole["mel"])
        logits = self.encoder.phone_head(torch.from_numpy(token).float())
        whole["phone"] = logits.argmax(-1).numpy().astype(np.uint8)
        at = starts(n, self.length)
        if not at:
            short = f"{sequence.name}: left out, {n / FRAME_RATE_HZ:.1f} s are less than a stream"
            self.library.notes.append(short)
        for start in at:
            name = f"{part}-{self.counts[part]:04d}"
            stream, body = cut(whole, start, self.length)
            save(self.folder / f"{name}.npz", stream)
            save(self.folder / "body" / f"{name}.npz", body)
            (self.folder / self.tokens).mkdir(exist_ok=True)
            np.save(self.folder / self.tokens / f"{name}.npy", token[:, start : start + self.length])
            if part == "test":
                self._sounds(name, whole["sound"], start)
            self.counts[part] += 1
            self.sources[name] = [sequence.name, *sequence.pair, start]
        self._count(sequence, part, whole)

    def _sounds(self, name: str, sound: np.ndarray, start: int) -> None:
        import soundfile

        first, count = round(start * RATE_HZ / FRAME_RATE_HZ), round(self.length * RATE_HZ / FRAME_RATE_HZ)
        for own, side in zip(sound, "ab", strict=True):
            soundfile.write(self.folder / f"{name}.{side}.wav", own[first : first + count], RATE_HZ, subtype="PCM_16")

    def _count(self, sequence: Sequence, part: str, whole: dict[str, np.ndarray]) -> None:
        n, scenario = whole["face"].shape[1], self.library.scenarios[sequence.scenario]
        self.frames["all"] += n
        self.frames[part] += n
        self.frames[f"emotion {EMOTIONS[scenario.emotion_id]}"] += n
        self.frames[f"relationship {RELATIONSHIPS[scenario.relationship_id]}"] += n
        for k, name in enumerate(ACTIONS):
            self.frames[f"action {name}"] += int((whole["action"] == k).sum()) / 2
        self.frames["facing"] += int(whole["facing"][0].sum())
        self.frames["without a face"] += int(np.isnan(whole["face"][:, 0, 0]).any()) * n

    def summary(self) -> dict:
        """What is in the folder; saved beside the streams."""
        total = max(self.frames["all"], 1)
        return {
            "corpus": "InterAct (Ho et al. 2025), CC BY-NC-SA 4.0",
            "stream_s": self.length / FRAME_RATE_HZ,
            "streams": dict(self.counts),
            "minutes": {k: round(self.frames[k] / FRAME_RATE_HZ / 60, 2) for k in PARTS},
            "shares": {k: round(v / total, 3) for k, v in self.frames.items() if k not in ("all", *PARTS)},
            "styles": {actor: k for k, actor in enumerate(self.library.actors)},
            "split": self.library.parts,
            "streams_of": self.sources,
            "notes": self.library.notes,
        }


def check(library: Library) -> int:
    """Reads every file of every sequence and prints what is wrong; the number of sequences that cannot be used."""
    broken = 0
    for sequence in library.sequences:
        try:
            seconds = read_sequence(sequence, library)["face"].shape[1] / FRAME_RATE_HZ
            print(f"{sequence.name}  {'+'.join(sequence.pair)}  {library.parts[sequence.name]:5}  {seconds:6.1f} s")
        except DatasetError as error:
            broken += 1
            print(f"{sequence.name}  BROKEN\n{error}")
    return broken


def write(build: Build, target: Path, skip_broken: bool) -> dict:
    """Writes all sequences beside `target` and moves them there at the end; the summary."""
    if target.exists() and not (target / "summary.json").exists():
        move = "give another name with --out, or move the folder away"
        raise DatasetError("the corpus's folder is taken", target, "a folder without summary.json", "none", move)
    if build.folder.exists():
        shutil.rmtree(build.folder)
    build.folder.mkdir(parents=True)
    for k, sequence in enumerate(build.library.sequences, 1):
        try:
            build.add(sequence)
        except DatasetError as error:
            if not skip_broken:
                raise
            build.library.notes.append(f"{sequence.name}: left out. {error}")
        print(f"\r{k} of {len(build.library.sequences)} sequences", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    summary = build.summary()
    (build.folder / "summary.json").write_text(json.dumps(summary, indent=1))
    if target.exists():
        shutil.rmtree(target)
    build.folder.rename(target)
    return summary


def lips(library: Library, build: Build, target: Path) -> dict[str, int]:
    """Writes the corpus of `lip_acc/`, where the data set has one; the number of streams."""
    if not (library.root / "lip_acc").is_dir():
        library.notes.append("lip_acc/ is not there: no corpus of accurate lips")
        return {}
    try:
        from phone_alignment import Aligner

        aligner = Aligner()
    except ImportError:
        library.notes.append("lip_acc: phones by the encoder; with `pip install pocketsphinx` they are aligned")
        aligner = None
    readings = read_readings(library.root, library.conversion, aligner)
    if target.exists():
        shutil.rmtree(target)
    style = library.actors.index("006") if "006" in library.actors else 0
    counts = write_lips(readings, build.encoder, target, build.tokens, build.length, style)
    aligned = sum(r.phone is not None for r in readings)
    library.notes.append(f"lip_acc: {len(readings)} readings, {aligned} aligned, streams {json.dumps(counts)}")
    return counts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--out", default="interact", help="name of the corpus in the cache")
    parser.add_argument("--check", action="store_true", help="read every file, write nothing")
    parser.add_argument("--seconds", type=float, default=STREAM_S, help="length of a stream")
    parser.add_argument("--encoder", default=str(SHIPPED_ENCODER), help="checkpoint or .safetensors")
    parser.add_argument("--tokens", default="tokens", help="name of the token set")
    parser.add_argument("--split", type=Path, help="JSON {train, val, test: [<date>_<scenario>, …]} in place of ours")
    parser.add_argument("--unit", type=float, metavar="METRES", help="metres per unit of the BVH files")
    parser.add_argument("--gaze", action="store_true", help="keep the eyeLook channels")
    parser.add_argument("--unknown-neutral", action="store_true", help="unlisted emotions become neutral")
    parser.add_argument("--skip-broken", action="store_true", help="leave unusable sequences out and list them")
    parser.add_argument("--no-lips", action="store_true", help="leave lip_acc/ alone")
    parser.add_argument("--limit", type=int, help="only the first sequences, to try")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        library = open_library(options.data, options.unknown_neutral, options.split, options.limit)
        library.gaze, library.metres = options.gaze, options.unit
        if options.check:
            broken = check(library)
            print(*library.notes, sep="\n")
            sys.exit(1 if broken else 0)
        from speech_encoder import load_encoder

        target = cache_folder() / options.out
        part = target.with_name(target.name + ".part")
        build = Build(library, load_encoder(options.encoder), part, options.tokens, options.seconds)
        summary = write(build, target, options.skip_broken)
        if not options.no_lips:
            lips(library, build, cache_folder() / f"{options.out}-lips")
    except DatasetError as error:
        sys.exit(f"error: {error}")
    for name in ("streams", "minutes", "shares", "styles"):
        print(f"{name}: {json.dumps(summary[name])}")
    print(*summary["notes"], sep="\n")
    print(f"written to {target}; train with DUOLOGUE_CORPUS={options.out}")


if __name__ == "__main__":
    main()
