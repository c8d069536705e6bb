"""The dyadic twin: streaming equals the batched masks, draws are as the contract says, what is exported comes back."""

import numpy as np
import pytest
import torch

from corpus_conversation import folder as conversation_folder
from dim import FACE_INDEX, LISTENER_OF, SPEAKER_OF, Dim, DimConfig, blend
from dim_loss import Usage, decoded, network_loss, roughness, strayed, stuck, vq_loss, with_own_past
from dim_stream import DimStream, Turn, VqStream, gumbels, scores
from dim_windows import Batch, Corpus
from evaluate_dim import Heard
from export_dim import export, load_dim, random_dim
from layers import Layer, block_bias, causal_bias, ring_bias, write_ring
from train_dim import carry_codes, fold_tokens, token_map

VQ = {"d": 24, "heads": 4, "ff": 32, "window": 6, "encoder_layers": 1, "decoder_layers": 2}
SMALL = DimConfig(d=32, heads=4, ff=64, window=8, vq=VQ, codes=16, code_dim=8, token=12, top_k=5)


def small_dim() -> Dim:
    torch.manual_seed(3)
    model = Dim(SMALL).eval()
    model.std.uniform_(0.1, 0.3)
    model.set_rest(torch.rand(24) * 0.2)
    return model


def sounds(frames: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(4)
    return torch.randn(frames, 2, SMALL.token), torch.rand(frames, 2), torch.rand(frames, 2, 51)


@torch.no_grad()
def test_ring_of_groups_equals_the_whole_sequence():
    for tokens, group, window in ((1, 1, 8), (2, 2, 16), (8, 2, 32)):
        layer, blocks = Layer(32, 64, 4).eval(), 11
        h = torch.randn(3, tokens * blocks, 32)
        whole = layer(h, causal_bias(4, tokens * blocks, window, tokens, group))[0]
        ring, out = torch.zeros(3, window, 64), []
        for b in range(blocks):
            bias = torch.cat([ring_bias(4, window, b, tokens, group), block_bias(4, tokens, group)], -1)
            y, kv = layer(h[:, b * tokens : (b + 1) * tokens], bias, ring)
            write_ring(ring, kv, b)
            out.append(y)
        assert (torch.cat(out, 1) - whole).abs().max() < 1e-5


@torch.no_grad()
def test_streaming_equals_batch():
    model, frames = small_dim(), 30
    token, voicing, face = sounds(frames)
    stream = DimStream(model, seed=9)
    out = [stream.frame(token[k], voicing[k], face[k]) for k in range(frames)]
    motion, codes = torch.stack([f.motion for f in out], 1), torch.stack([f.codes for f in out], 1)
    before = torch.cat([model.rest_motion.expand(2, 1, -1), motion[:, :-1]], 1)[None]
    codes_before = torch.cat([model.rest_codes.long()[:, None], codes[:, :-1]], 1)[None]
    logits = model(before, token.transpose(0, 1)[None], codes_before)[0]
    assert (logits - torch.stack([f.logits for f in out], 1)).abs().max() < 1e-5
    for name, rows in (("speaker", SPEAKER_OF), ("listener", LISTENER_OF)):
        vq = model.get_submodule(f"{name}_vq")
        whole = vq.decode(vq.quantize.lookup(codes[list(rows)]))
        assert (whole - torch.stack([getattr(f, name) for f in out], 1)).abs().max() < 1e-5


@torch.no_grad()
def test_vq_encoder_streams():
    model = small_dim()
    motion = torch.randn(2, 25, 24)
    stream = VqStream(model)
    frames = [stream.frame(motion[:, k]) for k in range(25)]
    for role in ("speaker_vq", "listener_vq"):
        whole = model.get_submodule(role).encode(motion, model.rest_motion.expand(2, 4, -1))
        assert (whole - torch.stack([f[role] for f in frames], 1)).abs().max() < 1e-5


@torch.no_grad()
def test_roles_are_crossed():
    """The listener codes of person 1 come from pair 0, where person 0 speaks: rows 0 and 3 have different persons."""
    model, frames = small_dim(), 6
    token = torch.randn(1, 2, frames, SMALL.token)
    motion, codes = torch.randn(1, 2, frames, 24), torch.zeros(1, 4, frames, 2, dtype=torch.long)
    base = model(motion, token, codes)
    swapped = model(motion.flip(1), token.flip(1), codes)
    assert (base - swapped[:, [2, 3, 0, 1]]).abs().max() < 1e-5
    later = token.clone()
    later[:, :, 4:] += 1
    assert torch.equal(base[:, :, :4], model(motion, later, codes)[:, :, :4])


def test_sampling():
    config = SMALL
    logits = np.random.default_rng(1).standard_normal((4, 2, 16)).astype(np.float32)
    noise = gumbels(1234, 7, config)
    assert np.array_equal(scores(logits, noise, 0, 5).argmax(-1), logits.argmax(-1))
    assert np.array_equal(scores(logits, noise, 0.8, 1).argmax(-1), logits.argmax(-1))
    kept = np.isfinite(scores(logits, noise, 0.8, 5))
    assert (kept.sum(-1) == 5).all() and logits[kept].min() > -2
    tied = np.zeros((1, 1, 16), np.float32)
    assert np.isfinite(scores(tied, np.zeros_like(tied), 1.0, 3))[0, 0].nonzero()[0].tolist() == [0, 1, 2]
    many = np.stack([gumbels(5, k, DimConfig()) for k in range(8)])
    assert abs(many.mean() - 0.5772) < 0.02 and abs(many.std() - np.pi / 6**0.5) < 0.02


def test_turn_rises_fast_and_falls_slowly():
    turn = Turn(2)
    up = [turn.update(np.array([1.0, 0.0])) for _ in range(4)]
    assert up[1][0] > 0.5 and up[-1][0] == 1 and up[-1][1] == 0
    down = [turn.update(np.array([0.0, 0.0]))[0] for _ in range(20)]
    assert down[3] > 0.7 and down[-1] == 0


def test_blend_takes_the_speakers_head_and_the_spoken_face():
    model = small_dim()
    speaker, listener, face = torch.randn(2, 24), torch.randn(2, 24), torch.rand(2, 51)
    out = blend(model, speaker, listener, torch.tensor([[1.0], [0.0]]), face)
    assert torch.allclose(out[1], listener[1]) and torch.allclose(out[0, -3:], speaker[0, -3:])
    assert torch.allclose(model.physical(out)[0, :-3], face[0, FACE_INDEX], atol=1e-5)


def small_batch(model: Dim) -> Batch:
    torch.manual_seed(5)
    frames = 24
    path = torch.cumsum(torch.randn(2, 2, frames + 1, 24) * 0.3, 2)
    codes = torch.randint(16, (2, 4, frames + 1, 2))
    token, turn, face = torch.randn(2, 2, frames, 12), torch.rand(2, 2, frames), torch.rand(2, 2, frames, 51)
    return Batch(path[:, :, 1:], path[:, :, :-1], token, turn, face, codes[:, :, 1:], codes[:, :, :-1])


STAGE = {
    "mask": [0.1, 0.2],
    "contrast": 0.1,
    "contrast_temperature": 0.05,
    "noise": 0.1,
    "own_samples": 0.5,
    "own_passes": 2,
    "reconstruction": 1.0,
    "velocity": 1.0,
    "square": 0.2,
    "codebook": 1.0,
    "commit": 0.25,
    "stray": 0.1,
    "still": 0.01,
    "rough": 0.5,
}
WEIGHTS = {"face": 1.0, "lids": 2.0, "head": 3.0}
CONFIG = {"other_role": 0.1, "channel_weights": {"listener": WEIGHTS, "speaker": WEIGHTS}}


def test_learns_one_batch():
    model = small_dim().train()
    batch, generator = small_batch(model), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss, parts = network_loss(model, batch, CONFIG, STAGE, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(parts["listener_nll"] + parts["speaker_nll"])
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])


