"""From a captured skeleton to ours: which joint is which, and the body features of one person of the InterAct data.

The card does not name the 61 joints, the unit or the axes. Joints are found by the names that Vicon, MotionBuilder and
CMU conversions use and by the structure of the tree; unit and axes by the pose that zero rotations give, which has to
be a standing person. Each assumption that fails raises DatasetError.

Rotations are taken over bone by bone after our rest direction was laid onto theirs (arms, hands, fingers). Legs are
solved to the captured ankles instead: what stood still stands still, although our legs are of another length. Places
on the floor stay in real metres, so that two persons are as far apart as they were; heights are scaled by the legs.
Shapes: n frames at 30/s, metres, rad.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.spatial.transform import Rotation

from body_skeleton import ANKLE_M, HAND, LOWER, UPPER, exp_map, matrix, moves, solve_leg, transposed, turn, unit
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
OWN_LEG_M, HIP_DROP_M = 0.82, 0.05
"""Our thigh and shin together, and how far our hip joints are below the hips."""
HEIGHT_M = (1.15, 1.75)
"""Ankles to head joint of an adult at rest."""
UNITS = {"mm": 0.001, "cm": 0.01, "inches": 0.0254, "m": 1.0}

# Numbers of a hand at ease, and what the engine's hands turn by in a fist, spread and opposed (rad).
HAND_AT_EASE = (0.2, 0.25, 0.3, 0.34, 0.38, 0.05, 0.3)
FIST_RAD = np.array([1.35, 1.65, 1.05])
SPREAD_RAD = np.array([0.26, 0.05, -0.13, -0.3])
THUMB_CURL_RAD = np.array([[0.1, 0.2, -0.1], [0.35, 0.45, -0.35], [0.5, 0.55, -0.5]])
THUMB_OPPOSED_RAD = np.array([0.45, 0.25, -0.35])

# A foot stands while its ankle is lower and slower than this above the height at which it stands.
STANDS_BELOW_M, STANDS_BELOW_M_S = 0.045, 0.22


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


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest turn [3, 3] that takes direction a [3] to b [3]."""
    a, b = unit(a), unit(b)
    axis, cosine = np.cross(a, b), float(a @ b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else Rotation.from_rotvec(np.pi * unit(np.cross(a, [0.3, 1, 0.2]))).as_matrix()
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()


@dataclass
class Pose:
    """One person's features: lower [n, 27], upper [n, 47], head [n, 3], root [n, 3] = x, z, yaw; where the face
    points in the world, and how high the hips are."""

    lower: np.ndarray
    upper: np.ndarray
    head: np.ndarray
    root: np.ndarray
    ahead: np.ndarray
    """Direction of the face on the floor (x, z) [n, 2]."""

    @property
    def height(self) -> np.ndarray:
        """Height of the hips [n], scaled to our legs."""
        return self.lower[:, 3]


def encode_person(bvh: Bvh, joints: Joints, frame: Frame) -> Pose:
    """The features of a recording at 30 frames/s."""
    place, rotation = bvh.world()
    place = place @ frame.room * frame.metres
    rotation = frame.room.T @ rotation @ frame.person
    rest = bvh.rest() @ frame.person * frame.metres
    hips = rotation[:, joints.of["hips"]]
    left = hips[:, :, 0]
    yaw = np.unwrap(np.arctan2(-left[:, 2], left[:, 0]))
    lower, root = _lower(place, rotation, rest, joints, hips, yaw)
    upper, chest = _upper(rotation, rest, joints, hips, bvh)
    head = rotation[:, joints.of["head"]]
    ahead = head[:, [0, 2], 2]
    ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
    return Pose(lower, upper, unrolled(exp_map(transposed(chest) @ head)), root, ahead)


def unrolled(vectors: np.ndarray) -> np.ndarray:
    """Exp-maps [n, 3] without jumps: where a turn passes a half circle, the longer vector of the same turn goes on."""
    out = vectors.copy()
    for k in range(1, len(out)):
        angle = np.linalg.norm(out[k])
        if angle > 2.0:
            other = out[k] * (1 - 2 * np.pi / angle)
            if np.sum((other - out[k - 1]) ** 2) < np.sum((out[k] - out[k - 1]) ** 2):
                out[k] = other
    return out


def _lower(
    place: np.ndarray, rotation: np.ndarray, rest: np.ndarray, joints: Joints, hips: np.ndarray, yaw: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lower features [n, 27] and root [n, 3]; the legs are solved to the captured ankles."""
    at = {bone: place[:, k] for bone, k in joints.of.items()}
    sizes = [
        np.linalg.norm(rest[joints.of[s + "UpperLeg"]] - rest[joints.of[s + "LowerLeg"]])
        + np.linalg.norm(rest[joints.of[s + "LowerLeg"]] - rest[joints.of[s + "Foot"]])
        for s in SIDES
    ]
    scale = OWN_LEG_M / np.mean(sizes)
    floor = np.percentile(np.minimum(at["leftFoot"][:, 1], at["rightFoot"][:, 1]), 5)

    def ours(points: np.ndarray) -> np.ndarray:
        """Places of the room with heights for our legs."""
        return np.stack([points[:, 0], ANKLE_M + (points[:, 1] - floor) * scale, points[:, 2]], -1)

    middle = ours((at["leftUpperLeg"] + at["rightUpperLeg"]) / 2)
    centre = middle + hips[:, :, 1] * HIP_DROP_M
    root = np.stack([centre[:, 0], centre[:, 2], yaw], -1)
    n = len(yaw)
    out = np.zeros((n, LOWER))
    out[:, :3], out[:, 3] = moves(root), centre[:, 1]
    out[:, 4:7] = unrolled(exp_map(turn(1, -yaw) @ hips))
    for i, (side, sign) in enumerate(zip(SIDES, (1.0, -1.0), strict=True)):
        ankle = ours(at[side + "Foot"])
        foot = rotation[:, joints.of[side + "Foot"]] @ _foot_rest(rest, joints, side)
        along = unit(at[side + "Foot"] - at[side + "UpperLeg"])
        knee = at[side + "LowerLeg"] - at[side + "UpperLeg"]
        pole = knee - np.sum(knee * along, -1, keepdims=True) * along
        # On a straight leg the knee says little; then it points where the foot does.
        pole += np.clip(0.03 - np.linalg.norm(pole, axis=-1, keepdims=True), 0, None) * foot[:, :, 2]
        upper, shin, sole = solve_leg(centre, hips, sign, ankle, foot, pole)
        first = 7 + 9 * i
        for k, part in enumerate((upper, shin, sole)):
            out[:, first + 3 * k : first + 3 * k + 3] = unrolled(part)
        out[:, 25 + i] = standing(ankle)
    return out, root


def _foot_rest(rest: np.ndarray, joints: Joints, side: str) -> np.ndarray:
    """What turns our foot, which points straight ahead on a flat sole, to theirs at rest: a yaw."""
    if side + "Toes" not in joints.of:
        return np.eye(3)
    along = rest[joints.of[side + "Toes"]] - rest[joints.of[side + "Foot"]]
    if np.hypot(along[0], along[2]) < 0.3 * np.linalg.norm(along):
        return np.eye(3)
    return turn(1, np.arctan2(along[0], along[2]))


def standing(ankle: np.ndarray, rate_hz: float = 30.0) -> np.ndarray:
    """Whether a foot stands, 0 or 1 [n], by height and speed of its ankle [n, 3]."""
    smooth = gaussian_filter1d(ankle, 1.0, axis=0, mode="nearest")
    speed = np.linalg.norm(np.gradient(smooth, axis=0), axis=1) * rate_hz if len(ankle) > 1 else np.zeros(len(ankle))
    down = (ankle[:, 1] - ANKLE_M < STANDS_BELOW_M) & (speed < STANDS_BELOW_M_S)
    return median_filter(down.astype(float), 5, mode="nearest")


def _upper(
    rotation: np.ndarray, rest: np.ndarray, joints: Joints, hips: np.ndarray, bvh: Bvh
) -> tuple[np.ndarray, np.ndarray]:
    """Upper features [n, 47] and the upper chest's rotation [n, 3, 3]."""
    n = len(hips)
    out = np.zeros((n, UPPER))
    line = [hips, *(rotation[:, k] for k in joints.trunk)]
    parent = hips
    for j in range(3):
        own = _along(line, (j + 1) * (len(line) - 1) / 3)
        out[:, 3 * j : 3 * j + 3] = unrolled(exp_map(transposed(parent) @ own))
        parent = own
    chest = parent
    for i, (side, sign) in enumerate(zip(SIDES, (1.0, -1.0), strict=True)):
        of = {bone: joints.of.get(side + bone) for bone in ("Shoulder", "UpperArm", "LowerArm", "Hand")}
        palm = _hand_rest(rest, joints, side, sign)
        straight = np.array([sign, 0, 0])
        turned = {"Shoulder": np.eye(3), "Hand": palm}
        for bone, below in (("UpperArm", "LowerArm"), ("LowerArm", "Hand")):
            turned[bone] = between(straight, rest[of[below]] - rest[of[bone]])
        above = chest
        for k, bone in enumerate(of):
            own = chest if of[bone] is None else rotation[:, of[bone]] @ turned[bone]
            first = 9 + 12 * i + 3 * k
            out[:, first : first + 3] = unrolled(exp_map(transposed(above) @ own))
            above = own
        first = 33 + HAND * i
        out[:, first : first + HAND] = _hand(rotation, rest, joints.fingers[side], above, palm, sign, bvh)
    return out, chest


def _along(line: list[np.ndarray], at: float) -> np.ndarray:
    """The rotation [n, 3, 3] at a fractional place of a chain of rotations."""
    k = min(int(at + 1e-9), len(line) - 2)
    share = at - k
    if share < 1e-9:
        return line[k]
    if share > 1 - 1e-9:
        return line[k + 1]
    return line[k] @ matrix(exp_map(transposed(line[k]) @ line[k + 1]) * share)


def _hand_rest(rest: np.ndarray, joints: Joints, side: str, sign: float) -> np.ndarray:
    """What turns our hand at rest (fingers along x, palm down, index finger ahead) to theirs."""
    hand, fingers = joints.of[side + "Hand"], joints.fingers[side]
    straight = [unit(rest[f[-1]] - rest[f[0]]) for f in fingers[1:] if f]
    if not straight:
        return between(np.array([sign, 0, 0]), rest[hand] - rest[joints.of[side + "LowerArm"]])
    along = np.mean(straight, 0)
    if fingers[1] and fingers[4]:
        across = rest[fingers[1][0]] - rest[fingers[4][0]]
        x = unit(along) * sign
        z = unit(across - np.sum(across * x) * x)
        return np.stack([x, np.cross(z, x), z], 1)
    return between(np.array([sign, 0, 0]), along)


def _hand(
    rotation: np.ndarray,
    rest: np.ndarray,
    fingers: list[list[int]],
    hand: np.ndarray,
    palm: np.ndarray,
    sign: float,
    bvh: Bvh,
) -> np.ndarray:
    """The seven numbers of a hand [n, 7]; a hand without finger joints is at ease."""
    out = np.tile(np.array(HAND_AT_EASE), (len(hand), 1))
    straight = np.array([sign, 0, 0])
    aside, weight = np.zeros(len(hand)), np.full(len(hand), 1e-3)
    for f, chain in enumerate(fingers):
        if not chain:
            continue
        turns = _finger_turns(rotation, rest, chain, hand, palm, np.array([sign, 0, 1]) if f == 0 else straight, bvh)
        turns = turns * (1, sign, sign)
        if f == 0:
            curl = [turns[:, -k] @ c / (c @ c) for k, c in ((1, THUMB_CURL_RAD[2]), (2, THUMB_CURL_RAD[1]))]
            out[:, 0] = np.clip(np.mean(curl, 0), 0, 1)
            opposed = turns[:, 0] - out[:, :1] * THUMB_CURL_RAD[0]
            out[:, 6] = np.clip(opposed @ THUMB_OPPOSED_RAD / (THUMB_OPPOSED_RAD @ THUMB_OPPOSED_RAD), 0, 1)
            continue
        bent = -turns[..., 2].sum(1)
        out[:, f] = np.clip(bent / FIST_RAD[-turns.shape[1] :].sum(), 0, 1)
        share = SPREAD_RAD[f - 1] * (1 - out[:, f])
        aside, weight = aside - turns[:, 0, 1] * share, weight + share**2
    if any(fingers[1:]):
        out[:, 5] = np.clip(aside / weight, -1, 1)
    return out


def _finger_turns(
    rotation: np.ndarray,
    rest: np.ndarray,
    chain: list[int],
    hand: np.ndarray,
    palm: np.ndarray,
    along: np.ndarray,
    bvh: Bvh,
) -> np.ndarray:
    """Exp-maps [n, joints, 3] of a finger's joints in our hand's axes; a straight finger along `along` is zero."""
    above, out = hand, []
    direction = along
    for joint in chain:
        children = bvh.children(joint)
        if children:
            direction = palm.T @ (rest[children[0]] - rest[joint])
        own = rotation[:, joint] @ palm @ between(along, direction)
        out.append(exp_map(transposed(above) @ own))
        above = own
    return np.stack(out, 1)
