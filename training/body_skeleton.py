"""The reference person's skeleton: sizes, rotations, limb solving and forward kinematics, vectorised over frames.

VRM normalised bones: +Y up, the person faces +Z, +X is the person's left, T-pose = all rotations identity. Metres,
radians. Exp-maps are rotation vectors [..., 3]; matrices are [..., 3, 3] and take child vectors to the parent.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

REST_HEIGHT_M = 0.93
ANKLE_M = 0.06

LOWER_JOINTS = "hips leftUpperLeg leftLowerLeg leftFoot rightUpperLeg rightLowerLeg rightFoot".split()
UPPER_JOINTS = (
    "spine chest upperChest leftShoulder leftUpperArm leftLowerArm leftHand "
    "rightShoulder rightUpperArm rightLowerArm rightHand"
).split()
LOWER, UPPER = 27, 47
HAND = 7
"""Numbers of one hand: curl of thumb, index, middle, ring, little (0 flat, 1 fist), spread -1..1, opposition 0..1."""

_LEFT = {
    "UpperLeg": ("hips", (0.09, -0.05, 0.0)),
    "LowerLeg": ("UpperLeg", (0.0, -0.42, 0.0)),
    "Foot": ("LowerLeg", (0.0, -0.40, 0.0)),
    "Toes": ("Foot", (0.0, -0.06, 0.13)),
    "Shoulder": ("upperChest", (0.04, 0.12, 0.0)),
    "UpperArm": ("Shoulder", (0.13, 0.0, 0.0)),
    "LowerArm": ("UpperArm", (0.27, 0.0, 0.0)),
    "Hand": ("LowerArm", (0.25, 0.0, 0.0)),
    "Tip": ("Hand", (0.17, 0.0, 0.0)),
}
_MIDDLE = {
    "spine": ("hips", (0.0, 0.10, 0.0)),
    "chest": ("spine", (0.0, 0.12, 0.0)),
    "upperChest": ("chest", (0.0, 0.12, 0.0)),
    "neck": ("upperChest", (0.0, 0.16, 0.0)),
    "head": ("neck", (0.0, 0.09, 0.01)),
    "face": ("head", (0.0, 0.08, 0.12)),
}


def _bones() -> dict[str, tuple[str, np.ndarray]]:
    out = {name: (parent, np.array(offset)) for name, (parent, offset) in _MIDDLE.items()}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, (parent, offset) in _LEFT.items():
            own = parent if parent in ("hips", "upperChest") else side + parent
            out[side + name] = (own, np.array(offset) * (sign, 1, 1))
    return out


BONES = _bones()
"""Bone -> (parent, offset in the parent, m), parents before children; Tip and face are not bones but points on them."""

MIRROR = np.array([1.0, -1.0, -1.0])
"""What an exp-map is multiplied by to be the other side's."""