def test_vq_learns_and_unused_codes_move():
    model = small_dim().train()
    batch, vq = small_batch(model), model.listener_vq
    z, past = batch.motion.flatten(0, 1), batch.before[:, :, :1].expand(-1, -1, 4, -1).flatten(0, 1)
    usage, optimiser, losses = Usage(vq), torch.optim.Adam(vq.parameters(), 3e-3), []
    for step in range(40):
        loss, parts, codes, latent = vq_loss(vq, z, past, torch.ones(4, 24), torch.ones(24), STAGE)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        usage.add(codes)
        if step == 10:
            before = vq.quantize.embedding.detach().clone()
            assert 1 <= usage.revive(latent.flatten(0, 1), torch.Generator().manual_seed(0)) <= 16
            assert not torch.equal(before, vq.quantize.embedding)
        losses.append(parts["motion"])
    assert losses[-1] < 0.8 * losses[0]


def test_own_past_is_shifted_by_one_frame():
    model = small_dim()
    batch = small_batch(model)
    before, codes = with_own_past(model, batch, 10.0, torch.Generator().manual_seed(1))
    assert torch.equal(before[:, :, 0], batch.before[:, :, 0])
    assert torch.equal(codes[:, :, 0], batch.codes_before[:, :, 0])
    assert (before[:, :, 1:] != batch.before[:, :, 1:]).all()
    made = decoded(model, codes)["listener"]
    assert made.shape == batch.motion.shape


