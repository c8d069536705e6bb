"""Learning2Listen: twins with the published structure and key names; the converted file gives the same numbers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from convert import l2l
from convert.l2l import PREDICTOR_BASE, VQ_BASE, published_predictor, published_vq
from convert.l2l_runner import Listener, load_l2l, nucleus
from convert.source import ConvertError
from convert_twins import exchanges, one_thread, randomise, sizes_match, source_of, swapped  # noqa: F401

VQ = {**VQ_BASE, "d": 32, "ff": 24, "layers": 2, "codes": 12}
PREDICTOR = {**PREDICTOR_BASE, "d": 20, "ff": 24, "layers": 2, "codes": 12}


class Block(nn.Module):
    """Residual(Norm(fn)) by its published attribute names: fn.norm and fn.fn."""

    def __init__(self, d, inner):
        super().__init__()
        self.fn = nn.Module()
        self.fn.norm, self.fn.fn = nn.LayerNorm(d), inner


class Attention(nn.Module):
    """Self-attention whose scale is that of the whole width."""

    def __init__(self, d, heads, cross=False):
        super().__init__()
        if cross:
            self.to_kv, self.to_q = nn.Linear(d, 2 * d, bias=False), nn.Linear(d, d, bias=False)
        else:
            self.to_qkv = nn.Linear(d, 3 * d, bias=False)
        self.to_out, self.heads = nn.Linear(d, d), heads

    def forward(self, x, asking=None, mask=None):
        qkv = self.to_qkv(x) if asking is None else torch.cat((self.to_q(asking), self.to_kv(x)), -1)
        batch, frames, width = qkv.shape
        q, k, v = qkv.view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dots = torch.einsum("bhid,bhjd->bhij", q, k) * (width // 3) ** -0.5
        if mask is not None:
            dots[:, :, :4, :4] = dots[:, :, :4, :4].masked_fill(mask == 0, float("-inf"))
        out = torch.einsum("bhij,bhjd->bhid", dots.softmax(-1), v)
        return self.to_out(out.permute(0, 2, 1, 3).reshape(batch, frames, -1))


class Mlp(nn.Module):
    """The feed-forward, with the tanh GELU."""

    def __init__(self, d, ff):
        super().__init__()
        self.l1, self.l2 = nn.Linear(d, ff), nn.Linear(ff, d)

    def forward(self, x):
        h = self.l1(x)
        return self.l2(0.5 * h * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3))))


class Transformer(nn.Module):
    """Attention and feed-forward in turn."""

    def __init__(self, d, ff, layers, heads, cross=False):
        super().__init__()
        blocks = []
        for _ in range(layers):
            blocks += [Block(d, Attention(d, heads, cross)), Block(d, Mlp(d, ff))]
        self.net = nn.Sequential(*blocks)

    def forward(self, x, asking=None, mask=None):
        for i, block in enumerate(self.net):
            h = block.fn.norm(x)
            x = x + (block.fn.fn(h) if i % 2 else block.fn.fn(h, asking, mask))
        return x


def linear_embedding(d):
    out = nn.Module()
    out.net = nn.Linear(d, d)
    return out


def positions(length, d):
    out = nn.Module()
    out.pos_embedding = nn.Parameter(torch.zeros(length, d))
    return out


def squasher(first, d, stages):
    layers = []
    for i in range(stages):
        conv = nn.Conv1d(d if i else first, d, 5, stride=1 if i else 2, padding=2, padding_mode="replicate")
        pool = [nn.MaxPool1d(2)] if i else []
        layers.append(nn.Sequential(conv, nn.LeakyReLU(0.2), nn.BatchNorm1d(d), *pool))
    return nn.Sequential(*layers)


class TwinVq(nn.Module):
    """The published VQ-VAE."""

    def __init__(self, d, ff, layers, codes, stages, frames, positions: int):
        super().__init__()
        encoder, decoder, quantize = nn.Module(), nn.Module(), nn.Module()
        encoder.squasher = squasher(56, d, stages)
        expander = [nn.ConvTranspose1d(d, d, 5, stride=2, padding=2, output_padding=1)]
        expander += [nn.Conv1d(d, d, 5, padding=2, padding_mode="replicate") for _ in range(stages - 1)]
        decoder.expander = nn.ModuleList(nn.Sequential(c, nn.LeakyReLU(0.2), nn.BatchNorm1d(d)) for c in expander)
        decoder.cross_smooth_layer = nn.Conv1d(d, 56, 5, padding=2)
        for side, module, length in (("encoder", encoder, positions), ("decoder", decoder, frames)):
            module.add_module(f"{side}_transformer", Transformer(d, ff, layers, 8))
            module.add_module(f"{side}_pos_embedding", globals()["positions"](length, d))
            module.add_module(f"{side}_linear_embedding", linear_embedding(d))
        quantize.embedding = nn.Embedding(codes, d)
        self.encoder, self.decoder, self.quantize = encoder, decoder, quantize

    def encode(self, motion):
        h = self.encoder.squasher(motion.permute(0, 2, 1)).permute(0, 2, 1)
        h = self.encoder.encoder_linear_embedding.net(h) + self.encoder.encoder_pos_embedding.pos_embedding
        return self.encoder.encoder_transformer(h)

    def codes(self, motion):
        z = self.encode(motion).permute(0, 2, 1).contiguous()
        flat, table = z.view(-1, z.shape[1]), self.quantize.embedding.weight
        d = (flat**2).sum(1, keepdim=True) + (table**2).sum(1) - 2 * flat @ table.t()
        return d.argmin(1).view(len(z), -1)

    def decode(self, codes):
        quant = self.quantize.embedding.weight[codes.reshape(-1)]
        h = quant.reshape(len(codes), -1, codes.shape[1]).permute(0, 2, 1)
        for i, stage in enumerate(self.decoder.expander):
            h = stage(h.permute(0, 2, 1)).permute(0, 2, 1)
            h = h.repeat_interleave(2, dim=1) if i else h
        h = self.decoder.decoder_linear_embedding.net(h) + self.decoder.decoder_pos_embedding.pos_embedding
        return self.decoder.cross_smooth_layer(self.decoder.decoder_transformer(h).permute(0, 2, 1)).permute(0, 2, 1)


class TwinPredictor(nn.Module):
    """The published predictor, the unused branch included."""

    def __init__(self, d, ff, layers, cross, codes, stages, frames, tokens, past):
        super().__init__()
        wide = 2 * d
        self.listener_past_transformer = Transformer(d, ff, 1, 10)
        self.listener_past_pos_embedding = positions(past, d)
        self.listener_past_tok_embedding = nn.Embedding(codes, d)
        self.audio_projector, self.motion_projector = nn.Linear(128, wide), nn.Linear(56, wide)
        self.audio_full_pos_embedding, self.motion_full_pos_embedding = positions(frames, wide), positions(frames, wide)
        self.cm_transformer = Transformer(wide, ff, cross, 10, cross=True)
        self.post_compressor, self.post_projector = squasher(wide, wide, stages), nn.Linear(wide, d)
        head = nn.Module()
        head.transformer_layer = Transformer(d, ff, layers, 10)
        head.cross_norm_layer, head.cross_output_layer = nn.LayerNorm(d), nn.Linear(d, codes, bias=False)
        head.cross_pos_embedding = positions(tokens, d)
        self.cross_modal_layer = head

    def forward(self, codes, speaker, mel, mask_index):
        mask = torch.zeros(len(codes), 1, 4, 4)
        past = torch.zeros(len(codes), 4, self.listener_past_tok_embedding.embedding_dim)
        if mask_index > 0:
            mask[:, :, -mask_index:, :] = 1
            past[:, -mask_index:] = self.listener_past_tok_embedding(codes[:, -mask_index:])
        past = past + self.listener_past_pos_embedding.pos_embedding
        audio = F.max_pool1d(mel.permute(0, 2, 1), 4).permute(0, 2, 1)
        audio = self.audio_projector(audio) + self.audio_full_pos_embedding.pos_embedding
        motion = self.motion_projector(speaker) + self.motion_full_pos_embedding.pos_embedding
        told = self.cm_transformer(motion, asking=audio)
        told = self.post_projector(self.post_compressor(told.permute(0, 2, 1)).permute(0, 2, 1))
        h = torch.cat([past, told], 1) + self.cross_modal_layer.cross_pos_embedding.pos_embedding
        h = self.cross_modal_layer.transformer_layer(h, mask=mask)
        return self.cross_modal_layer.cross_output_layer(self.cross_modal_layer.cross_norm_layer(h))


def content_of(twin):
    return {
        "config": {},
        "state_dict": {f"module.{k}": v for k, v in twin.state_dict().items()},
        "optimizer": {},
        "epoch": 3,
    }


@pytest.fixture(scope="module")
def twins():
    vq, predictor = randomise(TwinVq(**VQ), 1), randomise(TwinPredictor(**PREDICTOR), 2)
    # Codes near the encoder's output, so that several of them are chosen.
    with torch.no_grad():
        rows = vq.encode(torch.randn(8, 32, 56, generator=torch.Generator().manual_seed(1))).permute(0, 2, 1)
        vq.quantize.embedding.weight.copy_(rows.reshape(-1, VQ["d"])[::2][: VQ["codes"]])
    return vq, predictor


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(4)
    return {
        "motion": torch.randn(3, 32, 56, generator=generator),
        "codes": torch.randint(0, 12, (3, 4), generator=generator),
        "speaker": torch.randn(3, 72, 56, generator=generator),
        "mel": torch.randn(3, 288, 128, generator=generator),
    }


@pytest.fixture(scope="module")
def scales():
    generator = np.random.default_rng(3)
    sizes = {"X": 56, "Y": 56, "audio": 128}
    out = {f"body_mean_{k}": generator.normal(size=(1, 1, n)).astype(np.float32) for k, n in sizes.items()}
    return out | {f"body_std_{k}": 0.5 + generator.random((1, 1, n), np.float32) for k, n in sizes.items()}


@pytest.fixture(scope="module")
def listener(twins, scales, tmp_path_factory):
    folder = tmp_path_factory.mktemp("l2l")
    for name, twin in zip(("vq", "predictor"), twins, strict=True):
        torch.save(content_of(twin), folder / f"{name}.pth")
        np.savez(folder / f"{name}.npz", **scales)
    told = l2l.convert(
        folder / "vq.pth",
        folder / "vq.npz",
        folder / "out.safetensors",
        folder / "predictor.pth",
        folder / "predictor.npz",
    )
    assert any("64 channels of a whole window" in line for line in told)
    return load_l2l(folder / "out.safetensors")


def test_published_sizes():
    with torch.device("meta"):
        for twin, table, millions in (
            (TwinVq(**VQ_BASE), published_vq(VQ_BASE), 13.03),
            (TwinPredictor(**PREDICTOR_BASE), published_predictor(PREDICTOR_BASE), 5.44),
        ):
            state = {f"module.{k}": v for k, v in twin.state_dict().items() if not k.endswith("num_batches_tracked")}
            sizes_match(table, {k: v for k, v in state.items() if "listener_past_transformer" not in k})
            assert abs(sum(p.numel() for p in twin.parameters()) / 1e6 - millions) < 0.01


@torch.no_grad()
def test_the_vq_equals_the_twin(twins, listener, inputs):
    vq = twins[0]
    hidden, motion = vq.encode(inputs["motion"]), vq.decode(inputs["codes"])
    assert hidden.shape == (3, 4, 32) and motion.shape == (3, 32, 56) and motion.std() > 0.1
    assert (listener.vq.encoder(inputs["motion"]) - hidden).abs().max() < 1e-5
    assert (listener.vq.decode(inputs["codes"]) - motion).abs().max() < 1e-5
    assert torch.equal(listener.vq.codes(inputs["motion"]), vq.codes(inputs["motion"]))
    assert len(vq.codes(torch.cat([inputs["motion"], -inputs["motion"]])).unique()) > 3
    assert any((conv.sign < 0).any() for conv in list(listener.vq.encoder.conv)[1:])


@torch.no_grad()
def test_the_predictor_equals_the_twin(twins, listener, inputs):
    for seen in (0, 1, 3, 4, 6):
        feed = inputs["codes"], inputs["speaker"][:, :40], inputs["mel"][:, :160]
        expected = twins[1](*feed, seen)
        assert expected.std() > 0.1
        assert (listener.predictor(*feed, seen) - expected).abs().max() < 1e-5, seen


@torch.no_grad()
@pytest.mark.parametrize("aligned", [False, True])
def test_the_loop_equals_the_published_one(twins, listener, inputs, scales, aligned):
    (vq, predictor), of = twins, {name: torch.from_numpy(array) for name, array in scales.items()}
    speaker = (inputs["speaker"] - of["body_mean_X"]) / of["body_std_X"]
    mel = (inputs["mel"] - of["body_mean_audio"]) / of["body_std_audio"]
    codes = vq.codes(torch.zeros(3, 32, 56))
    for t in range(0, 72 - 32, 8):
        past = codes if t == 0 else vq.codes(vq.decode(codes[:, t // 8 : (t + 32) // 8]))
        start = 4 * t if aligned else t
        logits = predictor(past, speaker[:, t : t + 40], mel[:, start : start + 160], t // 8)[:, 0]
        codes = torch.cat([codes, logits.argmax(-1, keepdim=True)], 1)
    expected = vq.decode(codes[:, 4:8]) * of["body_std_Y"] + of["body_mean_Y"]
    ours = listener.listen(inputs["speaker"], inputs["mel"], lambda p: p.argmax(-1), aligned)
    assert ours.shape == (3, 32, 56)
    assert (ours - expected).abs().max() < 1e-4


def test_the_nucleus_by_hand():
    # Shares 0.5, 0.3, 0.15, 0.05: the second passes 0.7 and is kept, the rest falls away.
    shares = torch.tensor([[0.15, 0.5, 0.05, 0.3]])
    assert torch.allclose(nucleus(shares.log(), 1.0, 0.7), torch.tensor([[0, 0.625, 0, 0.375]]))
    squared = shares**2 / (shares**2).sum()
    assert torch.allclose(nucleus(shares.log(), 0.5, 1.0), squared)


@torch.no_grad()
def test_every_exchange_of_two_tensors_shows(twins, inputs):
    def vq_run(content):
        model = Listener({"vq": VQ}).vq
        model.load_state_dict(l2l.convert_vq(source_of(content, "l2l (the VQ-VAE)"), VQ))
        return torch.cat([model.encoder(inputs["motion"]).flatten(), model.decode(inputs["codes"]).flatten()])

    def predictor_run(content):
        model = Listener({"vq": VQ, "predictor": PREDICTOR}).predictor
        model.load_state_dict(l2l.convert_predictor(source_of(content, "l2l (the predictor)"), PREDICTOR))
        return model(inputs["codes"], inputs["speaker"][:, :40], inputs["mel"][:, :160], 2)

    for twin, table, run in zip(
        twins, (published_vq(VQ), published_predictor(PREDICTOR)), (vq_run, predictor_run), strict=True
    ):
        content = content_of(twin)
        right = run(content)
        for two in exchanges(table):
            # Exchanging a variance with a mean may end in NaN, which shows as well.
            assert not (run(swapped(content, two)) - right).abs().max() < 1e-3, two


def test_files_that_do_not_fit_are_refused(twins, scales, tmp_path):
    vq, norm, out = tmp_path / "vq.pth", tmp_path / "vq.npz", tmp_path / "out.safetensors"
    content = content_of(twins[0])
    torch.save(content, vq)
    np.savez(norm, body_mean_X=scales["body_mean_X"])
    with pytest.raises(ConvertError, match="no array body_mean_Y"):
        l2l.convert(vq, norm, out)
    np.savez(norm, body_mean_Y=np.zeros(53), body_std_Y=np.ones(53))
    with pytest.raises(ConvertError, match="body_mean_Y has 53 numbers, expected 56"):
        l2l.convert(vq, norm, out)
    with pytest.raises(ConvertError, match="go together"):
        l2l.convert(vq, norm, out, predictor=vq)
    del content["state_dict"]["module.decoder.expander.1.2.running_var"]
    torch.save(content, vq)
    with pytest.raises(ConvertError, match="no tensor module.decoder.expander.1.2.running_var"):
        l2l.convert(vq, norm, out)
    assert not out.exists()
