"""What the bodies are trained on is what they will be told live; the loss is right, and it can be learnt."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from body import LOWER, UPPER, Body
from body_loss import body_loss, foot_velocity
from body_skeleton import forward, integrate
from body_stream import BodyStream, placements
from body_windows import Windows, both_statistics, importance, newest, principal_shapes
from export_body import random_body
from train_body import LEFT, condition, fresh, passes, scales, stray, strayed, translated, warm

FRAMES = 96


def corpus() -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    smooth = np.cumsum(random.normal(0, 0.02, (1, 2, FRAMES, 27 + 47 + 3 + 3)), 2).astype(np.float32)
    lower, upper, head, root = np.split(smooth, [27, 74, 77], -1)
    token = random.normal(0, 1, (1, 2, FRAMES, 256)).astype(np.float16)
    ids = {name: random.integers(0, 2, (1, 2, FRAMES)).astype(np.uint8) for name in ("action", "emotion", "phone")}
    return ids | {
        "lower": lower,
        "upper": upper,
        "head": head,
        "root": root,
        "token": list(token),
        "relationship": np.full((1, FRAMES), 2, np.uint8),
    }


@pytest.fixture(scope="module")
def data():
    return corpus()


@torch.no_grad()
@pytest.mark.parametrize("part", ["lower", "upper"])
def test_a_window_is_told_what_the_stream_is_told(data, part):
    stats = both_statistics(data)
    windows = Windows(data, stats, part, FRAMES // 8, 0)
    windows.pick = lambda: (0, 0, False)
    windows.random = type("Straight", (), {"random": staticmethod(lambda: 0.0)})()
    batch = windows.batch(1)
    lower, upper = random_body(LOWER), random_body(UPPER, 8)
    model = {"lower": lower, "upper": upper}[part]
    before = batch["before"][0]
    trained = condition(model, batch, batch["before"])[0]
    none = torch.zeros(2, dtype=torch.long)
    stream = BodyStream(lower, upper, data["root"][0, :, 0], none, none, torch.tensor([2]))
    told = {}
    for name, network in (("lower", stream.lower), ("upper", stream.upper)):

        def seen(conditions, *rest, name=name, network=network, block=network.block):
            if name == part:
                own = len(network.model.config.features)
                network.last = before[network.blocks, ..., :own]
                if name == "upper":
                    conditions = replace(conditions, below=before[network.blocks, ..., own:].flatten(1))
            told[name, network.blocks] = network.branches(conditions)[0]
            return block(conditions, *rest)

        network.block = seen
    for k in range(FRAMES - 8):
        b = k // 8 + 1
        stream.placement = torch.from_numpy(placements(data["root"][0, :, 8 * b - 1]))
        stream.root = data["root"][0, :, 8 * b - 1].astype(float)
        ids = (data[name][0][:, 8 * b].astype(np.int64) for name in ("action", "emotion"))
        stream.action, stream.emotion = map(torch.from_numpy, ids)
        token = torch.from_numpy(data["token"][0][:, k].astype(np.float32))
        stream.frame(token, torch.from_numpy(data["head"][0][:, k]))
    for b in range(1, FRAMES // 8 - 1):
        assert torch.allclose(told[part, b], trained[b], atol=1e-4), b


def test_openings_begin_at_rest(data):
    stats = both_statistics(data)
    windows = Windows(data, stats, "upper", FRAMES // 8, 0, openings=1.0)
    batch = windows.batch(2)
    model = fresh("upper", stats["upper"])
    last = batch["before"][..., :47]
    assert model.tokens(batch["frames"], last)[:, 0].abs().max() < 1e-3
    assert torch.allclose(batch["before"][:, 0, :, 0], model.rest_frame().expand(2, 2, -1), atol=1e-5)
    step = batch["frames"].transpose(1, 2).flatten(2, 3).diff(dim=2).abs()
    assert step[:, :, :10].max() < 0.12


def test_what_a_block_follows_is_what_stands_before_it(data):
    windows = Windows(data, both_statistics(data), "upper", 6, 0)
    batch = windows.batch(2)
    frames, lower = (batch[name].transpose(1, 2).flatten(2, 3) for name in ("frames", "lower"))
    whole = torch.cat([frames, lower], -1)
    last, step = batch["before"].unbind(-2)
    for block in range(1, 6):
        assert torch.equal(last[:, block], whole[:, :, 8 * block - 1])
        assert torch.equal(step[:, block], whole[:, :, 8 * block - 1] - whole[:, :, 8 * block - 2])
    assert batch["speech"].shape == (2, 6, 2, 8)


def test_shapes_are_those_of_the_motion():
    random = np.random.default_rng(3)
    values = np.cumsum(random.normal(0, 1, (4, 300, 3)), 1) * np.array([1.0, 0.1, 0.0])
    values[..., 0] = np.cumsum(values[..., 0], 1)
    coast, basis, most = principal_shapes(values, np.ones((4, 300)), np.array([0.01, 0.01, 0.02]))
    assert np.allclose(coast[0], np.arange(1, 9), rtol=0.2) and not coast[2].any()
    change = np.lib.stride_tricks.sliding_window_view(values, 10, axis=1)[..., :2, :]
    change = (change[..., 2:] - change[..., 1:2] - coast[:2] * (change[..., 1:2] - change[..., :1])).reshape(-1, 2, 8)
    coefficients = np.einsum("fki,nfi->nfk", np.linalg.inv(basis[:2]), change)
    assert np.allclose(coefficients.std((0, 1)), 1, atol=0.2)
    assert abs(np.corrcoef(coefficients[:, 0, 0], coefficients[:, 0, 1])[0, 1]) < 0.2
    assert (most[:2] > 2).all() and np.isclose(np.sqrt((basis[2] ** 2).sum() / 8), 0.02, rtol=0.1)


def test_errors_count_by_action(data):
    model = fresh("lower", both_statistics(data)["lower"])
    still = dict(data) | {"action": data["action"].copy()}
    still["lower"] = data["lower"].copy()
    still["action"][:, 0], still["action"][:, 1] = 0, 1
    still["lower"][:, 0] *= 0.05
    weights = importance(still, model, "lower")
    assert (weights[0] > weights[1]).all() and (weights[2] == 1).all()


def test_tokens_before_the_talk_are_silence():
    token = np.ones((2, 20, 4), np.float16)
    out = newest(token, -3, 5)
    assert out.shape == (2, 8, 4) and not out[:, :3].any() and (out[:, 3:] == 1).all()


def test_a_strayed_batch_leads_back(data):
    stats = both_statistics(data)
    model = fresh("lower", stats["lower"])
    batch = Windows(data, stats, "lower", 6, 0).batch(2)
    last, step = stray(model, batch["before"][..., 0, :].shape, 0.5, torch.Generator().manual_seed(2))
    given = strayed(model, batch, last, step)
    assert torch.allclose(given.before[..., 0, :] - batch["before"][..., 0, :], last, atol=1e-6)
    off = given.frames - batch["frames"]
    assert torch.allclose(off[..., 0, :], last + step, atol=0.1)
    assert torch.allclose(off[..., -1, :], LEFT * last + step * 8 / 81, atol=1e-5)
    assert torch.allclose(model.frames(given.tokens, given.before), given.frames, atol=1e-4)


def test_other_tokens_are_translated():
    torch.manual_seed(1)
    model, weight, bias = Body(LOWER), torch.randn(256, 256), torch.randn(256)
    new = torch.randn(5, 256)
    before = model.audio_down(new @ weight.T + bias)
    state = model.state_dict()
    translated(state, weight, bias)
    model.load_state_dict(state)
    assert torch.allclose(before, model.audio_down(new), atol=1e-3)


def test_a_warm_start_takes_what_means_the_same(tmp_path):
    stats = {"mean": torch.zeros(27)}
    old, new = fresh("lower", stats), fresh("lower", stats)
    kept = {name: value for name, value in old.state_dict().items() if name != "coast"}
    torch.save({"average": kept}, tmp_path / "old.pt")
    names = warm(new, tmp_path / "old.pt")
    assert "slot.weight" in names and "x_proj.weight" not in names and "mean" not in names
    assert torch.equal(new.action.weight, old.action.weight)
    assert not torch.equal(new.x_proj.weight, old.x_proj.weight)


def test_foot_velocity_is_that_of_the_skeleton():
    random = np.random.default_rng(4)
    lower = np.cumsum(random.normal(0, 0.02, (20, 27)), 0)
    root = integrate(lower, np.zeros(3))
    position, rotation = forward(lower, np.zeros((20, 47)), np.zeros((20, 3)), root)
    moves = foot_velocity(torch.from_numpy(lower))
    for i, side in enumerate(("left", "right")):
        ball = position[side + "Foot"] + rotation[side + "Foot"] @ np.array([0, -0.06, 0.065])
        assert np.allclose(np.linalg.norm(np.diff(ball, axis=0), axis=1), moves[:, i].norm(dim=-1).numpy(), atol=1e-6)


@pytest.mark.parametrize("config", [LOWER, UPPER])
def test_overfits_one_batch(config):
    torch.manual_seed(3)
    sizes = {"d": 32, "ff": 64, "layers": 2, "token": 12, "audio_down": 4}
    model, lower = Body(replace(config, **sizes)), Body(replace(LOWER, **sizes))
    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(2, 6, 2, 8, len(config.features), generator=generator)
    last = len(config.features) + (27 if config.lower else 0)
    batch = {
        "frames": frames,
        "before": torch.randn(2, 6, 2, 2, last, generator=generator),
        "lower": torch.randn(2, 6, 2, 8, 27, generator=generator),
        "token": torch.randn(2, 8 * 5 + 16, 2, 12, generator=generator),
        "action": torch.zeros(2, 6, 2, dtype=torch.long),
        "emotion": torch.zeros(2, 6, 2, dtype=torch.long),
        "place": torch.randn(2, 6, 2, 6, generator=generator),
        "speech": torch.ones(2, 6, 2, 8),
        "head": torch.randn(2, 6, 2, 12, generator=generator),
        "relationship": torch.zeros(2, dtype=torch.long),
    }
    settings = {"copies": 2, "context_noise": 0.1, "lower_noise": 0.1, "stray": 0.1}
    settings |= {"speech_weight": 0.5, "silence_weight": 1.0, "feature_weights": {"": 1.0}}
    weights = {"x0": 1.0, "speed": 0.1, "acceleration": 0.1, "foot": 0.0}
    scale = scales(model, batch, settings, torch.ones(3, len(config.features)))
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for step in range(70):
        x0, _, given = passes(model, batch, lower, settings, generator, step % 5 == 4, 1.0)
        before = given.before[..., : len(config.features)]
        loss, _ = body_loss(model, x0, given.frames, before, scale, weights, torch.ones(2, 2), frames)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    # The median: now and then a draw of noise is a hard one.
    assert np.median(losses[-15:]) < 0.5 * np.median(losses[:5])