def test_export_round_trip(tmp_path):
    model = random_dim()
    assert export(model, tmp_path, tmp_path / "golden") < 1e-4
    back = load_dim(tmp_path / "dim.safetensors")
    assert back.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name


def test_roughness_spares_nods_and_finds_jitter():
    t = torch.arange(60) / 30
    nod = torch.zeros(1, 60, 24)
    nod[..., 21] = 2 * torch.sin(2 * torch.pi * 2.5 * t)
    noisy = nod + 0.2 * torch.randn(nod.shape, generator=torch.Generator().manual_seed(0))
    weight, channels, still = torch.ones(1, 60), torch.ones(24), torch.zeros_like(nod)
    assert roughness(nod, nod, weight, channels) == 0
    assert roughness(noisy, still, weight, channels) > 10 * roughness(nod, still, weight, channels)


def test_strayed_codes_are_near_ones():
    vq = small_dim().listener_vq
    latent = torch.randn(3, 10, 16)
    codes = vq.quantize(latent)
    assert torch.equal(strayed(vq, latent, codes, 0.0), codes)
    rank = vq.quantize.distances(latent).argsort(-1).argsort(-1)
    taken = strayed(vq, latent, codes, 1.0)
    assert rank.gather(-1, taken[..., None]).max() < 6 and not torch.equal(taken, codes)


@pytest.fixture
def small_corpus(tmp_path, monkeypatch):
    """Two streams of which one person nods at 5 s, with tokens that are a linear map of others."""
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    monkeypatch.delenv("DUOLOGUE_CORPUS", raising=False)
    random, root, frames = np.random.default_rng(0), conversation_folder(), 300
    for name in ("old", "new"):
        (root / name).mkdir()
    turned, offset = random.standard_normal((256, 256)) / 16, random.standard_normal(256)
    for i in range(2):
        events = {name: np.zeros((0, 4)) for name in ("shakes", "smiles", "laughs")}
        face, head = random.random((2, frames, 51)), 0.1 * random.standard_normal((2, frames, 3))
        phone = np.zeros((2, frames), np.uint8)
        phone[1, 100:] = 1
        nods = np.array([[0, 5.0, 8, 2]])
        np.savez(root / f"train-{i:04d}.npz", face=face, head=head, phone=phone, nods=nods, **events)
        token = random.standard_normal((2, frames, 256))
        np.save(root / "new" / f"train-{i:04d}.npy", token)
        np.save(root / "old" / f"train-{i:04d}.npy", token @ turned + offset)
    return root


