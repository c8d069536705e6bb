"""From a captured pose to ours: the body features of one person of the InterAct data.

Rotations are taken over bone by bone after our rest direction was laid onto theirs (arms, hands, fingers). Legs are
solved to the captured ankles instead: what stood still stands still, although our legs are of another length. Places
on the floor stay in real metres, so that two persons are as far apart as they were; heights are scaled by the legs.
Shapes: n frames at 30/s, metres, rad.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.spatial.transform import Rotation

from body_skeleton import ANKLE_M, HAND, LOWER, UPPER, exp_map, matrix, moves, solve_leg, transposed, turn, unit
from interact_bvh import Bvh
from interact_skeleton import SIDES, Frame, Joints

OWN_LEG_M, HIP_DROP_M = 0.82, 0.05
"""Our thigh and shin together, and how far our hip joints are below the hips."""

# Numbers of a hand at ease, and what the engine's hands turn by in a fist, spread and opposed (rad).
HAND_AT_EASE = (0.2, 0.25, 0.3, 0.34, 0.38, 0.05, 0.3)
FIST_RAD = np.array([1.35, 1.65, 1.05])
SPREAD_RAD = np.array([0.26, 0.05, -0.13, -0.3])
THUMB_CURL_RAD = np.array([[0.1, 0.2, -0.1], [0.35, 0.45, -0.35], [0.5, 0.55, -0.5]])
THUMB_OPPOSED_RAD = np.array([0.45, 0.25, -0.35])

# A foot stands while its ankle is lower and slower than this above the height at which it stands.
STANDS_BELOW_M, STANDS_BELOW_M_S = 0.045, 0.22


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
