"""Which joint is which in a captured skeleton of the InterAct data, and how its file lies in space.

The card does not name the 61 joints, the unit or the axes. Joints are found by the names that Vicon, MotionBuilder and
CMU conversions use and by the structure of the tree; unit and axes by the pose that zero rotations give, which has to
be a standing person. Each assumption that fails raises DatasetError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from body_skeleton import unit
from interact_bvh import Bvh
from interact_files import DatasetError

_SIDED = {
    "UpperArm": "arm uparm upperarm humerus shldr shoulder",
    "LowerArm": "forearm lowerarm lowarm radius elbow",
    "Hand": "hand wrist",
    "UpperLeg": "upleg upperleg thigh femur hip",
    "LowerLeg": "leg lowerleg lowleg shin knee tibia calf",
    "Foot": "foot ankle",
}
_SHOULDER = "shoulder collar collarbone clavicle".split()
_TOES = "toebase toes toe ball".split()
_FINGERS = ("thumb", "index", "middle|mid", "ring", "pinky|little")
SIDES = ("left", "right")
HEIGHT_M = (1.15, 1.75)
"""Ankles to head joint of an adult at rest."""
UNITS = {"mm": 0.001, "cm": 0.01, "inches": 0.0254, "m": 1.0}


@dataclass
class Joints:
    """Where our bones are in a file: indices by our names, the trunk from above the hips to the shoulders, fingers."""

    of: dict[str, int]
    trunk: list[int]
    fingers: dict[str, list[list[int]]] = field(default_factory=dict)


def _plain(name: str) -> str:
    name = re.sub(r"[^a-z0-9]", "", name.split(":")[-1].lower())
    return re.sub(r"^(bip\d*|mixamorig\d*|character\d*|skeleton)", "", name) or name


def find_joints(bvh: Bvh) -> Joints:
    """Finds our bones; raises DatasetError with the names that are there where one is missing."""
    plain = {_plain(name): k for k, name in reversed(list(enumerate(bvh.names)))}

    def missing(bone: str, tried: str) -> DatasetError:
        names = " ".join(bvh.names)
        return DatasetError(
            f"no joint for {bone}", bvh.path, names, tried, "add the name to the tables of interact_skeleton.py"
        )

    def named(side: str, words: list[str], without: set[int]) -> int | None:
        tries = [prefix + word for word in words for prefix in (side, side[0])]
        tries += [word + suffix for word in words for suffix in (side, side[0])]
        return next((plain[t] for t in tries if t in plain and plain[t] not in without), None)

    out: dict[str, int] = {}
    for side in SIDES:
        used: set[int] = set()
        for bone, words in _SIDED.items():
            joint = named(side, words.split(), used)
            if joint is None:
                raise missing(side + bone, words)
            out[side + bone] = joint
            used.add(joint)
        for chain in (("UpperArm", "LowerArm", "Hand"), ("UpperLeg", "LowerLeg", "Foot")):
            own = [out[side + bone] for bone in chain]
            if not (own[0] in bvh.line(own[1]) and own[1] in bvh.line(own[2])):
                got = " > ".join(bvh.names[k] for k in own)
                raise DatasetError("joints that do not hang together", bvh.path, got, " > ".join(chain), "see --data")
        above = bvh.line(out[side + "UpperArm"])[1:]
        shoulder = named(side, _SHOULDER, used)
        if shoulder in above:
            out[side + "Shoulder"] = shoulder
        toes = named(side, _TOES, used)
        if toes is not None and out[side + "Foot"] in bvh.line(toes):
            out[side + "Toes"] = toes
    if "head" not in plain:
        raise missing("head", "head")
    out["head"] = plain["head"]
    legs = out["leftUpperLeg"], out["rightUpperLeg"]
    out["hips"] = bvh.common(*legs, out["head"])
    if out["hips"] in legs:
        raise DatasetError("a skeleton without hips", bvh.path, bvh.names[out["hips"]], "hips above both legs", "…")
    top = bvh.common(out["leftUpperArm"], out["rightUpperArm"])
    line = bvh.line(top)
    if out["hips"] not in line or top == out["hips"] or top not in bvh.line(out["head"]):
        raise missing("the trunk", "joints from the hips to where both arms and the neck begin")
    trunk = line[: line.index(out["hips"])][::-1]
    return Joints(out, trunk, {side: _fingers(bvh, out[side + "Hand"]) for side in SIDES})


def _fingers(bvh: Bvh, hand: int) -> list[list[int]]:
    """The last three joints of thumb, index, middle, ring and little finger; empty where a hand has no such finger."""
    below = [k for k in range(len(bvh.names)) if k != hand and hand in bvh.line(k)]
    out = []
    for words in _FINGERS:
        own = [k for k in below if re.search(words, _plain(bvh.names[k])) and (bvh.children(k) or k in bvh.ends)]
        own = [k for k in own if not re.search(r"end$|tip$|nub$", _plain(bvh.names[k]))]
        own.sort(key=lambda k: len(bvh.line(k)))
        out.append(own[-3:] if len(own) >= 2 else [])
    return out


@dataclass
class Frame:
    """How a file lies in space; both persons of a sequence share `room`, since it depends on the up axis alone."""

    room: np.ndarray
    """Columns are our x, y, z in the file's axes [3, 3]."""
    person: np.ndarray
    """Columns are left, up and ahead of the zero pose in the file's axes [3, 3]."""
    metres: float
    """Of one unit."""


def find_frame(bvh: Bvh, joints: Joints, metres: float | None = None) -> Frame:
    """Axes and unit from the zero pose, which has to be an adult who stands."""
    rest = bvh.rest()

    def odd(got: str, expected: str) -> DatasetError:
        move = "InterAct's other export, bvhs_retarget/, may fit; else give the unit with --unit"
        return DatasetError("the zero pose is not a standing person", bvh.path, got, expected, move)

    feet = (rest[joints.of["leftFoot"]] + rest[joints.of["rightFoot"]]) / 2
    tall = rest[joints.of["head"]] - feet
    axis = int(np.argmax(np.abs(tall)))
    up = np.zeros(3)
    up[axis] = np.sign(tall[axis])
    height = np.linalg.norm(tall)
    if abs(tall[axis]) < 0.9 * height:
        raise odd(f"head above feet by {np.round(tall, 2)}", "the head straight above the feet")
    hips = rest[joints.of["hips"]] - feet
    if not 0.35 * height < hips @ up < 0.75 * height:
        raise odd(f"hips at {hips @ up / height:.2f} of the head's height", "about the middle")
    left = rest[joints.of["leftUpperLeg"]] - rest[joints.of["rightUpperLeg"]]
    left = left - (left @ up) * up
    if np.linalg.norm(left) < 0.02 * height:
        raise odd("both legs in one place", "left and right apart")
    left = unit(left)
    person = np.stack([left, up, np.cross(left, up)], 1)
    first = np.eye(3)[0 if axis else 1]
    room = np.stack([first, up, np.cross(first, up)], 1)
    if "leftToes" in joints.of:
        ahead = (rest[joints.of["leftToes"]] - rest[joints.of["leftFoot"]]) @ person[:, 2]
        if ahead < 0:
            raise odd("toes behind the ankles", "left and right not swapped, toes ahead")
    if metres is None:
        fits = [m for m in UNITS.values() if HEIGHT_M[0] < height * m < HEIGHT_M[1]]
        if len(fits) != 1:
            raise odd(f"{height:.2f} units from the ankles to the head", f"a person in {', '.join(UNITS)}")
        metres = fits[0]
    return Frame(room, person, metres)
