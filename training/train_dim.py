"""Train the dyadic network on the conversation corpus, in three stages (Tran et al. 2024).

    python train_dim.py                                  # configs/dim.json, resumes by itself
    python train_dim.py --name try --set stages.vq.steps=200

`vq`: both VQ-VAEs. `pretrain`: masked and contrastive learning of the encoders with cross-entropy of the codes.
`finetune`: the network's own draws in its past, and VQ decoders that make smooth motion of drawn codes. Checkpoints,
the log and a picture of the curves go to $DUOLOGUE_CACHE/runs/<name>. Runs on CUDA where there is one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from corpus_conversation import folder as conversation_folder
from corpus_speech import REPOSITORY, cache_folder
from dim import CHANNELS, FACE_INDEX, LISTENER_OF, SPEAKER_OF, Dim, DimConfig, Turn, Vq, blend
from speech_encoder import load_encoder
from train_encoder import Average, learning_rate

STAGES = ("vq", "pretrain", "finetune")
# Standard deviations are floored so that still channels do not amplify noise.
STD_FLOOR = 0.03
ROLES = ("listener", "speaker")
HEAD = slice(len(CHANNELS) - 3, len(CHANNELS))


@dataclass
class Batch:
    """Windows of B conversations: motion z and the one before [B, 2, T, C], tokens [B, 2, T, 256], turn [B, 2, T],
    ARKit weights [B, 2, T, 51], codes and the ones before [B, 4, T, G] (absent before the codes are known)."""

    motion: Tensor
    before: Tensor
    token: Tensor
    turn: Tensor
    face: Tensor
    codes: Tensor | None = None
    codes_before: Tensor | None = None

    def split(self, parts: int) -> list[Batch]:
        """The batch in parts of conversations."""
        pieces = [getattr(self, f.name) for f in fields(self)]
        pieces = [[None] * parts if p is None else p.chunk(parts) for p in pieces]
        return [Batch(*piece) for piece in zip(*pieces, strict=True)]


class Corpus:
    """The streams of a part in memory."""

    def __init__(self, part: str, tokens: str, body: str, seed: int):
        """`tokens` and `body` are folders beside the streams; streams without both are left out."""
        root = conversation_folder()
        paths = [
            p
            for p in sorted(root.glob(f"{part}-*.npz"))
            if (root / tokens / f"{p.stem}.npy").exists() and (root / body / p.name).exists()
        ]
        if not paths:
            raise FileNotFoundError(f"no streams of {part} with {tokens} and {body}: run training/corpus_body.py first")
        self.token = np.stack([np.load(root / tokens / f"{p.stem}.npy") for p in paths])
        face, head = [], []
        for path in paths:
            with np.load(path) as file:
                face.append(file["face"])
            with np.load(root / body / path.name) as file:
                head.append(file["head"].astype(np.float16))
        self.face, head = np.stack(face), np.stack(head)
        self.motion = np.concatenate([self.face[..., FACE_INDEX], head], -1)
        self.turn = self._turns()
        self.codes: np.ndarray | None = None
        self.random = np.random.default_rng(seed)
        self.rest_codes = np.zeros((4, 2), np.int16)

    def _turns(self) -> np.ndarray:
        voicing = load_encoder(REPOSITORY / "public/models/speech-encoder.safetensors").voicing_head
        with torch.no_grad():
            v = voicing(torch.from_numpy(self.token).float())[..., 0].sigmoid().numpy()
        turn = Turn(v.shape[0] * 2)
        flat = v.reshape(-1, v.shape[2])
        return np.stack([turn.update(flat[:, k]) for k in range(flat.shape[1])], 1).reshape(v.shape)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and floored standard deviation per channel, [C] each."""
        flat = self.motion[:, :, ::5].reshape(-1, len(CHANNELS)).astype(np.float32)
        return torch.from_numpy(flat.mean(0)), torch.from_numpy(np.maximum(flat.std(0), STD_FLOOR))

    @torch.no_grad()
    def label(self, model: Dim) -> None:
        """Finds the codes of every frame, [S, 4, n, G], by the VQ encoders run over the whole streams."""
        streams, _, frames, _ = self.motion.shape
        self.codes = np.zeros((streams, 4, frames, model.config.groups), np.int16)
        device = model.mean.device
        for s in range(streams):
            z = model.normalise(torch.from_numpy(self.motion[s]).float().to(device))
            past = model.rest_motion.expand(2, 4, -1)
            for name, rows in (("speaker_vq", SPEAKER_OF), ("listener_vq", LISTENER_OF)):
                vq = model.get_submodule(name)
                self.codes[s, list(rows)] = vq.quantize(vq.encode(z, past)).cpu().numpy()
        self.rest_codes = model.rest_codes.cpu().numpy().astype(np.int16)

    def batch(self, model: Dim, count: int, frames: int) -> Batch:
        """Random windows; the first frame's past is the frame before it, or the rest where the stream begins."""
        streams, length = self.motion.shape[0], self.motion.shape[2]
        device = model.mean.device
        s = self.random.integers(streams, size=count)
        k = np.where(self.random.random(count) < 0.03, 0, self.random.integers(length - frames, size=count))
        swap = self.random.random(count) < 0.5

        def windows(array: np.ndarray, persons: bool = True) -> np.ndarray:
            picked = np.stack([array[i, :, a : a + frames] for i, a in zip(s, k, strict=True)])
            if persons:
                picked[swap] = picked[swap][:, ::-1]
            else:
                picked[swap] = picked[swap][:, [2, 3, 0, 1]]
            return picked

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        z = model.normalise(tensor(windows(self.motion)).float())
        first = np.stack([self.motion[i, :, max(a - 1, 0)] for i, a in zip(s, k, strict=True)])
        first[swap] = first[swap][:, ::-1]
        first = model.normalise(tensor(first).float())
        first[tensor(k == 0)] = model.rest_motion
        out = Batch(
            z,
            torch.cat([first[:, :, None], z[:, :, :-1]], 2),
            tensor(windows(self.token)).float(),
            tensor(windows(self.turn)),
            tensor(windows(self.face)).float(),
        )
        if self.codes is not None:
            codes = windows(self.codes, persons=False)
            first_codes = np.stack([self.codes[i, :, max(a - 1, 0)] for i, a in zip(s, k, strict=True)])
            first_codes[swap] = first_codes[swap][:, [2, 3, 0, 1]]
            first_codes[k == 0] = self.rest_codes
            out.codes = tensor(codes).long()
            out.codes_before = torch.cat([tensor(first_codes).long()[:, :, None], out.codes[:, :, :-1]], 2)
        return out


