"""Makes small files in the format of the InterAct data set: BVH, face arrays, wav and both databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import soundfile
from scipy.spatial.transform import Rotation

from body_skeleton import BONES, LOWER, UPPER, exp_map, forward, integrate, matrix, solve_leg, turn
from interact_face import Conversion
from interact_pose import FIST_RAD, SPREAD_RAD, THUMB_CURL_RAD, THUMB_OPPOSED_RAD

RATE_HZ = 30
NAMES = {"hips": "Hips", "spine": "Spine", "chest": "Spine1", "upperChest": "Spine2", "neck": "Neck", "head": "Head"}
_PARTS = {"Shoulder": "Shoulder", "UpperArm": "Arm", "LowerArm": "ForeArm", "Hand": "Hand", "UpperLeg": "UpLeg"}
_PARTS |= {"LowerLeg": "Leg", "Foot": "Foot", "Toes": "ToeBase"}
NAMES |= {side.lower() + ours: side + theirs for side in ("Left", "Right") for ours, theirs in _PARTS.items()}
FINGERS = "Thumb Index Middle Ring Pinky".split()
KNUCKLES = np.array([[0.03, -0.01, 0.025], [0.09, 0, 0.028], [0.094, 0, 0.007], [0.088, 0, -0.013], [0.08, 0, -0.031]])


def motion(frames: int, seed: int, walk: float = 0.0, seat: float = 0.0) -> dict[str, np.ndarray]:
    """A person who stands on fixed feet (or sits, or glides ahead at `walk` m/s) and moves trunk, arms and fingers."""
    random = np.random.default_rng(seed)
    t = np.arange(frames) / RATE_HZ

    def wave(count: int, size: float) -> np.ndarray:
        rate, phase = random.uniform(0.1, 0.6, count), random.uniform(0, 6, count)
        return size * np.sin(2 * np.pi * rate * t[:, None] + phase)

    lower, upper = np.zeros((frames, LOWER)), np.zeros((frames, UPPER))
    lower[:, 1] = walk / RATE_HZ
    lower[0, 1] = 0
    lower[:, 3] = 0.88 - 0.38 * seat + 0.005 * wave(1, 1)[:, 0]
    lower[:, 4:7] = wave(3, 0.05) * (1, 0, 1)
    root = integrate(lower, np.array([0.3, -0.2, 0.1]))
    place = np.stack([root[:, 0], lower[:, 3], root[:, 1]], -1)
    world = turn(1, root[:, 2]) @ matrix(lower[:, 4:7])
    for i, sign in enumerate((1.0, -1.0)):
        ahead = turn(1, root[:, 2])
        foot = np.array([0.1 * sign, 0.0, 0.4 * seat])
        ankle = place + np.einsum("nij,j->ni", ahead, foot)
        ankle[:, 1] = 0.06
        parts = solve_leg(place, world, sign, ankle, ahead @ turn(1, np.full(frames, 0.15 * sign)), ahead[:, :, 2])
        for k, part in enumerate(parts):
            lower[:, 7 + 9 * i + 3 * k : 10 + 9 * i + 3 * k] = part
    lower[:, 25:] = walk == 0
    upper[:, :33] = wave(33, 0.25)
    upper[:, [14, 26]] += (-1.1, 1.1)
    for first in (33, 40):
        upper[:, first : first + 5] = 0.45 + wave(5, 0.3)
        upper[:, first + 5] = wave(1, 0.5)[:, 0]
        upper[:, first + 6] = 0.4 + wave(1, 0.2)[:, 0]
    return {"lower": lower, "upper": upper, "head": wave(3, 0.2), "root": root}


def finger_turns(hand: np.ndarray, side: float) -> np.ndarray:
    """Exp-maps [n, 5, 3, 3] of a hand's joints as the engine turns them."""
    out = np.zeros((len(hand), 5, 3, 3))
    for k in range(3):
        opposed = hand[:, 6:7] * THUMB_OPPOSED_RAD if k == 0 else 0
        out[:, 0, k] = (hand[:, :1] * THUMB_CURL_RAD[k] + opposed) * (1, side, side)
        for f in range(1, 5):
            apart = hand[:, 5] * SPREAD_RAD[f - 1] * (1 - hand[:, f]) if k == 0 else 0
            out[:, f, k, 1] = -side * apart
            out[:, f, k, 2] = -side * hand[:, f] * FIST_RAD[k]
    return out


