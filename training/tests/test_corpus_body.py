"""The body corpus: solved limbs reach, feet in contact stand, hands stay outside, gestures belong to the talk."""

import numpy as np
import pytest

import body_skeleton as skeleton
from corpus_body import Bodies, animate, placement
from head_motion import DEGREE, add_nod
from locomotion import RATE_HZ, minimum_jerk
from measure_body import fast_share, kinematics, slide_cm_s, wrist_speed
from phones import PHONE_ID
from scenes import FIGURES
from stage import SIT, STAND, WALK

FRAMES = 1440
KINDS = list(FIGURES["scenes"][0])


def made_up_talk() -> tuple[np.ndarray, np.ndarray]:
    """Phones [2, n] and log-mel [2, ticks, 2, 80] of two persons who take turns of some seconds."""
    random = np.random.default_rng(5)
    phone = np.zeros((2, FRAMES), np.uint8)
    loud = np.full((2, FRAMES + 2), -2.4, np.float32)
    at, who = 20, 0
    while at < FRAMES - 120:
        for _ in range(random.integers(10, 24)):
            consonant, vowel = random.integers(2, 4), random.integers(2, 8)
            phone[who, at : at + consonant] = PHONE_ID["T"]
            phone[who, at + consonant : at + consonant + vowel] = PHONE_ID[str(random.choice(["AA", "IH", "EY"]))]
            loud[who, at : at + consonant + vowel] = 0.2 + 0.4 * random.random()
            at += consonant + vowel
        at, who = at + int(random.integers(3, 20)), 1 - who
    return phone, np.repeat(np.repeat(loud[:, :, None, None], 2, 2), 80, 3)


