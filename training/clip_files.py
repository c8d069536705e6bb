"""Files of animation clips: glTF 2 binary and BVH, read into one form and sampled at 30/s.

Shapes: k = frames of a clip, j = joints of its own skeleton.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from body_skeleton import apply

RATE_HZ = 30.0

_SIDED = {
    # ours: names in the Mesh2Motion rigs (base, addon), in the three families of CMU conversions
    "UpperLeg": "thigh LHipJoint UpLeg Hip femur Thigh",
    "LowerLeg": "shin calf Leg Knee tibia Shin",
    "Foot": "foot Foot Ankle",
    "Toes": "toe ball ToeBase toes",
    "Shoulder": "shoulder clavicle Shoulder Collar",
    "UpperArm": "upper_arm upperarm Arm humerus Shldr Shoulder",
    "LowerArm": "forearm lowerarm ForeArm radius Elbow",
    "Hand": "hand Hand Wrist wrist",
}
_MIDDLE_NAMES = {
    "hips": "hips pelvis Hips hip",
    "spine": "spine.001 spine_01 LowerBack lowerback abdomen Chest",
    "chest": "spine.002 spine_02 Spine upperback chest",
    "upperChest": "spine.003 spine_03 Spine1 thorax CS_BVH",
    "neck": "neck neck_01 Neck lowerneck",
    "head": "head Head",
}


@dataclass
class Source:
    """A hierarchy and its animations: parents, local rest and sampled locals of each joint (Y up, facing +Z)."""

    names: list[str]
    parents: list[int]
    rest_rotation: np.ndarray
    rest_offset: np.ndarray
    metre: float


_TYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read_glb(path: Path) -> tuple[dict, bytes]:
    """JSON and binary chunk of a glTF 2 binary file."""
    data = path.read_bytes()
    magic, _, total = struct.unpack_from("<4sII", data)
    if magic != b"glTF":
        raise ValueError(f"{path.name}: not a binary glTF file")
    at, chunks = 12, {}
    while at < total:
        size, kind = struct.unpack_from("<I4s", data, at)
        chunks[kind] = data[at + 8 : at + 8 + size]
        at += 8 + size
    return json.loads(chunks[b"JSON"]), chunks.get(b"BIN\0", b"")


def accessor(gltf: dict, binary: bytes, index: int) -> np.ndarray:
    """An accessor's values [count, width]."""
    entry = gltf["accessors"][index]
    view = gltf["bufferViews"][entry["bufferView"]]
    dtype, width = np.dtype(_TYPES[entry["componentType"]]), _WIDTHS[entry["type"]]
    start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
    stride = view.get("byteStride", dtype.itemsize * width)
    raw = np.frombuffer(binary, np.uint8, entry["count"] * stride - (stride - dtype.itemsize * width), start)
    rows = np.lib.stride_tricks.as_strided(raw, (entry["count"], dtype.itemsize * width), (stride, 1))
    return np.ascontiguousarray(rows).view(dtype)


def _sampled(times: np.ndarray, values: np.ndarray, at: np.ndarray, step: bool, turns: bool) -> np.ndarray:
    if len(times) == 1 or step:
        return values[np.clip(np.searchsorted(times, at + 1e-6, "right") - 1, 0, len(times) - 1)]
    at = np.clip(at, times[0], times[-1])
    if turns:
        return Slerp(times, Rotation.from_quat(values))(at).as_quat()
    return np.stack([np.interp(at, times, v) for v in values.T], -1)