def write_bvh(
    path: Path,
    pose: dict[str, np.ndarray],
    unit: float = 100.0,
    axes: np.ndarray | None = None,
    legs: float = 1.0,
    arms_down: float = 0.0,
    rate_hz: float = RATE_HZ,
    order: str = "ZXY",
    t_pose: bool = False,
    turn_by: float = 0.0,
) -> None:
    """Writes a person's features: `unit` numbers per metre, `axes` takes our axes to the file's, legs longer by a
    factor, a rest pose with arms lowered by `arms_down` (rad), the whole scene turned by `turn_by`."""
    axes = np.eye(3) if axes is None else axes
    position, rotation = forward(pose["lower"], pose["upper"], pose["head"], pose["root"])
    n = len(pose["root"])
    bones: list[tuple[str, str, np.ndarray]] = [("hips", "", np.zeros(3))]
    bones += [(b, p, o) for b, (p, o) in BONES.items() if not b.endswith(("Tip", "face"))]
    for s, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        turns = matrix(finger_turns(pose["upper"][:, 33 + 7 * s : 40 + 7 * s], sign))
        for f, finger in enumerate(FINGERS):
            above, along = side + "Hand", np.array([0.7071, 0, 0.7071] if f == 0 else [1.0, 0, 0])
            for k in range(3):
                name = f"{side}Hand{finger}{k + 1}"
                offset = KNUCKLES[f] if k == 0 else 0.035 * along
                bones.append((name, above, offset * (sign, 1, 1)))
                rotation[name] = rotation[above] @ turns[:, f, k]
                above = name
    lowered = {b: turn(2, -s * arms_down) for side, s in (("left", 1), ("right", -1)) for b in [side]}
    rest = {name: np.eye(3) for name, _, _ in bones}
    for name in rest:
        if any(part in name for part in ("UpperArm", "LowerArm", "Hand")):
            rest[name] = lowered[name[: 4 if name.startswith("left") else 5]]
    whole = turn(1, turn_by)
    files = {name: axes @ whole @ rotation[name] @ rest[name].T @ whole.T @ axes.T for name, _, _ in bones}
    scale = {name: legs if name.endswith(("LowerLeg", "Foot")) else 1.0 for name, _, _ in bones}

    def children(bone: str) -> list[tuple[str, str, np.ndarray]]:
        return [b for b in bones if b[1] == bone]

    lines, order_of_bones = ["HIERARCHY"], []

    def write(bone: str, parent: str, offset: np.ndarray, depth: int) -> None:
        pad = "  " * depth
        order_of_bones.append(bone)
        own = rest.get(parent, np.eye(3)) @ offset * unit * scale[bone]
        own = axes @ whole @ own
        channels = " ".join(f"{axis}rotation" for axis in order)
        first = "6 Xposition Yposition Zposition" if not parent else "3"
        name = NAMES.get(bone, bone[0].upper() + bone[1:])
        lines.append(f"{pad}{'JOINT' if parent else 'ROOT'} {name}")
        lines.extend([f"{pad}{{", f"{pad}  OFFSET {own[0]:.6f} {own[1]:.6f} {own[2]:.6f}"])
        lines.append(f"{pad}  CHANNELS {first} {channels}")
        for child in children(bone):
            write(*child, depth + 1)
        if not children(bone):
            end = axes @ whole @ rest[bone] @ np.array([0.02, 0.02, 0.02]) * unit
            lines.extend([f"{pad}  End Site", f"{pad}  {{"])
            lines.extend([f"{pad}    OFFSET {end[0]:.6f} {end[1]:.6f} {end[2]:.6f}", f"{pad}  }}"])
        lines.append(f"{pad}}}")

    write(*bones[0], 0)
    parents = {bone: parent for bone, parent, _ in bones}
    hips = position["hips"] + np.array([0, (legs - 1) * 0.82, 0])
    columns = [(hips * unit) @ (axes @ whole).T]
    for bone in order_of_bones:
        own = files[bone]
        local = own if not parents[bone] else files[parents[bone]].swapaxes(-1, -2) @ own
        columns.append(Rotation.from_matrix(local).as_euler(order, degrees=True))
    rows = np.concatenate(columns, 1)
    if t_pose:
        rows = np.concatenate([np.concatenate([rows[:1, :3], np.zeros((1, rows.shape[1] - 3))], 1), rows[1:]])
    lines += ["MOTION", f"Frames: {n}", f"Frame Time: {1 / rate_hz:.7f}"]
    path.write_text("\n".join(lines + [" ".join(f"{v:.5f}" for v in row) for row in rows]) + "\n")


