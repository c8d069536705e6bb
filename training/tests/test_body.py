"""The body twins: streaming equals the batched mask, they can learn, and what is exported comes back."""

from dataclasses import replace

import numpy as np
import torch

from body import LOWER, UPPER, Body
from body_skeleton import integrate
from body_stream import BlockConditions, BlockStream, BodyStream, placements
from export_body import export, load_body, random_body

SIZES = {"d": 32, "heads": 4, "ff": 64, "layers": 2, "window": 32, "token": 12, "audio_down": 4, "text": 10}
SMALL = replace(LOWER, **SIZES)
SMALL_UPPER = replace(UPPER, **SIZES)


def small(config=SMALL) -> Body:
    model = random_body(config, 3)
    torch.nn.init.normal_(model.out.weight, std=0.3)
    return model


def told(config, blocks: int) -> list[BlockConditions]:
    relationship = torch.tensor([2])
    out = []
    for _ in range(blocks):
        ids = torch.randint(3, (2,)), torch.randint(7, (2,))
        head = torch.randn(2, 12) if config.head else None
        tokens, place, text = torch.randn(2, 16, config.token), torch.randn(2, 6), torch.randn(2, config.text)
        below = torch.randn(2, 54) if config.head else None
        out.append(BlockConditions(tokens, *ids, place, relationship, text, head, below))
    return out


@torch.no_grad()
def batch_equals_stream(config, blocks: int) -> float:
    model = small(config)
    conditions = told(config, blocks)
    lower = [torch.randn(8, 54) if config.lower else None for _ in range(blocks)]
    stream = BlockStream(model, seed=9)
    cond, branches = [], stream.branches

    def noted(told_now: BlockConditions) -> torch.Tensor:
        cond.append(branches(told_now)[0])
        return cond[-1][None]

    stream.branches = noted
    stream.open(conditions[0], lower[0])
    out = [stream.block(told_now, given) for told_now, given in zip(conditions[1:], lower[1:], strict=True)]
    clean = torch.stack([model.rest_block()[0], *(b.x0[-1] for b in out)])[None]
    noised = torch.stack([torch.stack([b.initial, *b.x[:-1]]) for b in out], 1)
    noised = torch.cat([torch.zeros_like(noised[:, :1]), noised], 1)[None]
    given = torch.stack(lower)[None] if config.lower else None
    steps = torch.tensor([stream.steps])
    x0 = model(clean, noised, torch.stack(cond)[None], conditions[0].relationship, steps, given)[0, :, 1:]
    return float((model.clamp(x0) - torch.stack([b.x0 for b in out], 1)).abs().max())


def test_streaming_equals_batch():
    assert batch_equals_stream(SMALL, 16) < 1e-4
    assert batch_equals_stream(SMALL, 13) < 1e-4
    assert batch_equals_stream(SMALL_UPPER, 12) < 1e-4


@torch.no_grad()
def test_a_block_sees_no_future_and_no_further_than_its_ring():
    model, blocks = small(), 16
    clean, noised = torch.randn(1, blocks, 8, 54), torch.randn(1, 1, blocks, 8, 54)
    rest = torch.randn(1, blocks, 2, SMALL.d), torch.tensor([0]), torch.tensor([[499]])
    base = model(clean, noised, *rest)
    later = clean.clone()
    later[:, 9:] += 1
    assert torch.equal(base[:, :, :10], model(later, noised, *rest)[:, :, :10])
    first = clean.clone()
    first[:, 0] += 1
    reach = 1 + SMALL.layers * SMALL.window // SMALL.tokens
    changed = (base - model(first, noised, *rest)).abs().amax((0, 1, 3, 4)) > 1e-6
    assert changed[1] and not changed[0] and not changed[reach:].any()


@torch.no_grad()
def test_the_two_persons_see_each_other():
    model = small()
    clean, noised = torch.randn(1, 4, 8, 54), torch.randn(1, 1, 4, 8, 54)
    rest = torch.randn(1, 4, 2, SMALL.d), torch.tensor([0]), torch.tensor([[499]])
    moved = noised.clone()
    moved[..., 1::2, :] += 1
    change = (model(clean, noised, *rest) - model(clean, moved, *rest)).abs().amax((0, 1, 2, 4))
    assert (change > 1e-6).all()