def channel_weights(config: dict, role: str, device: torch.device) -> Tensor:
    """Weight [C] of each motion channel in a role's reconstruction, mean 1."""
    weights = torch.full((len(CHANNELS),), config["channel_weights"][role]["face"], device=device)
    weights[HEAD] = config["channel_weights"][role]["head"]
    return weights / weights.mean()


def role_weights(turn: Tensor, role: str, other: float) -> Tensor:
    """How much a frame counts for a role, from the turn: a share `other` of it always does."""
    return other + (1 - other) * (turn if role == "speaker" else 1 - turn)


def motion_loss(made: Tensor, wanted: Tensor, weight: Tensor, channels: Tensor, stage: dict) -> Tensor:
    """L1 of motion z [..., T, C] and of its frame differences, weighted per frame [..., T] and channel [C].

    A share of squares is added: to L1 alone a blink is too rare to be worth a code.
    """
    scale = weight[..., None] * channels / weight.mean()
    error = (made - wanted).float()
    step = error[..., 1:, :] - error[..., :-1, :]
    standing = (scale * (error.abs() + stage["square"] * error**2)).mean()
    return standing + stage["velocity"] * (scale[..., 1:, :] * step.abs()).mean()


class Usage:
    """Counts how often codes are used, and gives the unused a new place."""

    def __init__(self, vq: Vq):
        self.vq, self.counts = vq, torch.zeros(vq.quantize.groups, vq.quantize.codes)

    def add(self, codes: Tensor) -> None:
        """Counts codes [..., G]."""
        for g, row in enumerate(self.counts):
            row += torch.bincount(codes[..., g].flatten().cpu(), minlength=len(row))

    @torch.no_grad()
    def revive(self, latent: Tensor, generator: torch.Generator) -> float:
        """Moves unused codes onto latents [N, G code_dim] of the batch; returns the perplexity of the use so far."""
        quantize = self.vq.quantize
        share = self.counts / self.counts.sum(1, keepdim=True)
        perplexity = float(torch.special.entr(share).sum(1).exp().mean())
        pool = latent.unflatten(-1, (quantize.groups, -1)).transpose(0, 1).float()
        for g in range(quantize.groups):
            dead = (self.counts[g] < 0.02 * self.counts[g].mean()).nonzero()[:, 0]
            if len(dead):
                picked = torch.randint(pool.shape[1], (len(dead),), generator=generator)
                quantize.embedding.data[g * quantize.codes + dead] = pool[g, picked]
        self.counts.zero_()
        return perplexity


