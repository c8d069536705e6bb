"""Animation clips on the reference skeleton: glTF and BVH files read, retargeted and sampled at 30/s.

    python clips.py --sheet sheet.png       # every clip as stick figures, to judge by eye

Read from ../shared/data beside the repository or $DUOLOGUE_SHARED/data: hand-keyed Mesh2Motion clips (CC0) and a few
CMU captures; nothing of the files is stored. A bone's world rotation is its turn away from the source's rest pose,
after the source's rest direction was laid onto ours; so skeletons may rest in a T or an A pose or with hanging arms.
Shapes: k = frames of a clip.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from body_skeleton import (
    BONES, HAND, LOWER_JOINTS, UPPER_JOINTS, apply, arm_frames, forward, transposed, unit, wrist_angles,
)  # fmt: skip
from clip_files import RATE_HZ, Source, bones_of, read_bvh, read_gltf_clips, world
from hand_poses import BODY, CHEST, CHEST_OVER_HIPS, FINGERS, LIFT, POLE, POSE, WRIST

JOINTS = (*LOWER_JOINTS, *UPPER_JOINTS, "head")
FULL_CURL, FULL_THUMB = 4.4, 2.4
"""Sum of a finger's three (a thumb's two) joint angles (rad) in a fist."""

_FINGERS = {"thumb": "thumb", "index": "index", "middle": "middle", "ring": "ring", "little": "pinky"}


@dataclass
class Clip:
    """A retargeted clip: exp-maps of JOINTS [k, 19, 3], hands [k, 2, 7], hips in metres [k, 3] (Y up)."""

    name: str
    pose: np.ndarray
    hands: np.ndarray
    hips: np.ndarray

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (len(self.pose) - 1) / RATE_HZ


def data_folder() -> Path:
    """Where the data of training and tests lie."""
    return Path(os.environ.get("DUOLOGUE_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"


def _aligned(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The smallest rotation [3, 3] that takes direction `ours` to `theirs`."""
    axis, cosine = np.cross(ours, theirs), float(np.dot(ours, theirs))
    if np.linalg.norm(axis) < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(unit(axis) * np.arccos(np.clip(cosine, -1, 1))).as_matrix()


_ENDS = {"Shoulder": "UpperArm", "UpperArm": "LowerArm", "LowerArm": "Hand", "UpperLeg": "LowerLeg", "LowerLeg": "Foot"}


def _rest_alignment(bones: dict[str, int], rest_place: np.ndarray, source: Source) -> dict[str, np.ndarray]:
    """Per bone: from our rest to the direction in which the source's bone rests. Feet, hips and head stand alike."""
    out = {bone: np.eye(3) for bone in bones}
    for side in ("left", "right"):
        for bone, end in _ENDS.items():
            if bone == "Shoulder" or side + bone not in bones or side + end not in bones:
                continue
            theirs = unit(rest_place[bones[side + end]] - rest_place[bones[side + bone]])
            out[side + bone] = _aligned(unit(BONES[side + end][1]), theirs)
        if side + "Hand" in bones and side + "LowerArm" in bones:
            inner = [j for j, p in enumerate(source.parents) if p == bones[side + "Hand"]]
            middle = [j for j in inner if "middle" in source.names[j].lower() or "mid1" in source.names[j].lower()]
            if middle:
                theirs = unit(rest_place[middle[0]] - rest_place[bones[side + "Hand"]])
                out[side + "Hand"] = _aligned(unit(BONES[side + "Hand"][1]), theirs)
            else:
                out[side + "Hand"] = out[side + "LowerArm"]
    return out


def _curls(source: Source, rotation: np.ndarray, place: np.ndarray, hand: int) -> np.ndarray:
    """Our seven hand numbers [k, 7] from a source hand's fingers; without fingers a relaxed hand."""
    out = np.tile([0.22, 0.26, 0.32, 0.37, 0.40, 0.0, 0.35], (len(rotation), 1))
    along = {}
    for i, (ours, theirs) in enumerate(_FINGERS.items()):
        inside = {}
        for j, name in enumerate(source.names):
            low = name.lower()
            if theirs in low and _under(source, j, hand) and "leaf" not in low:
                digit = next((int(c) for c in low.replace("_l", "").replace("_r", "") if c.isdigit()), 0)
                number = [int(w) for w in "".join(c if c.isdigit() else " " for c in low).split()]
                inside[number[0] if number else digit] = j
        if 1 not in inside or 2 not in inside or 3 not in inside:
            continue
        first, second, third = (inside[d] for d in (1, 2, 3))
        # Local +y of a source's finger bone points along it.
        bones = [rotation[:, j, :, 1] for j in (first, second, third)]
        palm = unit(place[:, first] - place[:, hand])
        if ours == "thumb":
            bend = sum(_angle(a, b) for a, b in zip(bones, bones[1:]))
            out[:, i] = np.clip(bend / FULL_THUMB, 0, 1)
            continue
        bend = sum(_angle(a, b) for a, b in zip([palm, *bones], bones))
        out[:, i] = np.clip((bend - 0.1) / FULL_CURL, 0, 1)
        along[ours] = bones[0]
    if "index" in along and "little" in along:
        out[:, 5] = np.clip((_angle(along["index"], along["little"]) - 0.12) / 0.5, -0.3, 1) * (1 - out[:, 1])
    return out


