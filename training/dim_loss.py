"""Losses of the dyadic network's three stages, and the past that it is trained to live with."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from dim import CHANNELS, LISTENER_OF, SPEAKER_OF, Dim, Vq, blend
from dim_windows import Batch
from learning import mixed

ROLES = ("listener", "speaker")
HEAD = slice(len(CHANNELS) - 3, len(CHANNELS))
LIDS = [i for i, name in enumerate(CHANNELS) if name.startswith("eyeBlink")]


def channel_weights(config: dict, role: str, device: torch.device) -> Tensor:
    """Weight [C] of each motion channel in a role's reconstruction, mean 1."""
    weights = torch.full((len(CHANNELS),), config["channel_weights"][role]["face"], device=device)
    weights[HEAD] = config["channel_weights"][role]["head"]
    weights[LIDS] = config["channel_weights"][role]["lids"]
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


def roughness(made: Tensor, wanted: Tensor, weight: Tensor, channels: Tensor) -> Tensor:
    """Third differences of motion z [..., T, C] that the wanted motion does not have; lids, which snap, left out."""
    channels = channels.clone()
    channels[LIDS] = 0
    scale = weight[..., 3:, None] * channels / weight.mean()
    excess = made.float().diff(n=3, dim=-2).abs() - wanted.float().diff(n=3, dim=-2).abs()
    return (scale * F.relu(excess)).mean()


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


def strayed(vq: Vq, latent: Tensor, codes: Tensor, share: float) -> Tensor:
    """Codes [B, T, G] of which a share is replaced by near ones, as draws are: the decoder learns to stay smooth."""
    near = vq.quantize.distances(latent).topk(6, largest=False).indices
    other = near.gather(-1, torch.randint(6, (*codes.shape, 1), device=codes.device))[..., 0]
    return torch.where(torch.rand(codes.shape, device=codes.device) < share, other, codes)


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
    taken = vq.quantize.lookup(strayed(vq, latent.detach(), codes, stage["stray"])) if stage["stray"] else vectors
    made = vq.decode(latent + (taken - latent).detach())
    # The first frames lack the past that they have in a stream.
    made, wanted, weight = made[:, 8:], z[:, 8:], weight[:, 8:]
    motion = motion_loss(made, wanted, weight, channels, stage)
    # Latents that change no more than they must give codes that can be foretold.
    still = (latent[:, 1:] - latent[:, :-1]).square().mean()
    loss = motion + stage["codebook"] * codebook + stage["commit"] * commit + stage["still"] * still
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


def stuck(codes: Tensor, turn: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Codes before [B, 4, T, G], in a share of the rows held still from some frame on wherever the person (turn
    [B, 2, T]) does not have the row's role.

    Free running, a role's codes stay behind while the other role moves the head: the network must find them from the
    motion, or the head jumps when the turn passes from one to the other.
    """
    batch, rows, frames, _ = codes.shape
    off = torch.empty(batch, rows, frames, dtype=torch.bool, device=codes.device)
    off[:, list(SPEAKER_OF)], off[:, list(LISTENER_OF)] = turn < 0.5, turn >= 0.5
    begin = torch.randint(frames // 2, (batch, rows, 1), generator=generator)
    taken = torch.rand(batch, rows, 1, generator=generator) < share
    frame = torch.arange(frames).expand(batch, rows, frames)
    source = torch.where((taken & (frame >= begin)).to(off.device) & off, begin.to(off.device), frame.to(off.device))
    return codes.gather(2, source[..., None].expand_as(codes))


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
    with mixed(model.mean.device):
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
    device, other = model.mean.device, stage.get("other_role", config["other_role"])
    if stage["own_samples"]:
        # Every further pass follows on its own frames for one frame longer.
        for _ in range(1 + int(torch.randint(stage["own_passes"], (), generator=generator))):
            past = with_own_past(model, batch, stage["own_samples"], generator)
            batch = replace(batch, before=past[0], codes_before=past[1])
    before, codes_before = batch.before, batch.codes_before
    if stage.get("stuck"):
        codes_before = stuck(codes_before, batch.turn, stage["stuck"], generator)
    hidden = masked(before, stage["mask"], generator)
    before = before + context_noise(before, stage["noise"], generator)
    before = before.masked_fill(hidden[..., None], 0)
    with mixed(device):
        speaker, listener = model.encode(before, batch.token)
        logits = model.predict(model.join(speaker, listener), codes_before)
    loss, parts = code_loss(logits, batch.codes, batch.turn, other)
    if stage["contrast"]:
        value = contrast(speaker, listener, stage["contrast_temperature"])
        loss = loss + stage["contrast"] * value
        parts["contrast"] = value.item()
    if stage.get("reconstruction"):
        # The VQ decoders keep what true codes mean and make smooth motion of draws; the draws learn nothing from it.
        drawn = draws(logits.detach(), model.config.temperature, model.config.top_k)
        with mixed(device):
            both = decoded(model, torch.cat([batch.codes, drawn]))
        for role in ROLES:
            weight = role_weights(batch.turn, role, other)[..., 8:]
            wanted, channels = batch.motion[:, :, 8:], channel_weights(config, role, device)
            true, free = both[role][:, :, 8:].chunk(2)
            value, rough = motion_loss(true, wanted, weight, channels, stage), roughness(free, wanted, weight, channels)
            loss = loss + stage["reconstruction"] * value + stage["rough"] * rough
            parts |= {f"{role}_motion": value.item(), f"{role}_rough": rough.item()}
    return loss, parts