def vq_loss(
    vq: Vq, z: Tensor, past: Tensor, weight: Tensor, channels: Tensor, stage: dict
) -> tuple[Tensor, dict[str, float], Tensor, Tensor]:
    """Loss of one VQ-VAE on windows z [B, T, C]; also its parts, the codes and the latents."""
    latent = vq.encode(z, past).float()
    codes = vq.quantize(latent.detach())
    vectors = vq.quantize.lookup(codes)
    scale = weight[..., None] / weight.mean()
    codebook = (scale * (vectors - latent.detach()) ** 2).mean()
    commit = (scale * (latent - vectors.detach()) ** 2).mean()
    made = vq.decode(latent + (vectors - latent).detach())
    # The first frames lack the past that they have in a stream.
    made, wanted, weight = made[:, 8:], z[:, 8:], weight[:, 8:]
    motion = motion_loss(made, wanted, weight, channels, stage)
    loss = motion + stage["codebook"] * codebook + stage["commit"] * commit
    return loss, {"motion": motion.item(), "commit": commit.item()}, codes, latent.detach()


def masked(x: Tensor, share: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Which frames [B, 2, T] are hidden: per conversation and person a share drawn from the range."""
    batch, persons, frames = x.shape[:3]
    low, high = share
    rate = low + (high - low) * torch.rand(batch, persons, 1, generator=generator)
    return (torch.rand(batch, persons, frames, generator=generator) < rate).to(x.device)


def context_noise(x: Tensor, spread: float, generator: torch.Generator) -> Tensor:
    """Noise like the network's own errors for motion z [B, 2, T, C]: of a random size, and slow in some channels."""
    batch, persons, frames, channels = x.shape
    size = spread * torch.rand(batch, persons, 1, 1, generator=generator)
    white = torch.randn(batch, persons, frames, channels, generator=generator)
    slow = torch.randn(batch, persons, 1 + frames // 12, channels, generator=generator)
    slow = F.interpolate(slow.flatten(0, 1).transpose(1, 2), frames, mode="linear").transpose(1, 2)
    keep = torch.rand(batch, 1, 1, channels, generator=generator)
    return (size * (keep * slow.unflatten(0, (batch, persons)) + (1 - keep) * white)).to(x.device)


def draws(logits: Tensor, temperature: float, top_k: int) -> Tensor:
    """Codes drawn from logits [..., K]."""
    logits = logits.float() / temperature
    limit = logits.topk(top_k, -1).values[..., -1:]
    noise = -torch.empty_like(logits).exponential_().log()
    return torch.where(logits >= limit, logits + noise, float("-inf")).argmax(-1)


def decoded(model: Dim, codes: Tensor) -> dict[str, Tensor]:
    """Motion z [B, 2, T, C] of both roles from codes [B, 4, T, G]."""
    out = {}
    for role, rows in (("speaker", SPEAKER_OF), ("listener", LISTENER_OF)):
        vq = model.get_submodule(f"{role}_vq")
        made = vq.decode(vq.quantize.lookup(codes[:, list(rows)].flatten(0, 1)))
        out[role] = made.unflatten(0, (-1, 2)).float()
    return out


@torch.no_grad()
def with_own_past(model: Dim, batch: Batch, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The frames before, with stretches replaced by what the network would have emitted there (scheduled sampling)."""
    with torch.autocast(model.mean.device.type, torch.bfloat16):
        logits = model(batch.before, batch.token, batch.codes_before)
        codes = draws(logits, model.config.temperature, model.config.top_k)
        both = decoded(model, codes)
    own = blend(model, both["speaker"], both["listener"], batch.turn[..., None], batch.face)
    count, frames = codes.shape[0], codes.shape[2]
    level = torch.rand(count, 1 + frames // 8, generator=generator).repeat_interleave(8, 1)[:, :frames]
    amount = share * 2 * torch.rand(count, 1, generator=generator)
    # What was emitted at frame k is the past of frame k + 1.
    taken = F.pad((level < amount)[:, :-1], (1, 0)).to(own.device)[:, None, :, None]
    shifted = torch.cat([batch.before[:, :, :1], own[:, :, :-1]], 2)
    shifted_codes = torch.cat([batch.codes_before[:, :, :1], codes[:, :, :-1]], 2)
    return torch.where(taken, shifted, batch.before), torch.where(taken, shifted_codes, batch.codes_before)


def contrast(speaker: Tensor, listener: Tensor, temperature: float) -> Tensor:
    """InfoNCE between the two roles' means over time, [B, pair, T, d] each: who talked with whom."""
    one, other = (F.normalize(x.float().mean(2).flatten(0, 1), dim=-1) for x in (speaker, listener))
    scores = one @ other.T / temperature
    wanted = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, wanted) + F.cross_entropy(scores.T, wanted)) / 2


def code_loss(logits: Tensor, codes: Tensor, turn: Tensor, other: float) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of codes [B, 4, T, G], each row where its person has its role; and per role, in nats."""
    nll = F.cross_entropy(logits.float().flatten(0, -2), codes.flatten(), reduction="none").view(codes.shape).mean(-1)
    parts = {}
    for role, rows in (("speaker", SPEAKER_OF), ("listener", LISTENER_OF)):
        weight = role_weights(turn, role, other)
        parts[role] = (weight * nll[:, list(rows)]).sum() / weight.sum()
    return sum(parts.values()), {f"{role}_nll": value.item() for role, value in parts.items()}


def network_loss(
    model: Dim, batch: Batch, config: dict, stage: dict, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Loss of a batch in the stages after `vq`, and its parts."""
    device = model.mean.device
    before, codes_before = batch.before, batch.codes_before
    if stage["own_samples"]:
        before, codes_before = with_own_past(model, batch, stage["own_samples"], generator)
    hidden = masked(before, stage["mask"], generator)
    before = before + context_noise(before, stage["noise"], generator)
    before = before.masked_fill(hidden[..., None], 0)
    with torch.autocast(device.type, torch.bfloat16):
        speaker, listener = model.encode(before, batch.token)
        logits = model.predict(model.join(speaker, listener), codes_before)
    loss, parts = code_loss(logits, batch.codes, batch.turn, config["other_role"])
    if stage["contrast"]:
        value = contrast(speaker, listener, stage["contrast_temperature"])
        loss = loss + stage["contrast"] * value
        parts["contrast"] = value.item()
    if stage.get("reconstruction"):
        # The VQ decoders learn to make smooth motion of draws; the draws learn nothing from it, they stay varied.
        drawn = draws(logits.detach(), model.config.temperature, model.config.top_k)
        with torch.autocast(device.type, torch.bfloat16):
            both = decoded(model, drawn)
        for role in ROLES:
            weight = role_weights(batch.turn, role, config["other_role"])[..., 8:]
            made, wanted = both[role][:, :, 8:], batch.motion[:, :, 8:]
            value = motion_loss(made, wanted, weight, channel_weights(config, role, device), stage)
            loss = loss + stage["reconstruction"] * value
            parts[f"{role}_motion"] = value.item()
    return loss, parts


@torch.no_grad()
def validate(model: Dim, corpus: Corpus, config: dict, name: str, batches: int = 6) -> dict[str, float]:
    """Losses on fixed windows of held-out streams, with the true past."""
    corpus.random, generator = np.random.default_rng(11), torch.Generator().manual_seed(11)
    stage = config["stages"][name]
    total: dict[str, float] = {}
    for _ in range(batches):
        batch = corpus.batch(model, 8, stage["frames"])
        if name == "vq":
            parts = {}
            for role in ROLES:
                weight = role_weights(batch.turn, role, 0.0).flatten(0, 1) + 1e-3
                vq, channels = model.get_submodule(f"{role}_vq"), channel_weights(config, role, batch.motion.device)
                past = batch.before[:, :, :1].expand(-1, -1, 4, -1).flatten(0, 1)
                value = vq_loss(vq, batch.motion.flatten(0, 1), past, weight, channels, stage)[1]
                parts |= {f"val_{role}_{k}": v for k, v in value.items()}
        else:
            plain = {**stage, "mask": [0, 0], "noise": 0.0, "own_samples": 0.0, "contrast": 0.0}
            value = network_loss(model, batch, config | {"other_role": 0.0}, plain, generator)[1]
            parts = {f"val_{k}": v for k, v in value.items()}
        for key, value in parts.items():
            total[key] = total.get(key, 0) + value / batches
    return total


def draw(log: list[dict], path: Path) -> None:
    """Draw the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(12, 4))
    for panel, words in zip(panels, (("motion", "commit"), ("nll", "contrast")), strict=True):
        for name in sorted({k for e in log for k in e if k.endswith(words)}):
            seen = [(i, e[name]) for i, e in enumerate(log) if name in e]
            panel.semilogy(*zip(*seen, strict=True), label=name)
        panel.set(xlabel="log entry")
        if panel.lines:
            panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def load_average(path: Path | None = None) -> tuple[Dim, dict[str, str]]:
    """The averaged model of a checkpoint and what the weight file should say about its training."""
    saved = torch.load(path or cache_folder() / "runs/dim/checkpoint.pt", map_location="cpu", weights_only=True)
    model = Dim(DimConfig(**saved["config"]["model"]))
    model.load_state_dict(saved["average"])
    return model.eval(), {"steps": f"{saved['stage']} {saved['step']}"}


def differentiated(
    parameters: list[torch.nn.Parameter], job: Callable[[], tuple[Tensor, dict[str, float]]]
) -> tuple[dict[str, float], tuple[Tensor | None, ...]]:
    """The parts of a job's loss and the loss's gradient."""
    loss, parts = job()
    return parts, torch.autograd.grad(loss, parameters, allow_unused=True)


class Training:
    """A run of the three stages: model, optimiser, average, log and checkpoint."""

    def __init__(self, config: dict, folder: Path):
        torch.manual_seed(config["seed"])
        # Threads share out the batch, not the products: they meet once a step, which matters where others work too.
        torch.set_num_threads(1)
        self.pool = ThreadPoolExecutor(config["threads"], initializer=partial(torch.set_num_threads, 1))
        self.config, self.folder, self.path = config, folder, folder / "checkpoint.pt"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = Dim(DimConfig(**config["model"])).to(self.device)
        self.corpus = Corpus("train", config["tokens"], config["body"], config["seed"])
        self.validation = Corpus("val", config["tokens"], config["body"], 0)
        mean, std = self.corpus.statistics()
        self.model.mean.copy_(mean)
        self.model.std.copy_(std)
        self.model.rest_motion.copy_(self.model.normalise(torch.zeros_like(self.model.mean)))
        self.average = Average(self.model, config["average"])
        self.stage, self.step, self.log, self.optimiser_state = STAGES[0], 0, [], None
        if self.path.exists():
            saved = torch.load(self.path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.average.state, self.log = saved["average"], saved["log"]
            self.stage, self.step, self.optimiser_state = saved["stage"], saved["step"], saved["optimiser"]
        seeds = range(config["threads"])
        self.generators = [torch.Generator().manual_seed(config["seed"] + 1000 * i + self.step) for i in seeds]
        self.corpus.random = np.random.default_rng([config["seed"], self.step])

    def parameters(self) -> list[torch.nn.Parameter]:
        """What the current stage trains: the VQ-VAEs; the rest; the rest and the VQ decoders."""
        chosen = {
            "vq": ("speaker_vq.", "listener_vq."),
            "pretrain": ("encoder_", "decoder_joint."),
            "finetune": ("encoder_", "decoder_joint.", "speaker_vq.decoder.", "listener_vq.decoder."),
        }[self.stage]
        out = []
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name.startswith(chosen))
            if parameter.requires_grad:
                out.append(parameter)
        return out

    def save(self, optimiser: torch.optim.Optimizer) -> None:
        """Write the checkpoint and the curves."""
        saved = {
            "model": self.model.state_dict(),
            "average": self.average.state,
            "optimiser": optimiser.state_dict(),
            "stage": self.stage,
            "step": self.step,
            "config": self.config,
            "log": self.log,
        }
        torch.save(saved, self.path.with_suffix(".part"))
        self.path.with_suffix(".part").rename(self.path)
        draw(self.log, self.folder / "curves.png")

    def start_codes(self) -> None:
        """Labels the corpus with the finished VQ-VAEs and finds the codes of rest."""
        for name in ("speaker_vq", "listener_vq"):
            prefix = f"{name}."
            trained = {k.removeprefix(prefix): v for k, v in self.average.state.items() if k.startswith(prefix)}
            if self.stage == "pretrain" and self.step == 0:
                self.model.get_submodule(name).load_state_dict(trained)
        self.model.set_rest(torch.zeros_like(self.model.mean))
        self.average.state["rest_codes"] = self.model.rest_codes.clone()
        for corpus in (self.corpus, self.validation):
            corpus.label(self.model)

    def role_loss(self, batch: Batch, role: str, stage: dict, usage: Usage) -> tuple[Tensor, dict[str, float]]:
        """One VQ-VAE's loss on a batch."""
        vq, channels = self.model.get_submodule(f"{role}_vq"), channel_weights(self.config, role, self.device)
        past = batch.before[:, :, :1].expand(-1, -1, 4, -1).flatten(0, 1)
        weight = role_weights(batch.turn, role, self.config["other_role"]).flatten(0, 1)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, parts, codes, latent = vq_loss(vq, batch.motion.flatten(0, 1), past, weight, channels, stage)
        usage.add(codes)
        if self.step == 0 or (self.step % stage["revive_every"] == 0 and self.step < stage["revive_until"]):
            generator = self.generators[ROLES.index(role) % len(self.generators)]
            parts["perplexity"] = usage.revive(latent.flatten(0, 1), generator)
        return loss, {f"{role}_{k}": v for k, v in parts.items()}

    def gradients(self, stage: dict, usages: dict[str, Usage], parameters: list) -> dict[str, float]:
        """Puts the gradient of a fresh batch on the parameters; returns the parts of its loss."""
        batch = self.corpus.batch(self.model, stage["batch"], stage["frames"])
        if self.stage == "vq":
            jobs = [partial(self.role_loss, batch, role, stage, usages[role]) for role in ROLES]
            share = 1.0
        else:
            pieces = zip(batch.split(len(self.generators)), self.generators, strict=True)
            jobs = [partial(network_loss, self.model, piece, self.config, stage, g) for piece, g in pieces]
            share = 1 / len(jobs)
        done = list(self.pool.map(partial(differentiated, parameters), jobs))
        for parameter, *grads in zip(parameters, *(grads for _, grads in done), strict=True):
            known = [g for g in grads if g is not None]
            parameter.grad = sum(known) * share if known else None
        names = {k for parts, _ in done for k in parts}
        return {k: float(np.mean([parts[k] for parts, _ in done if k in parts])) for k in names}

    def evaluated(self) -> dict[str, float]:
        """Validation of the averaged model."""
        current = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.state)
        out = validate(self.model, self.validation, self.config, self.stage)
        self.model.load_state_dict(current)
        return out

    def run_stage(self) -> None:
        """The steps of the current stage that are left."""
        stage = self.config["stages"][self.stage]
        parameters = self.parameters()
        optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=self.config["weight_decay"])
        if self.optimiser_state is not None:
            optimiser.load_state_dict(self.optimiser_state)
            self.optimiser_state = None
        usages = {role: Usage(self.model.get_submodule(f"{role}_vq")) for role in ROLES}
        if self.stage != "vq":
            self.start_codes()
        began, recent, last = time.time(), [], False
        while not last and self.step < stage["steps"]:
            # A stage may be given minutes: it is then over, its rate come down, when these or the steps are done.
            hurried = (time.time() - began) / 60 / stage.get("minutes", float("inf"))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(stage, max(self.step, hurried * stage["steps"]))
            parts = self.gradients(stage, usages, parameters)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            self.average.update(self.model, self.step if self.stage == "vq" else self.step + 1000)
            self.step += 1
            recent.append(parts)
            last = self.step == stage["steps"] or hurried >= 1
            if self.step % 50 == 0 or last:
                names = {k for r in recent for k in r}
                entry = {"stage": self.stage, "step": self.step}
                entry |= {k: float(np.mean([r[k] for r in recent if k in r])) for k in sorted(names)}
                recent = []
                if self.step % self.config["evaluate_every"] == 0 or last:
                    entry |= self.evaluated()
                self.log.append(entry)
                text = " ".join(f"{k} {v:.4f}" for k, v in entry.items() if isinstance(v, float))
                print(f"{self.stage} {self.step} {text} {(time.time() - began) / 60:.1f} min", flush=True)
            if self.step % self.config["save_every"] == 0 or last:
                self.save(optimiser)

    def run(self) -> None:
        """Every stage that is not done yet."""
        for name in STAGES[STAGES.index(self.stage) :]:
            if name != self.stage:
                self.stage, self.step, self.optimiser_state = name, 0, None
            self.run_stage()


def override(config: dict, item: str) -> None:
    """Applies one KEY=VALUE, where dots in the key lead into nested entries."""
    key, value = item.split("=", 1)
    *path, last = key.split(".")
    for name in path:
        config = config[name]
    config[last] = json.loads(value) if value[0] in "0123456789.{[" else value


def main() -> None:
    """Command line of the training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs/dim.json")
    parser.add_argument("--name", default="dim")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override config entries")
    options = parser.parse_args()
    config = json.loads(options.config.read_text())
    for item in options.set:
        override(config, item)
    folder = cache_folder() / "runs" / options.name
    folder.mkdir(parents=True, exist_ok=True)
    Training(config, folder).run()


if __name__ == "__main__":
    main()