def read_gltf_clips(
    path: Path, only: tuple[str | None, ...] = ()
) -> tuple[Source, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The rig of a file and its clips (or only some): local rotations [k, j, 4] (x y z w), translations [k, j, 3]."""
    gltf, binary = read_glb(path)
    nodes = gltf["nodes"]
    parents = [-1] * len(nodes)
    for i, node in enumerate(nodes):
        for child in node.get("children", ()):
            parents[child] = i
    rotation = np.array([n.get("rotation", (0, 0, 0, 1)) for n in nodes], float)
    offset = np.array([n.get("translation", (0, 0, 0)) for n in nodes], float)
    source = Source([n.get("name", "") for n in nodes], parents, rotation, offset, 1.0)
    clips = {}
    for animation in gltf["animations"]:
        if only and animation["name"] not in only:
            continue
        samplers = animation["samplers"]
        ends = [gltf["accessors"][s["input"]]["max"][0] for s in samplers]
        at = np.arange(int(round(max(ends) * RATE_HZ)) + 1) / RATE_HZ
        turns, moves = np.tile(rotation, (len(at), 1, 1)), np.tile(offset, (len(at), 1, 1))
        for channel in animation["channels"]:
            target, sampler = channel["target"], samplers[channel["sampler"]]
            out = {"rotation": turns, "translation": moves}.get(target["path"])
            if out is None:
                continue
            times = accessor(gltf, binary, sampler["input"])[:, 0].astype(float)
            values = accessor(gltf, binary, sampler["output"]).astype(float)
            step = sampler.get("interpolation") == "STEP"
            out[:, target["node"]] = _sampled(times, values, at, step, target["path"] == "rotation")
        clips[animation["name"]] = turns, moves
    return source, clips


def read_bvh(path: Path) -> tuple[Source, tuple[np.ndarray, np.ndarray]]:
    """The rig of a BVH file and its motion as `read_gltf_clips` gives it."""
    words = path.read_text().split()
    at = words.index("HIERARCHY") + 1
    names, parents, offsets, channels, stack = [], [], [], [], []
    while words[at] != "MOTION":
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            names.append(words[at + 1] if word != "End" else names[stack[-1]] + " end")
            parents.append(stack[-1] if stack else -1)
            channels.append([])
            at += 2
        elif word == "{":
            stack.append(len(names) - 1)
            at += 1
        elif word == "}":
            stack.pop()
            at += 1
        elif word == "OFFSET":
            offsets.append([float(w) for w in words[at + 1 : at + 4]])
            at += 4
        elif word == "CHANNELS":
            count = int(words[at + 1])
            channels[-1] = words[at + 2 : at + 2 + count]
            at += 2 + count
        else:
            raise ValueError(f"{path.name}: unexpected {word!r}")
    frames, period = int(words[at + 2]), float(words[at + 5])
    table = np.array(words[at + 6 :], float)[: frames * sum(map(len, channels))].reshape(frames, -1)
    offset = np.array(offsets)
    turns = np.tile(np.array([0.0, 0, 0, 1]), (frames, len(names), 1))
    moves = np.tile(offset, (frames, 1, 1))
    column = 0
    for j, kinds in enumerate(channels):
        values = table[:, column : column + len(kinds)]
        column += len(kinds)
        turn_columns = [i for i, kind in enumerate(kinds) if kind.endswith("rotation")]
        for i, kind in enumerate(kinds):
            if kind.endswith("position"):
                moves[:, j, "XYZ".index(kind[0])] = values[:, i]
        if turn_columns:
            order = "".join(kinds[i][0] for i in turn_columns)
            turns[:, j] = Rotation.from_euler(order, values[:, turn_columns], degrees=True).as_quat()
    times = np.arange(frames) * period
    at30 = np.arange(int(times[-1] * RATE_HZ + 1e-3) + 1) / RATE_HZ
    turns = np.stack([_sampled(times, turns[:, j], at30, False, True) for j in range(len(names))], 1)
    moves = np.stack([_sampled(times, moves[:, j], at30, False, False) for j in range(len(names))], 1)
    rest = np.tile(np.array([0.0, 0, 0, 1]), (len(names), 1))
    thigh = next(i for i, n in enumerate(names) if _is(n, "left", "LowerLeg"))
    return Source(names, parents, rest, offset, 0.42 / float(np.linalg.norm(offset[thigh]))), (turns, moves)


def _is(name: str, side: str | None, bone: str) -> bool:
    """Whether a source joint of this name is our bone."""
    plain = name.removeprefix("DEF-")
    if side is None:
        return plain in _MIDDLE_NAMES[bone].split()
    first, small, end = ("left", "l", (".L", "_l")) if side == "left" else ("right", "r", (".R", "_r"))
    forms = set()
    for name_of in _SIDED[bone].split():
        forms |= {name_of + end[0], name_of + end[1], first.capitalize() + name_of, small + name_of}
    return plain in forms


def world(source: Source, turns: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations [k, j, 3, 3] and positions [k, j, 3] of all joints."""
    local = Rotation.from_quat(turns.reshape(-1, 4)).as_matrix().reshape(*turns.shape[:2], 3, 3)
    rotation, place = np.zeros_like(local), np.zeros_like(moves)
    done = np.zeros(len(source.parents), bool)

    def solve(j: int) -> None:
        parent = source.parents[j]
        if parent < 0:
            rotation[:, j], place[:, j] = local[:, j], moves[:, j]
        else:
            if not done[parent]:
                solve(parent)
            rotation[:, j] = rotation[:, parent] @ local[:, j]
            place[:, j] = place[:, parent] + apply(rotation[:, parent], moves[:, j])
        done[j] = True

    for j in range(len(done)):
        if not done[j]:
            solve(j)
    return rotation, place


def bones_of(source: Source) -> dict[str, int]:
    """Our bones -> the source's joints."""
    out = {}
    for bone in _MIDDLE_NAMES:
        out[bone] = next((i for i, n in enumerate(source.names) if _is(n, None, bone)), -1)
    for side in ("left", "right"):
        for bone in _SIDED:
            hits = [i for i, n in enumerate(source.names) if _is(n, side, bone)]
            out[side + bone] = -1 if not hits else hits[-1 if bone in ("UpperLeg", "UpperArm") else 0]
    return {bone: i for bone, i in out.items() if i >= 0}