def write_face(root: Path, stem: str, frames: int, seed: int, sound: np.ndarray) -> None:
    """Both face arrays of a recording: lids that blink together and a jaw that follows the sound."""
    random = np.random.default_rng(seed)
    ict = np.repeat(random.random((frames // 10 + 1, 55)), 10, 0)[:frames] * 0.3
    names = Conversion()
    loud = np.abs(sound[: frames * 1600 // 3].reshape(-1, 1600)).mean(1)
    loud = np.interp(np.arange(frames) / 30, np.arange(len(loud)) / 10, loud)
    ict[:, 28] = np.clip(loud * 8, 0, 1)
    ict[:, 12] = ict[:, 13] = np.where(np.arange(frames) % 90 < 6, 0.9, 0.02)
    for folder in ("face_ict", "face_arkit"):
        (root / folder).mkdir(exist_ok=True)
    np.save(root / "face_ict" / f"{stem}.npy", ict)
    np.save(root / "face_arkit" / f"{stem}.npy", names(ict))


def write_databases(root: Path, scenarios: list[tuple[int, str, str]], sessions: list[tuple[str, str, str]]) -> None:
    """`scenarios.db` of (id, relationship, emotion) and `actors.db` of (date, male, female)."""
    with sqlite3.connect(root / "scenarios.db") as file:
        file.execute("CREATE TABLE relationships (id INTEGER PRIMARY KEY, name VARCHAR)")
        file.execute("CREATE TABLE emotions (id INTEGER PRIMARY KEY, name VARCHAR)")
        columns = "id INTEGER, relationship_id INTEGER, primary_emotion_id INTEGER, character_setup TEXT, scenario TEXT"
        file.execute(f"CREATE TABLE scenarios ({columns})")
        for k, (number, relationship, emotion) in enumerate(scenarios):
            file.execute("INSERT INTO relationships VALUES (?, ?)", (k, relationship))
            file.execute("INSERT INTO emotions VALUES (?, ?)", (k, emotion))
            file.execute("INSERT INTO scenarios VALUES (?, ?, ?, 'Two people', 'They talk')", (number, k, k))
    with sqlite3.connect(root / "actors.db") as file:
        file.execute("CREATE TABLE actors (actor_id TEXT, gender TEXT)")
        file.execute("CREATE TABLE sessions (date TEXT, male_id TEXT, female_id TEXT)")
        file.executemany("INSERT INTO sessions VALUES (?, ?, ?)", sessions)
        for actor in sorted({a for _, male, _ in sessions for a in [male]}):
            file.execute("INSERT INTO actors VALUES (?, 'male')", (actor,))
        for actor in sorted({female for _, _, female in sessions}):
            file.execute("INSERT INTO actors VALUES (?, 'female')", (actor,))


def made_sound(seconds: float, seed: int, rate_hz: int = 48_000) -> np.ndarray:
    """Bursts of harmonics with silence between, [N] f32."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * 130 * h * t) / h for h in range(1, 12))
    gate = (np.sin(2 * np.pi * (0.4 + 0.05 * seed) * t + seed) > 0) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * t))
    return (0.1 * tone * gate).astype(np.float32)


def write_dataset(root: Path, sequences: list[tuple[str, str, str, int]], seconds: float = 6.0) -> None:
    """A data set of sequences (date, male, female, scenario); the face of 20240126_006_034 is missing, as published."""
    emotions = ["Joy", "Aesthetic appreciation", "Anger", "Boredom"]
    relationships = ["Siblings", "architect / contractor", "Boss / Subordinate", "Friends With Similar Hobbies"]
    numbers = sorted({s[3] for s in sequences})
    scenarios = [(n, relationships[k % 4], emotions[k % 4]) for k, n in enumerate(numbers)]
    write_databases(root, scenarios, sorted({s[:3] for s in sequences}))
    (root / "bvhs").mkdir()
    (root / "wav").mkdir()
    frames = int(seconds * RATE_HZ)
    for k, (date, male, female, scenario) in enumerate(sequences):
        for i, actor in enumerate((male, female)):
            stem, seed = f"{date}_{actor}_{scenario:03d}", 2 * k + i
            pose = motion(frames, seed, walk=0.9 * (k == 1), seat=1.0 * (k == 2))
            if i:
                # The partner stands ahead and looks back.
                pose["root"][:, :2] = pose["root"][:, :2] * (1, -1) + (0.1, 1.6)
                pose["root"][:, 2] += np.pi
            write_bvh(root / "bvhs" / f"{stem}.bvh", pose)
            sound = made_sound(seconds, seed)
            soundfile.write(root / "wav" / f"{stem}.wav", sound, 48_000)
            if stem != "20240126_006_034":
                write_face(root, stem, frames, seed, sound[::3])


def exp_maps_close(a: np.ndarray, b: np.ndarray) -> float:
    """The largest angle (rad) between turns given as exp-maps [..., 3]."""
    return float(np.abs(exp_map(matrix(a).swapaxes(-1, -2) @ matrix(b))).max())


def write_lip_acc(root: Path, count: int, frames: int = 75) -> None:
    """Readings 1 … count of actor 006 in folders of `lip_acc/`, with their sentences."""
    for name in ("wav", "face_arkit"):
        (root / "lip_acc" / name).mkdir(parents=True)
    lines = [f"sentence {k} of the list" for k in range(1, count + 1)]
    (root / "lip_acc" / "lip_acc_sentences.txt").write_text("\n".join(lines) + "\n")
    for number in range(1, count + 1):
        stem = f"20240301_006_{number:03d}"
        sound = made_sound(frames / RATE_HZ, number, 16_000)
        soundfile.write(root / "lip_acc" / "wav" / f"{stem}.wav", sound, 16_000)
        np.save(root / "lip_acc" / "face_arkit" / f"{stem}.npy", np.full((frames, 51), number / 100, np.float32))
