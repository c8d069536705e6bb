"""The InterAct loader on small files of its format: skeletons of other sizes and axes, faces, databases, errors."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_interact import exp_maps_close, motion, write_bvh, write_databases

from body_skeleton import ANKLE_M, forward, turn
from face import ARKIT_51, EMOTIONS
from interact_bvh import read_bvh
from interact_databases import EMOTION_GROUPS, emotion_group, read_scenarios, read_sessions, relationship_group
from interact_face import ICT_53, Conversion, check_basis, fit_conversion, fits
from interact_files import DatasetError, Recording, Sequence, common_frames, read_array, read_sound
from interact_labels import SIT, STAND, WALK, action_modes, facing_flags, given_split, split, without_short
from interact_pose import Pose, encode_person, unrolled
from interact_skeleton import find_frame, find_joints

FRAMES = 60


def encoded(path: Path) -> Pose:
    bvh = read_bvh(path).settled()[0].resampled()
    joints = find_joints(bvh)
    return encode_person(bvh, joints, find_frame(bvh, joints))


Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"unit": 1000.0, "axes": Z_UP, "order": "XYZ"},
        {"unit": 1.0, "arms_down": 0.8, "order": "YXZ"},
        {"unit": 39.3701},
    ],
    ids=["vicon cm", "z up in mm", "arms down in m", "inches"],
)
def test_our_own_motion_comes_back_through_a_bvh_file(tmp_path, options):
    pose = motion(FRAMES, 1)
    write_bvh(tmp_path / "a.bvh", pose, **options)
    found = encoded(tmp_path / "a.bvh")
    # Our facing is that of the hips' own left: a little of their pitch and roll counts as yaw.
    assert (np.abs(found.root - pose["root"]).max(0) < (2e-4, 2e-4, 3e-3)).all()
    assert np.abs(found.lower[:, :4] - pose["lower"][:, :4]).max() < 5e-4
    assert exp_maps_close(found.lower[:, 4:25].reshape(-1, 7, 3), pose["lower"][:, 4:25].reshape(-1, 7, 3)) < 0.01
    assert exp_maps_close(found.upper[:, :33].reshape(-1, 11, 3), pose["upper"][:, :33].reshape(-1, 11, 3)) < 1e-3
    assert exp_maps_close(found.head, pose["head"]) < 1e-3
    assert np.abs(found.upper[:, 33:] - pose["upper"][:, 33:]).max() < 0.03
    assert (found.lower[:, 25:] == 1).all()


def test_other_legs_keep_feet_and_distances(tmp_path):
    pose = motion(FRAMES, 2)
    write_bvh(tmp_path / "a.bvh", pose, legs=1.12)
    found = encoded(tmp_path / "a.bvh")
    assert np.abs(found.root[:, :2] - pose["root"][:, :2]).max() < 2e-4
    position, _ = forward(found.lower, found.upper, found.head, found.root)
    for foot in ("leftFoot", "rightFoot"):
        assert np.abs(np.diff(position[foot], axis=0)).max() * 30 < 0.02
        assert np.abs(position[foot][:, 1] - ANKLE_M).max() < 0.02


def test_other_rates_are_resampled(tmp_path):
    pose = motion(4 * FRAMES - 3, 3)
    write_bvh(tmp_path / "fast.bvh", pose, rate_hz=120)
    write_bvh(tmp_path / "slow.bvh", {name: value[::4] for name, value in pose.items()})
    fast, slow = encoded(tmp_path / "fast.bvh"), encoded(tmp_path / "slow.bvh")
    assert fast.upper.shape == slow.upper.shape == (FRAMES, 47)
    assert np.abs(fast.upper - slow.upper).max() < 0.01 and np.abs(fast.lower - slow.lower).max() < 0.01


def test_a_calibration_pose_in_frame_0_is_replaced(tmp_path):
    write_bvh(tmp_path / "a.bvh", motion(FRAMES, 4), t_pose=True)
    bvh, corrected = read_bvh(tmp_path / "a.bvh").settled()
    assert corrected and np.array_equal(bvh.rotation[0], bvh.rotation[1])
    write_bvh(tmp_path / "b.bvh", motion(FRAMES, 4))
    assert not read_bvh(tmp_path / "b.bvh").settled()[1]


def test_turns_past_a_half_circle_do_not_jump():
    angle = np.linspace(2.6, 3.8, 40)
    vectors = angle[:, None] * np.array([0.6, 0.8, 0])
    wrapped = np.where(angle[:, None] > np.pi, vectors * (1 - 2 * np.pi / angle[:, None]), vectors)
    assert np.abs(np.diff(wrapped, axis=0)).max() > 3
    assert np.allclose(unrolled(wrapped), vectors)


BREAKS = {
    "cut short": (lambda text: text[: len(text) * 2 // 3], "cut short"),
    "no motion": (lambda text: text.split("MOTION")[0], "not a BVH file"),
    "odd numbers": (lambda text: text.replace("Frame Time: 0.0333333\n", "Frame Time: 0.0333333\nnan "), "cut short"),
    "not closed": (lambda text: text.replace("}", "", 1), "hierarchy"),
    "other names": (lambda text: text.replace("LeftForeArm", "Elbo"), "no joint for leftLowerArm"),
    "no head": (lambda text: text.replace("JOINT Head", "JOINT Skull"), "no joint for head"),
    "swapped": (lambda text: text.replace("RightUpLeg", "x").replace("LeftUpLeg", "RightUpLeg"), "no joint"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_bvh_files_say_what_is_wrong(tmp_path, name):
    change, words = BREAKS[name]
    path = tmp_path / "a.bvh"
    write_bvh(path, motion(8, 5))
    path.write_text(change(path.read_text()))
    with pytest.raises(DatasetError, match=words) as error:
        encoded(path)
    assert "a.bvh" in str(error.value) and "next:" in str(error.value)


def test_a_zero_pose_that_does_not_stand_is_refused(tmp_path):
    write_bvh(tmp_path / "a.bvh", motion(8, 5), unit=10.0)
    with pytest.raises(DatasetError, match="standing person"):
        encoded(tmp_path / "a.bvh")


def ict_weights(frames: int = 90) -> np.ndarray:
    return np.random.default_rng(0).random((frames, 55)).astype(np.float32) * 0.6


def test_ict_weights_become_arkit_weights():
    ict = ict_weights()
    arkit = Conversion()(ict)
    assert len(ICT_53) == 53 and ICT_53[2:4] == ["browInnerUp_L", "browInnerUp_R"] and ICT_53[24] == "jawForward"
    assert np.allclose(arkit[:, ARKIT_51.index("browInnerUp")], ict[:, 2:4].mean(1))
    assert np.allclose(arkit[:, ARKIT_51.index("cheekPuff")], ict[:, 6:8].mean(1))
    assert np.array_equal(arkit[:, ARKIT_51.index("cheekSquintLeft")], ict[:, 10])
    assert np.array_equal(arkit[:, -1], ict[:, -1])


@pytest.mark.parametrize("unused, merge", [(8, "mean"), (8, "larger"), (53, "sum"), (0, "left")])
def test_the_conversion_is_fitted_where_both_arrays_are_there(unused, merge):
    ict = ict_weights()
    found, sentence = fit_conversion([(ict, Conversion(unused, merge)(ict))])
    assert (found.unused, found.merge) == (unused, merge) and fits(sentence)


def test_an_unknown_conversion_is_not_used():
    ict = ict_weights()
    _, sentence = fit_conversion([(ict, Conversion()(ict)[:, ::-1])])
    assert not fits(sentence) and fits(fit_conversion([])[1])


def test_the_names_of_ict_columns_are_compared_with_the_face_model(tmp_path):
    random = np.random.default_rng(1)
    delta = random.standard_normal((53, 40, 3)).astype(np.float32)
    np.savez(tmp_path / "ict.npz", delta=delta, names=np.array(ICT_53))
    basis = np.insert(delta, [8, 8], 0.0, axis=0)
    basis = np.pad(basis, ((0, 0), (0, 9), (0, 0))).reshape(55, -1)
    np.save(tmp_path / "basis.npy", 0.1 * basis)
    assert "53 of 53" in check_basis(tmp_path / "basis.npy", tmp_path / "ict.npz", Conversion())
    np.save(tmp_path / "basis.npy", basis[::-1])
    with pytest.raises(DatasetError, match="other shapes"):
        check_basis(tmp_path / "basis.npy", tmp_path / "ict.npz", Conversion())


ARRAYS = {
    "ICT in face_arkit": (np.zeros((9, 55)), "shape of face_ict"),
    "flat": (np.zeros(9), "another shape"),
    "objects": (np.array([[None] * 51]), "cannot be read"),
    "NaN": (np.full((9, 51), np.nan), "NaN"),
    "percent": (np.full((9, 51), 40.0), "percent"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_broken_faces_say_what_is_wrong(tmp_path, name):
    array, words = ARRAYS[name]
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DatasetError, match=words):
        read_array(tmp_path / "a.npy", 51)


def test_a_truncated_array_and_a_broken_sound_are_named(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((90, 51)))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:400])
    (tmp_path / "a.wav").write_bytes(b"RIFF nothing")
    for read in (lambda: read_array(tmp_path / "a.npy", 51), lambda: read_sound(tmp_path / "a.wav")):
        with pytest.raises(DatasetError, match="cannot be read"):
            read()


def test_lengths_are_cut_or_refused():
    assert common_frames("s", {"a": 900, "b": 910})[1] is None
    count, note = common_frames("s", {"a": 900, "b": 960})
    assert count == 900 and "cut to 900" in note
    with pytest.raises(DatasetError, match="2.00 times"):
        common_frames("s", {"face_arkit/x.npy": 1800, "bvhs/x.bvh": 900})


def test_names_fall_into_the_groups_of_the_networks():
    assert len(EMOTION_GROUPS) == 28 and set(EMOTION_GROUPS.values()) == set(range(len(EMOTIONS)))
    assert emotion_group("Aesthetic Appreciation") == 4 and emotion_group("rage") is None
    groups = {"Childhood Friends": 2, "Parent / Child": 1, "In-Laws": 1, "Business Partners": 3, "Co-workers": 3}
    groups |= {"Teacher / Student": 4, "Waiter (Waitress) / Diner": 5, "Romantic Partner": 1, "Churchmates": 2}
    groups |= {"Grandparent / Child": 1, "architect / contractor": 5, "boss / subordinate": 3, "Mentor / Mentee": 3}
    assert {name: relationship_group(name) for name in groups} == groups
    assert relationship_group("pirates") is None


def test_databases_are_read_and_their_faults_named(tmp_path):
    write_databases(tmp_path, [(51, "Siblings", "Joy"), (7, "Pirates", "Joy")], [("20231119", "1", "002")])
    assert read_sessions(tmp_path / "actors.db") == {"20231119": [("001", "002")]}
    with pytest.raises(DatasetError, match="Pirates"):
        read_scenarios(tmp_path / "scenarios.db")
    found = read_scenarios(tmp_path / "scenarios.db", unknown_neutral=True)
    assert found[51].relationship_id == 1 and found[51].emotion_id == 5 and found[7].relationship_id == 0
    (tmp_path / "scenarios.db").write_bytes(b"SQLite format 3\0 and then nothing")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_scenarios(tmp_path / "scenarios.db")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_sessions(tmp_path / "scenarios.db")
    with pytest.raises(DatasetError, match="missing"):
        read_sessions(tmp_path / "none.db")


def test_actions_follow_hips_and_pace():
    n = 600
    height = np.concatenate([np.full(200, 0.92), np.linspace(0.92, 0.48, 40), np.full(160, 0.48), np.full(200, 0.91)])
    speed = np.zeros(n)
    speed[60:150] = 1.0
    speed[160:163] = 1.0
    root = np.zeros((n, 3))
    root[:, 1] = np.cumsum(speed) / 30
    action = action_modes(root, height)
    assert (action[:50] == STAND).all() and (action[70:140] == WALK).all() and (action[240:395] == SIT).all()
    assert (action[170:195] == STAND).all() and (action[405:] == STAND).all()


def test_short_labels_are_swallowed():
    labels = np.array([1, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0])
    assert without_short(labels, 3).tolist() == [0] * 11


def test_facing_needs_both_persons():
    root = np.zeros((2, 90, 3))
    root[1, :, 1] = 1.5
    ahead = np.zeros((2, 90, 2))
    ahead[0, :, 1], ahead[1, :, 1] = 1, -1
    assert facing_flags(root, ahead).all()
    ahead[1, 45:] = (1, 0)
    assert facing_flags(root, ahead)[:40].all() and not facing_flags(root, ahead)[50:].any()


def made_sequences(counts: dict[tuple[str, str], int]) -> Iterator[Sequence]:
    for (male, female), count in counts.items():
        for k in range(count):
            one = Recording(f"202401{int(male):02d}_{male}_{k:03d}", male, Path(), Path(), None, None)
            yield Sequence(one.stem[:8], k, (one, replace(one, actor=female)))


def test_the_test_set_has_its_own_pairs_where_that_is_possible():
    found = list(made_sequences({("001", "002"): 20, ("003", "004"): 14, ("005", "006"): 60, ("007", "002"): 6}))
    parts = split(found)
    pairs = {part: {s.pair for s in found if parts[s.name] == part} for part in ("train", "val", "test")}
    assert not pairs["test"] & (pairs["train"] | pairs["val"])
    counts = {part: list(parts.values()).count(part) for part in pairs}
    assert counts == {"train": 81, "val": 5, "test": 14} and split(found) == parts
    alone = split(list(made_sequences({("001", "002"): 40})))
    assert list(alone.values()).count("test") == 5
    given = {"train": [s.name for s in found[2:]], "val": [found[0].name], "test": [found[1].name]}
    assert given_split(found, given, "x")[found[1].name] == "test"
    with pytest.raises(DatasetError, match="does not fit"):
        given_split(found, given | {"test": []}, "split.json")


def test_a_zero_pose_that_looks_elsewhere_turns_only_the_places(tmp_path):
    pose = motion(FRAMES, 6)
    write_bvh(tmp_path / "a.bvh", pose, turn_by=0.0)
    write_bvh(tmp_path / "b.bvh", pose, turn_by=0.7)
    a, b = encoded(tmp_path / "a.bvh"), encoded(tmp_path / "b.bvh")
    assert np.abs(a.upper - b.upper).max() < 1e-3
    turned = turn(1, np.array(0.7))[[0, 2]][:, [0, 2]]
    assert np.allclose(a.root[:, :2] @ turned.T, b.root[:, :2], atol=1e-3)
    assert np.allclose(a.ahead @ turned.T, b.ahead, atol=1e-3)
    assert np.allclose(a.root[:, 2] + 0.7, b.root[:, 2], atol=1e-3)
