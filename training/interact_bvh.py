"""BVH files of the InterAct recordings: hierarchy, channels, forward kinematics and resampling to 30 frames/s.

The data set's card says "BVH, 30 fps" and no more: joint names, channel order, units and axes are read from the file.
Shapes: n frames, J joints. Offsets and places are in the file's unit and axes; rotations are matrices [..., 3, 3] that
take a child's vectors to its parent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from interact_files import DatasetError

FRAME_RATE_HZ = 30.0
# Frame times are written with few digits: this share of a rate counts as the same rate.
RATE_TOLERANCE = 0.005


@dataclass
class Bvh:
    """One recording: parents before children, `ends` of bones without children, local places and rotations."""

    names: list[str]
    parents: list[int]
    offsets: np.ndarray
    ends: dict[int, np.ndarray]
    rate_hz: float
    place: np.ndarray
    """[n, J, 3]: the offset, or what position channels say in its stead."""
    rotation: np.ndarray
    """[n, J, 3, 3]."""
    path: Path = field(default_factory=Path)

    def children(self, joint: int) -> list[int]:
        """The joints below a joint, in the file's order."""
        return [k for k, parent in enumerate(self.parents) if parent == joint]

    def line(self, joint: int) -> list[int]:
        """The joint and everything above it, up to the root."""
        out = [joint]
        while self.parents[out[-1]] >= 0:
            out.append(self.parents[out[-1]])
        return out

    def common(self, *joints: int) -> int:
        """The lowest joint that is above all of these (or one of them)."""
        shared = [set(self.line(j)) for j in joints]
        return next(j for j in self.line(joints[0]) if all(j in s for s in shared))

    def rest(self) -> np.ndarray:
        """Where the joints are when all rotations are zero and the root is at the origin, [J, 3]."""
        out = np.zeros_like(self.offsets)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                out[joint] = out[parent] + self.offsets[joint]
        return out

    def world(self) -> tuple[np.ndarray, np.ndarray]:
        """Places [n, J, 3] and rotations [n, J, 3, 3] of all joints in the file's space."""
        place, rotation = np.empty_like(self.place), np.empty_like(self.rotation)
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                place[:, joint], rotation[:, joint] = self.place[:, joint], self.rotation[:, joint]
            else:
                above = rotation[:, parent]
                place[:, joint] = place[:, parent] + np.einsum("nij,nj->ni", above, self.place[:, joint])
                rotation[:, joint] = above @ self.rotation[:, joint]
        return place, rotation

    def settled(self) -> tuple[Bvh, bool]:
        """Without a calibration pose in frame 0, as CMU's conversions have it: the frame after it takes its place."""
        if len(self.place) < 8:
            return self, False
        steps = self.rotation[:7].swapaxes(-1, -2) @ self.rotation[1:8]
        cosine = (np.trace(steps, axis1=-2, axis2=-1) - 1) / 2
        turned = np.arccos(np.clip(cosine, -1, 1)).max(1)
        if turned[0] < 0.6 or turned[0] < 5 * turned[1:].max():
            return self, False
        place, rotation = self.place.copy(), self.rotation.copy()
        place[0], rotation[0] = place[1], rotation[1]
        return replace(self, place=place, rotation=rotation), True

    def resampled(self, rate_hz: float = FRAME_RATE_HZ) -> Bvh:
        """The recording at another rate: places linear, rotations along the shortest turn."""
        count = len(self.place)
        if abs(self.rate_hz / rate_hz - 1) <= RATE_TOLERANCE or count < 2:
            return replace(self, rate_hz=rate_hz)
        times = np.arange(count) / self.rate_hz
        # Frame times are rounded: the last frame counts if it is all but there.
        wanted = np.arange(int(times[-1] * rate_hz + 0.05) + 1) / rate_hz
        wanted = np.minimum(wanted, times[-1])
        at = np.searchsorted(times, wanted, side="right").clip(1, count - 1) - 1
        share = ((wanted - times[at]) * self.rate_hz)[:, None, None]
        place = self.place[at] * (1 - share) + self.place[at + 1] * share
        turns = [Slerp(times, Rotation.from_matrix(self.rotation[:, j])) for j in range(len(self.names))]
        rotation = np.stack([slerp(wanted).as_matrix() for slerp in turns], 1)
        return replace(self, rate_hz=rate_hz, place=place, rotation=rotation)