def test_tokens_and_frames_are_each_others_inverse():
    model = small(SMALL_UPPER)
    frames, before = torch.randn(3, 2, 8, 47), torch.randn(3, 2, 2, 47)
    tokens = model.tokens(frames, before)
    assert torch.allclose(model.frames(tokens, before), frames, atol=1e-4)
    only = torch.zeros(1, 8, 94)
    only[0, 5, 47 + 3] = 1.0
    shape = model.frames(only, before[:1])[0] - model.coasting(before[0])
    assert torch.allclose(shape[1, :, 3], model.shapes[3, :, 5], atol=1e-5) and shape[0].abs().max() < 1e-5


@torch.no_grad()
def test_a_block_goes_on_from_the_last_frame():
    model = small()
    stream, conditions = BlockStream(model, seed=2), told(SMALL, 4)
    stream.open(conditions[0])
    for told_now in conditions:
        last = stream.last
        block = stream.block(told_now)
        assert torch.equal(model.bounded(model.frames(block.x0[-1], last)), block.frames)
        assert torch.equal(stream.last[:, 0], block.frames[:, -1])
        assert torch.equal(stream.last[:, 1], block.frames[:, -1] - block.frames[:, -2])
    last, step = stream.last.unbind(1)
    coast = model.frames(model.rest_block()[0], stream.last)
    assert torch.allclose(coast[:, 5], last + step * model.coast.view(-1, 8)[:, 5], atol=1e-6)


@torch.no_grad()
def test_body_stream_follows_the_schedule():
    lower, upper = small(), small(SMALL_UPPER)
    start = np.array([[0.0, 0.0, 0.0], [0.0, 1.4, np.pi]])
    ids = torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long), torch.tensor([0])
    stream = BodyStream(lower, upper, start, *ids, seed=4)
    token, head = torch.randn(30, 2, 12), torch.randn(30, 2, 3)
    made = {k: out for k in range(30) if (out := stream.frame(token[k], head[k])) is not None}
    assert list(made) == [4, 12, 20, 28]
    first = made[4]
    quiet = torch.cat([torch.zeros(2, 15, 12), token[0][:, None]], 1)
    where = torch.from_numpy(placements(start))
    alone = BlockStream(lower, seed=4)
    where_from = alone.last
    alone.open(BlockConditions(quiet, ids[0], ids[1], where, ids[2]))
    block = alone.block(BlockConditions(quiet, ids[0], ids[1], where, ids[2]))
    assert np.allclose(block.frames.numpy(), first.lower, atol=1e-5)
    assert torch.equal(stream.upper.last[:, 0], torch.from_numpy(made[28].upper[:, -1]))
    assert torch.equal(stream.below[:, 0], torch.from_numpy(made[20].lower[:, -1])) and not where_from[:, 1].any()
    assert np.allclose(first.root[1], integrate(first.lower[1].astype(float), start[1]))
    assert np.allclose(made[12].root[0, 0], integrate(made[12].lower[0].astype(float), first.root[0, -1])[0])


def test_placements():
    where = placements(np.array([[0.0, 0.0, 0.0], [1.0, 2.0, np.pi / 2]]))
    assert np.allclose(where[0], [1, 2, np.sqrt(5), 1, 0, 1 / np.sqrt(5)], atol=1e-6)
    assert np.allclose(where[1], [2, -1, np.sqrt(5), -1, 0, 1 / np.sqrt(5)], atol=1e-6)


@torch.no_grad()
def test_guidance_of_one_is_one_branch():
    model = small()
    conditions = told(SMALL, 3)
    plain, near = BlockStream(model, 1), BlockStream(model, 1, guidance=1 + 1e-7)
    frames = []
    for stream in (plain, near):
        stream.open(conditions[0])
        frames.append(torch.stack([stream.block(c).frames for c in conditions]))
    assert near.rows == 2 and torch.allclose(*frames, atol=1e-4)


def test_export_round_trip(tmp_path):
    lower, upper = random_body(LOWER, 7), random_body(UPPER, 8)
    assert export(lower, upper, tmp_path, tmp_path / "golden", [{}, {}]) < 1e-4
    for model in (lower, upper):
        path = tmp_path / f"{model.name}.safetensors"
        assert path.stat().st_size <= 8.4e6
        back = load_body(path)
        assert back.config == model.config
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, back.state_dict()[name]), name