@pytest.fixture(scope="module")
def scenes() -> dict[str, Bodies]:
    phone, mel = made_up_talk()
    emotion = np.stack([np.repeat([0, 5, 6], FRAMES // 3), np.repeat([3, 1], FRAMES // 2)])
    return {kind: animate(3, phone, mel, emotion, np.ones_like(emotion), kind) for kind in KINDS}


def test_limbs_reach_their_targets():
    random, n = np.random.default_rng(0), 300
    wrist = np.array([0.2, -0.2, 0.28]) + random.uniform(-0.06, 0.06, (n, 3))
    shoulder = random.uniform(-0.1, 0.1, (n, 3))
    pole = np.tile([0.4, -1.0, -0.5], (n, 1))
    upper = np.zeros((n, skeleton.UPPER))
    upper[:, 9:12] = shoulder
    bones = skeleton.solve_arm(wrist, pole, random.uniform(-1, 1, (n, 3)), shoulder)
    upper[:, 12:21] = np.concatenate(bones, 1)
    mirrored = np.concatenate([shoulder * skeleton.MIRROR, *(b * skeleton.MIRROR for b in bones)], 1)
    upper[:, 21:33] = mirrored
    hips = skeleton.matrix(random.uniform(-0.15, 0.15, (n, 3)))
    ankle = np.array([0.1, 0.06, 0.03]) + random.uniform(-0.05, 0.05, (n, 3)) * (1, 0, 1)
    foot = skeleton.turn(1, random.uniform(-0.3, 0.3, n))
    place = np.tile([0.0, 0.88, 0.0], (n, 1))
    lower = np.zeros((n, skeleton.LOWER))
    lower[:, 3], lower[:, 4:7] = 0.88, skeleton.exp_map(hips)
    leg = skeleton.solve_leg(place, hips, 1.0, ankle, foot, np.tile([0.05, 0.0, 1.0], (n, 1)))
    lower[:, 7:16] = np.concatenate(leg, 1)
    position, rotation = skeleton.forward(lower, upper, np.zeros((n, 3)), np.zeros((n, 3)))
    chest = skeleton.transposed(rotation["upperChest"])
    left, right = (
        skeleton.apply(chest, position[s + "Hand"] - position["upperChest"]) for s in ("left", "right")
    )
    reach = np.linalg.norm(wrist - skeleton.BONES["leftShoulder"][1] - (0.13, 0, 0), axis=1)
    near = reach < 0.43
    assert near.sum() > 100 and np.abs(left - wrist)[near].max() < 1e-9
    assert np.abs(right - left * (-1, 1, 1)).max() < 1e-9
    assert np.abs(position["leftFoot"] - ankle).max() < 1e-9 and np.abs(rotation["leftFoot"] - foot).max() < 1e-9
    # Knees and elbows bend one way only.
    assert leg[1][:, 0].min() > 0 and np.abs(leg[1][:, 1:]).max() < 1e-9


def test_root_moves_integrate_back():
    random = np.random.default_rng(1)
    root = np.cumsum(random.normal(0, 0.02, (200, 3)), 0)
    lower = np.zeros((200, skeleton.LOWER))
    lower[:, :3] = skeleton.moves(root)
    assert np.abs(skeleton.integrate(lower, root[0]) - root).max() < 1e-9
    # Straight ahead at yaw 90 degrees is +x.
    walk = np.stack([np.arange(5.0), np.zeros(5), np.full(5, np.pi / 2)], -1)
    assert np.allclose(skeleton.moves(walk)[1:], (0, 1, 0))


def test_placement_is_seen_from_oneself():
    root = np.array([[[0.0, 0.0, 0.0]], [[1.0, 0.0, -np.pi / 2]]])
    seen = placement(root)
    assert np.allclose(seen[0, 0], (1, 0, 1, -1, 0, 1)) and np.allclose(seen[1, 0], (0, 1, 1, 1, 0, 1))


def test_arrays(scenes):
    shapes = {"lower": 27, "upper": 47, "head": 3, "root": 3, "placement": 6}
    for bodies in scenes.values():
        for name, width in shapes.items():
            array = bodies.arrays[name]
            assert array.shape == (2, FRAMES, width) and array.dtype == np.float32 and np.isfinite(array).all()
        hands = bodies.arrays["upper"][:, :, 33:]
        assert hands.max() <= 1 and np.delete(hands, (5, 12), 2).min() >= 0
        assert np.abs(np.diff(bodies.arrays["upper"], axis=1)).max() < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_feet_stand_and_hands_stay_out(scenes, kind):
    bodies = scenes[kind]
    for i in (0, 1):
        lower = bodies.arrays["lower"][i]
        position, rotation = kinematics(bodies, i)
        assert slide_cm_s(lower, position).max() < 0.05
        for column, side in ((25, "left"), (26, "right")):
            ankle = position[side + "Foot"][:, 1]
            assert np.abs(ankle[lower[:, column] > 0.5] - skeleton.ANKLE_M).max() < 1e-3
            assert position[side + "Toes"][:, 1].min() > -2e-3
            assert lower[:, 10 + 9 * (column - 25)].min() > 0
        assert skeleton.hand_inside(position, rotation).mean() < (0.02 if kind == "rise" else 0.004)


def test_power_lies_under_five_hertz(scenes):
    for bodies in scenes.values():
        for i in (0, 1):
            assert fast_share(bodies.arrays["upper"][i]) < 0.005
            assert fast_share(bodies.arrays["head"][i]) < 0.005
            assert fast_share(bodies.arrays["lower"][i][:, 3:25]) < 0.01


def test_actions_are_what_is_done(scenes):
    height = {kind: b.arrays["lower"][:, :, 3] for kind, b in scenes.items()}
    action = {kind: b.arrays["action"] for kind, b in scenes.items()}
    assert (action["stand"][:, 0] == STAND).all() and height["stand"].min() > 0.86
    assert (action["sit"] == SIT).any() and np.abs(height["sit"][action["sit"] == SIT] - 0.48).max() < 0.02
    assert {STAND, SIT} <= set(np.unique(action["rise"]))
    for kind in ("stroll", "approach", "leave"):
        walks = action[kind] == WALK
        speed = np.linalg.norm(scenes[kind].arrays["lower"][:, :, :2], axis=2) * RATE_HZ
        fastest = np.quantile(speed[walks], 0.9)
        assert 0.9 < fastest < 1.7 and speed[~walks].max() < 0.6


def test_strokes_belong_to_the_talk(scenes):
    strokes = [(b, i, s) for b in scenes.values() for i in (0, 1) for s in b.strokes[i]]
    lead = np.array([s.stress - s.start for _, _, s in strokes])
    assert len(strokes) > 40 and lead.min() >= 0 and lead.max() <= 0.2
    for bodies, i, stroke in strokes:
        assert any(a <= stroke.stress < b for a, b in bodies.talk[i].phrases)
    talk_min = sum(b.talk[i].speaking.sum() for b in scenes.values() for i in (0, 1)) / RATE_HZ / 60
    assert 10 < len(strokes) / talk_min < 26


def test_talkers_move_and_listeners_hold(scenes):
    moving, holding = [], []
    for kind in ("stand", "sit"):
        for i in (0, 1):
            bodies = scenes[kind]
            speed = wrist_speed(kinematics(bodies, i)[0])
            moving.append(speed[bodies.talk[i].speaking].mean())
            holding.append(np.median(speed[~bodies.talk[i].speaking]))
    assert np.mean(moving) > 3 * np.mean(holding) and max(holding) < 0.05


def test_the_two_differ_and_hands_do_not_mirror(scenes):
    for bodies in scenes.values():
        upper, head = bodies.arrays["upper"], bodies.arrays["head"]
        assert abs(np.corrcoef(head[0, :, 0], head[1, :, 0])[0, 1]) < 0.5
        left, right = upper[:, :, 12:15], upper[:, :, 24:27] * skeleton.MIRROR
        assert np.abs(left - right).mean() > 0.01


def test_nods_go_down_first():
    for seed in range(8):
        out = np.zeros((120, 3))
        add_nod(out, np.random.default_rng(seed), 1.0, 10 * DEGREE, 2)
        down = out[:, 0]
        assert down.min() >= 0 and 5 * DEGREE < down.max() <= 10 * DEGREE
        tops = np.sum((down[1:-1] > down[:-2]) & (down[1:-1] >= down[2:]))
        assert tops == 2
        apart = 1 / (np.diff(np.flatnonzero((down[1:-1] > down[:-2]) & (down[1:-1] >= down[2:]))) / RATE_HZ)
        assert 1.5 < apart[0] < 4.0


def test_same_seed_same_bodies(scenes):
    phone, mel = made_up_talk()
    emotion = np.zeros_like(phone)
    first, again, other = (animate(seed, phone, mel, emotion, emotion).arrays for seed in (8, 8, 9))
    assert all(np.array_equal(first[k], again[k]) for k in first)
    assert not np.array_equal(first["upper"], other["upper"])


def test_minimum_jerk():
    course = minimum_jerk(np.linspace(-0.5, 1.5, 201))
    assert course[0] == 0 and course[-1] == 1 and np.all(np.diff(course) >= 0) and abs(course[100] - 0.5) < 1e-9