def read_bvh(path: Path) -> Bvh:
    """Reads a file; raises DatasetError where it is not a whole, well-formed BVH."""

    def broken(what: str, got: object, expected: object) -> DatasetError:
        return DatasetError(what, path, got, expected, "fetch the file again; if it stays so, leave the sequence out")

    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise broken("a BVH file cannot be read", error, "a readable file") from error
    head, motion, numbers = text.partition("MOTION")
    if not motion or not head.lstrip().startswith("HIERARCHY"):
        raise broken("not a BVH file", repr(text[:40]), "HIERARCHY … MOTION …")
    names, parents, offsets, ends, channels = _hierarchy(head, broken)
    rows = numbers.split()
    try:
        frames = int(rows[rows.index("Frames:") + 1])
        at = rows.index("Time:") + 1
        seconds, values = float(rows[at]), np.array(rows[at + 1 :], np.float64)
    except (ValueError, IndexError) as error:
        raise broken("the motion of a BVH file cannot be read", error, "Frames: N, Frame Time: S, numbers") from error
    width = sum(len(c) for c in channels)
    if seconds <= 0 or frames < 1:
        raise broken("a BVH file without motion", f"{frames} frames of {seconds} s", "at least one frame")
    if values.size != frames * width:
        got = f"{values.size} numbers = {values.size / width:.1f} frames of {width} channels"
        raise broken("a BVH file is cut short or its header is wrong", got, f"{frames} frames")
    values = values.reshape(frames, width)
    if not np.isfinite(values).all():
        raise broken("a BVH file holds values that are no numbers", f"frame {_first_bad(values)}", "finite values")
    place = np.repeat(np.array(offsets)[None], frames, 0)
    rotation = np.repeat(np.eye(3)[None, None], frames, 0).repeat(len(names), 1)
    column = 0
    for joint, own in enumerate(channels):
        turns = [(c[0], column + i) for i, c in enumerate(own) if c.endswith("rotation")]
        for i, channel in enumerate(own):
            if channel.endswith("position"):
                place[:, joint, "XYZ".index(channel[0])] = values[:, column + i]
        if turns:
            order, columns = "".join(t[0] for t in turns), [t[1] for t in turns]
            rotation[:, joint] = Rotation.from_euler(order, values[:, columns], degrees=True).as_matrix()
        column += len(own)
    return Bvh(names, parents, np.array(offsets), ends, 1 / seconds, place, rotation, path)


def _first_bad(values: np.ndarray) -> int:
    return int(np.flatnonzero(~np.isfinite(values).all(1))[0])


def _hierarchy(head: str, broken) -> tuple[list[str], list[int], list[list[float]], dict, list[list[str]]]:
    """Names, parents, offsets, end sites and channel names from the text before MOTION."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    ends: dict[int, np.ndarray] = {}
    channels: list[list[str]] = []
    stack: list[int] = []
    in_end = False
    for line in (raw.strip() for raw in head.splitlines()[1:]):
        word, *rest = line.split() or [""]
        try:
            if word in ("ROOT", "JOINT"):
                names.append(" ".join(rest))
                parents.append(stack[-1] if stack else -1)
                offsets.append([0.0, 0.0, 0.0])
                channels.append([])
            elif word == "End":
                in_end = True
            elif word == "{":
                if not in_end:
                    stack.append(len(names) - 1)
            elif word == "}":
                if in_end:
                    in_end = False
                else:
                    stack.pop()
            elif word == "OFFSET":
                offset = [float(v) for v in rest[:3]]
                if in_end:
                    ends[stack[-1]] = np.array(offset)
                else:
                    offsets[-1] = offset
            elif word == "CHANNELS":
                channels[-1] = rest[1 : 1 + int(rest[0])]
        except (ValueError, IndexError) as error:
            raise broken("the hierarchy of a BVH file cannot be read", repr(line), "ROOT, JOINT, …") from error
    known = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}
    odd = [c for own in channels for c in own if c not in known]
    if odd or not names or stack:
        got = f"channels {odd[:3]}" if odd else f"{len(names)} joints, {len(stack)} of them never closed"
        raise broken("the hierarchy of a BVH file cannot be read", got, "joints with position and rotation channels")
    return names, parents, offsets, ends, channels