def _under(source: Source, joint: int, top: int) -> bool:
    while joint >= 0:
        if joint == top:
            return True
        joint = source.parents[joint]
    return False


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip(np.sum(a * b, -1), -1, 1))


def retarget(
    name: str, source: Source, turns: np.ndarray, moves: np.ndarray, rest: tuple[np.ndarray, np.ndarray] | None = None
) -> Clip:
    """A clip on our skeleton; `rest` = local rotations, translations [j, .] of the pose that all turns count from."""
    rest = rest or (source.rest_rotation, source.rest_offset)
    rest_rotation, rest_place = (a[0] for a in world(source, rest[0][None], rest[1][None]))
    rotation, place = world(source, turns, moves)
    bones = bones_of(source)
    aligned = _rest_alignment(bones, rest_place, source)
    total = {}
    for bone, j in bones.items():
        total[bone] = rotation[:, j] @ rest_rotation[j].T @ aligned[bone]
    pose = np.zeros((len(turns), len(JOINTS), 3))
    for i, bone in enumerate(JOINTS):
        if bone not in total:
            continue
        # Our head turns against the chest: the neck has no angles of its own.
        above = {"hips": None, "head": "upperChest"}.get(bone, BONES.get(bone, (None,))[0])
        while above is not None and above not in total:
            above = BONES[above][0]
        local = transposed(total[above]) @ total[bone] if above else total[bone]
        pose[:, i] = Rotation.from_matrix(local).as_rotvec()
    hands = np.stack([_curls(source, rotation, place, bones[s + "Hand"]) for s in ("left", "right")], 1)
    hips = place[:, bones["hips"]] * source.metre
    return Clip(name, pose, hands, hips)


@lru_cache(maxsize=4)
def all_clips(only: tuple[str, ...] = ()) -> dict[str, Clip]:
    """The clips of the data folder, all or those of the names; empty where it has none."""
    out: dict[str, Clip] = {}
    for file, rest in (("human-base-animations.glb", "A_TPose"), ("human-addon-animations.glb", None)):
        path = data_folder() / "motion-mesh2motion" / file
        if path.exists():
            source, clips = read_gltf_clips(path, (*only, rest) if only else ())
            still = tuple(a[0] for a in clips[rest]) if rest else None
            for name, (turns, moves) in clips.items():
                if only and name not in only:
                    continue
                out[name] = retarget(name, source, turns, moves, still)
    for path in sorted((data_folder() / "motion-cmu").glob("*.bvh")):
        if only and f"cmu {path.stem}" not in only:
            continue
        source, (turns, moves) = read_bvh(path)
        out[f"cmu {path.stem}"] = retarget(f"cmu {path.stem}", source, turns, moves)
    return out


@dataclass
class Phrase:
    """A gesture from a clip: both arms' courses [2, k, 21] as poses of hand_poses.py, the frame in which the
    stroke begins, whether it needs both hands (else which), and the emotion groups it fits."""

    course: np.ndarray
    onset: int
    both: bool
    hand: int
    feels: frozenset[int]


ANY = frozenset(range(7))
PHRASES = {
    # name: (clip, from s, to s, hands, emotion groups)
    "clip counts": ("Idle_Talking_Loop", 0.0, 1.25, "both", ANY),
    "clip explains": ("Idle_Talking_Loop", 1.25, 2.9, "both", ANY),
    "clip counts, seated": ("Sitting_Talking_Loop", 0.0, 1.25, "both", ANY),
    "clip explains, seated": ("Sitting_Talking_Loop", 1.25, 2.9, "both", ANY),
    "clip waves": ("Greeting", 0.95, 2.6, "right", frozenset((3, 5))),
    "clip refuses": ("Reject", 0.72, 1.65, "both", frozenset((2, 6))),
    "clip refuses more": ("Reject", 0.72, 2.45, "both", frozenset((6,))),
    "clip scratches the head": ("Confused", 0.55, 1.85, "right", frozenset((1, 4))),
    "clip pumps a fist": ("Victory Fist Pump", 1.35, 2.05, "right", frozenset((1, 5))),
    "clip reaches": ("Interact", 0.05, 1.05, "left", frozenset((0, 3, 6))),
    "clip gives a hand": ("cmu 18_01", 2.5, 4.1, "right", frozenset((0, 3, 4))),
}
"""What is taken out of the clips, by eye."""


