"""Clips: readers of glTF and BVH on files made here, retargeting that keeps directions, phrases that do not pop."""

import json
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import clip_files
import clips
from body_skeleton import arm_frames, matrix, solve_arm, wrist_angles

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftHip
  {
    OFFSET 3 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT LeftKnee
    {
      OFFSET 0 -21 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT LeftAnkle
      {
        OFFSET 0 -20 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        End Site
        {
          OFFSET 0 -3 0
        }
      }
    }
  }
  JOINT LeftCollar
  {
    OFFSET 1 20 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT LeftShoulder
    {
      OFFSET 6 0 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT LeftElbow
      {
        OFFSET 0 -13 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        JOINT LeftWrist
        {
          OFFSET 0 -12 0
          CHANNELS 3 Zrotation Xrotation Yrotation
          End Site
          {
            OFFSET 0 -8 0
          }
        }
      }
    }
  }
}
MOTION
Frames: 4
Frame Time: 0.0333333
"""


@pytest.fixture
def bvh(tmp_path):
    """A left half of a person whose arm hangs and whose knee bends by 10 degrees a frame."""
    rows = []
    for k in range(4):
        row = np.zeros(6 + 7 * 3)
        row[1] = 41
        row[6 + 3 + 1] = 10 * k
        rows.append(" ".join(str(v) for v in row))
    path = tmp_path / "half.bvh"
    path.write_text(BVH + "\n".join(rows))
    return path


def test_bvh_with_hanging_arm(bvh, monkeypatch):
    source, (turns, moves) = clip_files.read_bvh(bvh)
    assert source.metre == pytest.approx(0.42 / 21) and turns.shape[0] == 4
    both = {k.replace("left", "right"): v for k, v in clip_files.bones_of(source).items()} | clip_files.bones_of(source)
    monkeypatch.setattr(clips, "bones_of", lambda _: both)
    clip = clips.retarget("half", source, turns, moves)
    position, _ = clips.skeleton_pose(clip)
    # The arm hangs although ours rests sideways, and the knee bends as the file says.
    arm = position["leftHand"] - position["leftUpperArm"]
    assert np.allclose(arm / np.linalg.norm(arm, axis=1, keepdims=True), (0, -1, 0), atol=1e-6)
    knee = clip.pose[:, clips.JOINTS.index("leftLowerLeg")]
    assert np.allclose(np.degrees(knee[:, 0]), [0, 10, 20, 30], atol=1e-6)
    assert np.allclose(clip.hips[:, 1], 0.82)


def test_gltf_reader(tmp_path):
    times = np.array([0.0, 0.5], np.float32)
    turns = Rotation.from_euler("y", [[0], [90]], degrees=True).as_quat().astype(np.float32)
    binary = times.tobytes() + turns.tobytes()
    gltf = {
        "asset": {"version": "2.0"},
        "nodes": [{"name": "root", "children": [1]}, {"name": "DEF-hips", "translation": [0, 1, 0]}],
        "bufferViews": [{"byteOffset": 0, "byteLength": 8}, {"byteOffset": 8, "byteLength": 32}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 2, "type": "SCALAR", "max": [0.5], "min": [0.0]},
            {"bufferView": 1, "componentType": 5126, "count": 2, "type": "VEC4"},
        ],
        "animations": [
            {
                "name": "turn",
                "samplers": [{"input": 0, "output": 1, "interpolation": "LINEAR"}],
                "channels": [{"sampler": 0, "target": {"node": 1, "path": "rotation"}}],
            }
        ],
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(gltf).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    path = tmp_path / "turn.glb"
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    source, found = clip_files.read_gltf_clips(path)
    local, moves = found["turn"]
    assert local.shape == (16, 2, 4) and np.allclose(moves[:, 1], (0, 1, 0))
    rotation, place = clip_files.world(source, local, moves)
    assert np.allclose(rotation[-1, 1] @ (0, 0, 1), (1, 0, 0), atol=1e-6) and np.allclose(place[:, 1], (0, 1, 0))


def test_wrist_angles_invert_the_arm():
    random = np.random.default_rng(2)
    wrist = np.array([0.2, -0.2, 0.28]) + random.uniform(-0.06, 0.06, (50, 3))
    pole, shoulder = np.tile([0.4, -1.0, -0.5], (50, 1)), random.uniform(-0.1, 0.1, (50, 3))
    forearm = arm_frames(wrist, pole, shoulder)
    angles = random.uniform(-0.7, 0.7, (50, 3))
    bones = solve_arm(wrist, pole, angles, shoulder)
    hand = matrix(shoulder) @ matrix(bones[0]) @ matrix(bones[1]) @ matrix(bones[2])
    assert np.allclose(wrist_angles(forearm, hand), angles, atol=1e-9)


def test_phrases_are_smooth():
    phrases = clips.phrases_of()
    if not phrases:
        pytest.skip("no clips in the data folder")
    for phrase in phrases.values():
        sides = (0, 1) if phrase.both else (phrase.hand,)
        assert 0 <= phrase.onset < phrase.course.shape[1] and np.isfinite(phrase.course).all()
        for side in sides:
            speed = np.linalg.norm(np.diff(phrase.course[side, :, :3], axis=0), axis=1) * clip_files.RATE_HZ
            assert speed.max() < 3.5
            assert np.abs(np.diff(phrase.course[side, :, 10:20], axis=0)).max() < 0.6