def test_corpus_draws_windows_of_roles_and_events(small_corpus):
    corpus, model = Corpus("train", "", 0), Dim().eval()
    assert corpus.token.shape[-1] == 0 and corpus.turn[0, 1, 150] == 1 and corpus.turn[0, 0].max() == 0
    hits = [corpus.place(60, 1.0) for _ in range(40)]
    assert all(start <= 150 < start + 60 for _, person, start in hits if person == 0 and start)
    z, first, turn = corpus.role_windows(model, "speaker", 6, 40, 0.0)
    assert z.shape == (6, 40, 24) and first.shape == (6, 1, 24) and turn.mean() > 0.4
    assert not first.isnan().any()


def test_folded_tokens_give_the_same(small_corpus, monkeypatch):
    monkeypatch.setattr(Corpus, "_voicing", lambda self, encoder: np.zeros(self.token.shape[:3], np.float32))
    corpus, model = Corpus("train", "new", 0), Dim()
    old, new = (torch.from_numpy(np.load(small_corpus / name / "train-0001.npy")).float() for name in ("old", "new"))
    motion = torch.randn(2, 300, 24)
    before = model.encoder_s.project_in(torch.cat([motion, old], -1))
    fold_tokens(model.state_dict(), *token_map(corpus, "old", ridge=1e-6))
    assert (model.encoder_s.project_in(torch.cat([motion, new], -1)) - before).abs().max() < 1e-2


def test_wrong_partners_change_the_partner_alone():
    random = np.random.default_rng(0)
    given = Heard(random.random((3, 2, 200, 8)), random.random((3, 2, 200)), random.random((3, 2, 200, 51)))
    given.voicing[2, 1, 50:120] = 0
    for kind in ("another", "late", "early", "silence"):
        wrong = given.with_partners(kind)
        for s in range(3):
            assert np.array_equal(wrong.token[s, s % 2], given.token[s, s % 2])
            assert not np.array_equal(wrong.token[s, 1 - s % 2], given.token[s, 1 - s % 2])
    assert np.array_equal(given.with_partners("late").face[0, 1, 60:], given.face[0, 1, :-60])
    assert given.with_partners("silence").voicing[0, 1].max() == 0


def test_codes_carry_their_embeddings(small_corpus):
    corpus, before = Corpus("train", "", 0), Dim().eval()
    model = Dim().eval()
    model.load_state_dict(before.state_dict())
    # The same codebooks in another order: every code must take its embedding along.
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    table = model.listener_vq.quantize.embedding.data
    table[:256] = table[:256][order]
    corpus.label(model)
    carry_codes(model, before, corpus)
    used = np.unique(corpus.codes[:, list(LISTENER_OF), :, 0][corpus.turn < 0.01])
    known = before.decoder_joint.token_emb.weight[order[used]]
    far = (model.decoder_joint.token_emb.weight[used] - known).norm(dim=1) / known.norm(dim=1)
    assert far.median() < 0.1


def test_codes_stay_behind_only_out_of_role():
    codes = torch.arange(40)[None, None, :, None].expand(2, 4, 40, 2)
    turn = torch.zeros(2, 2, 40)
    turn[:, 0, 20:] = 1
    held = stuck(codes, turn, 1.0, torch.Generator().manual_seed(0))
    # Person 0 listens, then speaks: the speaker's codes are late first, the listener's later.
    assert torch.equal(held[:, SPEAKER_OF[0], 20:], codes[:, SPEAKER_OF[0], 20:])
    assert torch.equal(held[:, LISTENER_OF[0], :20], codes[:, LISTENER_OF[0], :20])
    assert (held[:, SPEAKER_OF[1], 39] < 39).all() and (held[:, LISTENER_OF[0], 39] < 39).all()
    assert torch.equal(stuck(codes, turn, 0.0, torch.Generator()), codes)