def arm_courses(clip: Clip) -> np.ndarray:
    """Both arms of a clip [2, k, 21] as poses of hand_poses.py (chest space, each in its own mirror)."""
    k = len(clip.pose)
    position, rotation = skeleton_pose(clip)
    chest = transposed(rotation["upperChest"])
    out = np.zeros((2, k, POSE))
    mirror = np.diag([-1.0, 1, 1])
    for i, side in enumerate(("left", "right")):
        sign = np.array([1.0 - 2 * i, 1, 1])

        def local(bone: str) -> np.ndarray:
            return apply(chest, position[bone] - position["upperChest"]) * sign

        shoulder, elbow, wrist = local(side + "UpperArm"), local(side + "LowerArm"), local(side + "Hand")
        along = unit(wrist - shoulder)
        pole = elbow - shoulder
        pole = unit(pole - np.sum(pole * along, -1, keepdims=True) * along)
        hand = chest @ rotation[side + "Hand"]
        hand = mirror @ hand @ mirror if i else hand
        collar = clip.pose[:, JOINTS.index(side + "Shoulder")] * ((1, -1, -1) if i else (1, 1, 1))
        lift = np.clip(collar[:, 2], -0.05, 0.3)
        fixed = np.stack([np.zeros(k), np.full(k, -0.06), lift], -1)
        angles = wrist_angles(arm_frames(wrist, pole, fixed), hand)
        angles[:, 0] = np.unwrap(angles[:, 0])
        angles[:, 0] -= 2 * np.pi * np.round(np.median(angles[:, 0]) / (2 * np.pi))
        out[i][:, CHEST], out[i][:, BODY] = wrist, wrist + CHEST_OVER_HIPS
        out[i][:, POLE] = pole
        out[i][:, WRIST] = np.clip(angles, (-1.9, -0.9, -0.5), (1.6, 1.1, 0.45))
        out[i][:, FINGERS], out[i][:, LIFT] = clip.hands[:, i], lift
    return gaussian_filter1d(out, 1.0, axis=1, mode="nearest")


@lru_cache(maxsize=1)
def phrases_of() -> dict[str, Phrase]:
    """Gestures from the clips; none where the data folder is missing."""
    clips = all_clips(tuple({entry[0] for entry in PHRASES.values()}))
    out = {}
    for name, (clip, start, end, hands, feels) in PHRASES.items():
        if clip not in clips:
            continue
        course = arm_courses(clips[clip])[:, int(start * RATE_HZ) : int(end * RATE_HZ) + 1]
        speed = np.linalg.norm(np.diff(course[:, :, :3], axis=1), axis=-1)
        used = speed.sum(0) if hands == "both" else speed[("left", "right").index(hands)]
        # The stroke begins where the hand has come to half its top speed on the way to it.
        top = int(np.argmax(used[: max(int(0.7 * len(used)), 2)]))
        slow = np.flatnonzero(used[: top + 1] < 0.5 * used[top])
        onset = int(slow[-1]) if len(slow) else 0
        out[name] = Phrase(course, onset, hands == "both", int(hands == "right"), feels)
    return out


def skeleton_pose(clip: Clip) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Positions [k, 3] and rotations of all bones."""
    k = len(clip.pose)
    lower, upper = np.zeros((k, 27)), np.zeros((k, 47))
    lower[:, 3] = clip.hips[:, 1]
    lower[:, 4:25] = clip.pose[:, :7].reshape(k, -1)
    upper[:, :33] = clip.pose[:, 7:18].reshape(k, -1)
    upper[:, 33:] = clip.hands.reshape(k, 2 * HAND)
    root = np.stack([clip.hips[:, 0], clip.hips[:, 2], np.zeros(k)], -1)
    return forward(lower, upper, clip.pose[:, 18], root)


def draw_figure(axes, position: dict[str, np.ndarray], frame: int, shift: float, side: bool, colour: str) -> None:
    """One stick figure from the front or the side."""
    for name, (parent, _) in BONES.items():
        a, b = position[parent][frame], position[name][frame]
        x = (lambda p: -p[2]) if side else (lambda p: p[0])
        shade = "tab:red" if name.startswith("left") else "tab:blue" if name.startswith("right") else colour
        axes.plot([x(a) + shift, x(b) + shift], [a[1], b[1]], color=shade, linewidth=1.1, solid_capstyle="round")


def sheet(path: Path, names: list[str] | None = None, count: int = 7) -> None:
    """A picture of the clips: `count` moments of each, from the front and from the side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    clips = list(all_clips(tuple(names or ())).values())
    rows = (len(clips) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(22, 2.1 * rows), squeeze=False)
    for clip, ax in zip(clips, axes.flat, strict=False):
        position, _ = skeleton_pose(clip)
        for i, frame in enumerate(np.linspace(0, len(clip.pose) - 1, count).astype(int)):
            middle = position["hips"][frame]
            still = {k: v - middle * (1, 0, 1) for k, v in position.items()}
            draw_figure(ax, still, frame, 2.0 * i, False, "black")
            draw_figure(ax, still, frame, 2.0 * i + 0.95, True, "grey")
        ax.set_title(f"{clip.name} {clip.seconds:.1f} s", fontsize=8, pad=1)
    for ax in axes.flat:
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_ylim(-0.05, 1.95)
    figure.tight_layout(pad=0.2)
    figure.savefig(path, dpi=60)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, required=True, help="write the picture here")
    parser.add_argument("--clips", nargs="*", help="names; default: all")
    options = parser.parse_args()
    sheet(options.sheet, options.clips)


if __name__ == "__main__":
    main()
