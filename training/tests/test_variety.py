"""What counts as a distinct gesture, and how far scenes lie apart."""

import numpy as np

from variety import DISTINCT_M, POINTS, apart, distinct, near, starts


def test_distinct_gestures():
    random = np.random.default_rng(0)
    way = random.normal(0, 0.2, POINTS * 6)
    moved = way + np.tile([0.8 * DISTINCT_M, 0, 0, 0.8 * DISTINCT_M, 0, 0], POINTS)
    far = way + np.tile([1.2 * DISTINCT_M, 0, 0, 1.2 * DISTINCT_M, 0, 0], POINTS)
    # Both hands 4 cm aside are the same gesture, 6 cm aside another one.
    assert distinct([way, way, moved * 0 + way]) == 1
    assert distinct([way, way + (moved - way) / np.sqrt(2)]) == 1
    assert distinct([way, way + (far - way) * np.sqrt(2)]) == 2


def test_scenes_either_way_round():
    random = np.random.default_rng(1)
    train = [random.normal(size=(2, 5)) for _ in range(6)]
    assert np.allclose(apart([train[3][::-1]], train, 1.0, False), 0)
    assert np.allclose(apart([t + 2.0 for t in train[:1]], train[:1], 2.0, False), 1.0)
    assert apart(train, train, 1.0, True).min() > 0.1


def test_contacts_and_starts():
    a = np.zeros((3, 2, 3))
    b = np.stack([np.full((1, 3), v) for v in (0.01, 0.5, 0.02)])
    assert near(a, b, 0.05).tolist() == [True, False, True]
    assert starts(np.array([0, 1, 0, 1, 0, 0, 0, 0, 1], bool), 3) == 2