def matrix(vector: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of exp-maps [..., 3]."""
    flat = Rotation.from_rotvec(np.reshape(vector, (-1, 3))).as_matrix()
    return flat.reshape(*np.shape(vector)[:-1], 3, 3)


def exp_map(rotation: np.ndarray) -> np.ndarray:
    """Exp-maps [..., 3] of rotation matrices [..., 3, 3], angle within pi."""
    return Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_rotvec().reshape(*rotation.shape[:-2], 3)


def turn(axis: int, angle: np.ndarray) -> np.ndarray:
    """Matrices [n, 3, 3] of rotations about one axis (0 x, 1 y, 2 z)."""
    angle = np.asarray(angle, float)
    c, s = np.cos(angle), np.sin(angle)
    out = np.zeros((*angle.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1
    out[..., i, i] = out[..., j, j] = c
    out[..., i, j], out[..., j, i] = -s, s
    return out


def apply(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """rotation [..., 3, 3] times vector [..., 3]."""
    return np.einsum("...ij,...j->...i", rotation, vector)


def transposed(rotation: np.ndarray) -> np.ndarray:
    """The inverse of rotations [..., 3, 3]."""
    return np.swapaxes(rotation, -1, -2)


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] of length one."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def solve_limb(
    start: np.ndarray, end: np.ndarray, pole: np.ndarray, upper: float, lower: float, longest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two bones from `start` to `end` [n, 3] whose joint points to `pole`.

    Returns middle [n, 3], the directions of both bones, the direction to the pole across the limb, and the limb's own
    direction; an end that is out of reach (`longest` m) is pulled in.
    """
    along = end - start
    reach = np.linalg.norm(along, axis=-1, keepdims=True)
    along = along / np.maximum(reach, 1e-9)
    reach = np.clip(reach, abs(upper - lower) + 0.02, longest)
    side = unit(pole - np.sum(pole * along, -1, keepdims=True) * along)
    a = (reach**2 + upper**2 - lower**2) / (2 * reach)
    middle = start + a * along + np.sqrt(np.maximum(upper**2 - a**2, 0)) * side
    return middle, unit(middle - start), unit(start + reach * along - middle), side, along


ARM_M, SOFT_ARM_M, LONGEST_ARM_M = (0.27, 0.25), 0.45, 0.5135
LEG_M, LONGEST_LEG_M = (0.42, 0.40), 0.8185
FOREARM_TWIST = 0.55
"""Share of pronation that turns the lower arm bone; the rest turns the hand."""


def solve_arm(
    wrist: np.ndarray, pole: np.ndarray, wrist_angles: np.ndarray, shoulder: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exp-maps [n, 3] of the LEFT upper arm, lower arm and hand.

    wrist, pole [n, 3] in the upper chest's space; wrist_angles [n, 3] = supination, flexion (to the palm), deviation
    (to the thumb); shoulder [n, 3] = exp-map of the shoulder bone. Mirror the input's x and the output for the right.
    """
    clavicle = matrix(shoulder)
    joint = BONES["leftShoulder"][1] + apply(clavicle, BONES["leftUpperArm"][1])
    # Towards its full length an arm gives less and less, so that the elbow neither locks nor snaps.
    far = np.linalg.norm(wrist - joint, axis=-1, keepdims=True)
    give = LONGEST_ARM_M - SOFT_ARM_M
    soft = np.where(far > SOFT_ARM_M, SOFT_ARM_M + give * np.tanh((far - SOFT_ARM_M) / give), far)
    wrist = joint + (wrist - joint) * (soft / np.maximum(far, 1e-9))
    _, first, second, side, along = solve_limb(joint, wrist, pole, *ARM_M, LONGEST_ARM_M)
    hinge = np.cross(along, side)
    upper = np.stack([first, hinge, np.cross(first, hinge)], -1)
    bend = np.arctan2(np.sum(np.cross(first, second) * hinge, -1), np.sum(first * second, -1))
    supination, flexion, deviation = wrist_angles.T
    lower = turn(1, bend) @ turn(0, -FOREARM_TWIST * supination)
    hand = turn(0, -(1 - FOREARM_TWIST) * supination) @ turn(1, -deviation) @ turn(2, -flexion)
    return exp_map(transposed(clavicle) @ upper), exp_map(lower), exp_map(hand)


def arm_frames(wrist: np.ndarray, pole: np.ndarray, shoulder: np.ndarray) -> np.ndarray:
    """Rotation [n, 3, 3] of the LEFT forearm, without its own twist, for a wrist, pole and shoulder of `solve_arm`."""
    upper, lower, _ = solve_arm(wrist, pole, np.zeros((len(wrist), 3)), shoulder)
    return matrix(shoulder) @ matrix(upper) @ matrix(lower)


def wrist_angles(forearm: np.ndarray, hand: np.ndarray) -> np.ndarray:
    """The angles [n, 3] with which `solve_arm` turns the LEFT hand to rotations `hand` [n, 3, 3]."""
    angles = Rotation.from_matrix((transposed(forearm) @ hand).reshape(-1, 3, 3)).as_euler("XYZ")
    return -angles.reshape(-1, 3)[:, [0, 2, 1]]


def solve_leg(
    hips: np.ndarray, rotation: np.ndarray, sign: float, ankle: np.ndarray, foot: np.ndarray, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exp-maps [n, 3] of upper leg, lower leg and foot.

    hips [n, 3] and rotation [n, 3, 3] in some frame, ankle [n, 3], foot [n, 3, 3] and pole (where the knee points) in
    the same; sign is 1 for the left leg.
    """
    joint = hips + apply(rotation, BONES["leftUpperLeg"][1] * (sign, 1, 1))
    _, first, second, side, along = solve_limb(joint, ankle, pole, *LEG_M, LONGEST_LEG_M)
    hinge = np.cross(side, along)
    upper = np.stack([hinge, -first, np.cross(hinge, -first)], -1)
    bend = np.arctan2(np.sum(np.cross(first, second) * hinge, -1), np.sum(first * second, -1))
    lower = turn(0, bend)
    return exp_map(transposed(rotation) @ upper), exp_map(lower), exp_map(transposed(upper @ lower) @ foot)


def forward(
    lower: np.ndarray, upper: np.ndarray, head: np.ndarray, root: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Positions [n, 3] and rotations [n, 3, 3] of all bones of one person in the world.

    lower [n, 27], upper [n, 47], head [n, 3] (against the chest), root [n, 3] = world x, z, yaw.
    """
    local = {name: lower[:, 4 + 3 * i : 7 + 3 * i] for i, name in enumerate(LOWER_JOINTS)}
    local |= {name: upper[:, 3 * i : 3 * i + 3] for i, name in enumerate(UPPER_JOINTS)}
    local["head"] = head
    position = {"hips": np.stack([root[:, 0], lower[:, 3], root[:, 1]], -1)}
    rotation = {"hips": turn(1, root[:, 2]) @ matrix(local["hips"])}
    for name, (parent, offset) in BONES.items():
        position[name] = position[parent] + apply(rotation[parent], offset)
        rotation[name] = rotation[parent] @ matrix(local[name]) if name in local else rotation[parent]
    return position, rotation


def integrate(lower: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Root [n, 3] = world x, z, yaw from the moves of lower [n, 27]; frame 0 stands at `start` after its own move."""
    yaw = start[2] + np.cumsum(lower[:, 2])
    dx, dz = lower[:, 0], lower[:, 1]
    x = start[0] + np.cumsum(np.cos(yaw) * dx + np.sin(yaw) * dz)
    z = start[1] + np.cumsum(-np.sin(yaw) * dx + np.cos(yaw) * dz)
    return np.stack([x, z, yaw], -1)


def moves(root: np.ndarray) -> np.ndarray:
    """The moves [n, 3] = dx, dz, dyaw of root [n, 3]; zero at frame 0."""
    step = np.diff(root, axis=0, prepend=root[:1])
    yaw = root[:, 2]
    dx = np.cos(yaw) * step[:, 0] - np.sin(yaw) * step[:, 1]
    dz = np.sin(yaw) * step[:, 0] + np.cos(yaw) * step[:, 1]
    return np.stack([dx, dz, step[:, 2]], -1)


TORSO = (("hips", "chest", 0.125, 0.085), ("chest", "neck", 0.135, 0.095))
"""Body of the trunk: from, to, half width and half depth in m."""
THIGH_RADIUS_M = 0.07


def _beside(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    along = b - a
    share = np.sum((point - a) * along, -1) / np.maximum(np.sum(along * along, -1), 1e-9)
    return point - (a + np.clip(share, 0, 1)[..., None] * along), share


def hand_inside(position: dict[str, np.ndarray], rotation: dict[str, np.ndarray]) -> np.ndarray:
    """True [n] where a wrist or the middle of a hand is inside the trunk or a thigh."""
    out = np.zeros(len(position["hips"]), bool)
    for side in ("left", "right"):
        wrist, tip = position[side + "Hand"], position[side + "Tip"]
        for point in (wrist, wrist + 0.5 * (tip - wrist)):
            for a, b, wide, deep in TORSO:
                off, share = _beside(point, position[a], position[b])
                off = apply(transposed(rotation[a]), off)
                out |= ((off[:, 0] / wide) ** 2 + (off[:, 2] / deep) ** 2 < 1) & (share > 0) & (share < 1)
            for leg in ("left", "right"):
                off, _ = _beside(point, position[leg + "UpperLeg"], position[leg + "LowerLeg"])
                out |= np.linalg.norm(off, axis=-1) < THIGH_RADIUS_M
    return out
