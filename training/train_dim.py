"""Train the dyadic network on the conversation corpus, in three stages (Tran et al. 2024).

    python train_dim.py                                  # configs/dim.json, resumes by itself
    python train_dim.py --name try --set stages.vq.steps=200
    python train_dim.py --set warm=WEIGHTS first=pretrain # go on with a network that has its codes

`vq`: both VQ-VAEs. `pretrain`: masked and contrastive learning of the encoders with cross-entropy of the codes.
`finetune`: the network's own draws in its past, and VQ decoders that make smooth motion of drawn codes. Checkpoints,
the log and a picture of the curves go to $DUOLOGUE_CACHE/runs/<name>. Runs on CUDA where there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from corpus_conversation import folder as conversation_folder
from corpus_speech import cache_folder
from dim import CHANNELS, LISTENER_OF, SPEAKER_OF, Dim, DimConfig
from dim_loss import ROLES, Usage, channel_weights, network_loss, role_weights, vq_loss
from dim_windows import Corpus
from learning import Average, averaged_parts, configured, learning_rate, mixed, save, training_arguments

STAGES = ("vq", "pretrain", "finetune")


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
            plain = {**stage, "mask": [0, 0], "noise": 0.0, "own_samples": 0.0, "contrast": 0.0, "stuck": 0.0, "other_role": 0.0}
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
    """The averaged model of a checkpoint, or that of exported weights, and what the weight file should say about its
    training."""
    if path and path.suffix == ".safetensors":
        from export_dim import load_dim

        return load_dim(path), {}
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


@torch.no_grad()
def lay_out_codes(model: Dim, generator: torch.Generator) -> None:
    """Starts embeddings and logits of the codes from the codebooks: what is near there is alike from the first step."""
    decoder = model.decoder_joint
    place = 0
    for vq in (model.listener_vq, model.speaker_vq):
        for table in vq.quantize.tables():
            even = ((table - table.mean(0)) / table.std()).cpu()
            rows = slice(place, place + len(table))
            for weight, size in ((decoder.token_emb.weight, 0.3), (decoder.to_logits.weight, 0.07)):
                turned = torch.randn(table.shape[1], weight.shape[1], generator=generator) / table.shape[1] ** 0.5
                weight[rows] = (size * even @ turned).to(weight.device)
            place += len(table)


@torch.no_grad()
def carry_codes(model: Dim, before: Dim, corpus: Corpus, streams: int = 80) -> None:
    """Gives each code the embedding and logits of the codes that an earlier model has for the same motion (their mean).

    The labelled corpus tells how often which codes of both stand in the same frame of a role.
    """
    streams = min(streams, len(corpus.motion))
    old, size, place = corpus.coded(before, streams), model.config.codes, 0
    decoder = model.decoder_joint
    for rows, held in ((LISTENER_OF, 1 - corpus.turn[:streams]), (SPEAKER_OF, corpus.turn[:streams])):
        for g in range(model.config.groups):
            pair = corpus.codes[:streams, list(rows), :, g].astype(int) * size + old[:, list(rows), :, g]
            counts = np.bincount(pair.ravel(), held.ravel(), size * size).reshape(size, size)
            counts += 0.01 * counts.sum(0) / max(counts.sum(), 1)
            share = torch.from_numpy(counts / counts.sum(1, keepdims=True)).float().to(model.mean.device)
            span = slice(place, place + size)
            for name in ("token_emb", "to_logits"):
                known = before.decoder_joint.get_submodule(name).weight[span]
                decoder.get_submodule(name).weight[span] = share @ known
            place += size


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
        self.corpus = Corpus("train", config["tokens"], config["seed"], config["encoder"], config["streams"])
        self.validation = Corpus("val", config["tokens"], 0, config["encoder"])
        mean, std = self.corpus.statistics()
        self.model.mean.copy_(mean)
        self.model.std.copy_(std)
        self.model.rest_motion.copy_(self.model.normalise(torch.zeros_like(self.model.mean)))
        if config["warm"]:
            # Codes, and what predicts them, keep their meaning only with the scale they were learnt in.
            self.model.load_state_dict(load_average(Path(config["warm"]))[0].state_dict())
        self.average = Average(self.model, config["average"])
        self.stage, self.step, self.log, self.optimiser_state = config["first"], 0, [], None
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
        save(self.path, saved)
        draw(self.log, self.folder / "curves.png")

    def start_codes(self) -> None:
        """Labels the corpus with the finished VQ-VAEs and finds the codes of rest."""
        for name in ("speaker_vq", "listener_vq"):
            prefix = f"{name}."
            trained = {k.removeprefix(prefix): v for k, v in self.average.state.items() if k.startswith(prefix)}
            if self.stage == "pretrain" and self.step == 0:
                self.model.get_submodule(name).load_state_dict(trained)
        anew = self.stage == "pretrain" and self.step == 0 and self.config["first"] == "vq"
        if anew and not self.config["warm"]:
            lay_out_codes(self.model, self.generators[0])
        self.model.set_rest(torch.zeros_like(self.model.mean))
        self.average.state["rest_codes"] = self.model.rest_codes.clone()
        for corpus in (self.corpus, self.validation):
            corpus.label(self.model)
        if anew and self.config["warm"]:
            carry_codes(self.model, load_average(Path(self.config["warm"]))[0].to(self.device), self.corpus)

    def role_loss(
        self, windows: tuple[Tensor, Tensor, Tensor], role: str, stage: dict, usage: Usage
    ) -> tuple[Tensor, dict[str, float]]:
        """One VQ-VAE's loss on windows of persons who have its role."""
        vq, channels = self.model.get_submodule(f"{role}_vq"), channel_weights(self.config, role, self.device)
        z, first, turn = windows
        weight = role_weights(turn, role, self.config["other_role"])
        with mixed(self.device):
            loss, parts, codes, latent = vq_loss(vq, z, first.expand(-1, 4, -1), weight, channels, stage)
        usage.add(codes)
        if self.step == 0 or (self.step % stage["revive_every"] == 0 and self.step < stage["revive_until"]):
            generator = self.generators[ROLES.index(role) % len(self.generators)]
            parts["perplexity"] = usage.revive(latent.flatten(0, 1), generator)
        return loss, {f"{role}_{k}": v for k, v in parts.items()}

    def gradients(self, stage: dict, usages: dict[str, Usage], parameters: list) -> dict[str, float]:
        """Puts the gradient of a fresh batch on the parameters; returns the parts of its loss."""
        shape = (stage["batch"], stage["frames"], stage["events"])
        if self.stage == "vq":
            windows = {role: self.corpus.role_windows(self.model, role, *shape) for role in ROLES}
            jobs = [partial(self.role_loss, windows[role], role, stage, usages[role]) for role in ROLES]
            share = 1.0
        else:
            batch = self.corpus.batch(self.model, *shape)
            pieces = zip(batch.split(len(self.generators)), self.generators, strict=True)
            jobs = [partial(network_loss, self.model, piece, self.config, stage, g) for piece, g in pieces]
            share = 1 / len(jobs)
        done = list(self.pool.map(partial(differentiated, parameters), jobs))
        for parameter, *grads in zip(parameters, *(grads for _, grads in done), strict=True):
            known = [g for g in grads if g is not None]
            parameter.grad = sum(known) * share if known else None
        return averaged_parts([parts for parts, _ in done])

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
            self.average.update(self.model, self.step + (1000 if self.stage == "finetune" else 0))
            self.step += 1
            recent.append(parts)
            last = self.step == stage["steps"] or hurried >= 1
            if self.step % 50 == 0 or last:
                entry = {"stage": self.stage, "step": self.step} | averaged_parts(recent)
                recent = []
                if self.step % self.config["evaluate_every"] == 0 or last:
                    entry |= self.evaluated()
                self.log.append(entry)
                text = " ".join(f"{k} {v:.4f}" for k, v in entry.items() if isinstance(v, float))
                print(f"{self.stage} {self.step} {text} {(time.time() - began) / 60:.1f} min", flush=True)
            if self.step % self.config["save_every"] == 0 or last:
                self.save(optimiser)

    def run(self, until: str = STAGES[-1]) -> None:
        """Every stage that is not done yet, up to one."""
        for name in STAGES[STAGES.index(self.stage) : STAGES.index(until) + 1]:
            if name != self.stage:
                self.stage, self.step, self.optimiser_state = name, 0, None
            self.run_stage()

    def fold(self, before: str) -> None:
        """Makes a model of the tokens `before` one of the tokens it is now given, by a linear map between them."""
        for state in (self.model.state_dict(), self.average.state):
            fold_tokens(state, *token_map(self.corpus, before))
        self.optimiser_state = None


def token_map(corpus: Corpus, before: str, ridge: float = 1.0) -> tuple[Tensor, Tensor]:
    """Matrix [256, 256] and offset [256] that make a corpus's tokens those of an older encoder, by ridge regression."""
    frames = np.random.default_rng(0).choice(corpus.token.shape[2], 160, replace=False)
    x, y = [], []
    for name, token in zip(corpus.names, corpus.token, strict=True):
        path = conversation_folder() / before / f"{name}.npy"
        if path.exists():
            x.append(token[:, frames].reshape(-1, token.shape[-1]).astype(np.float64))
            y.append(np.load(path)[:, frames].reshape(-1, token.shape[-1]).astype(np.float64))
    x, y = np.concatenate(x), np.concatenate(y)
    centre, middle = x.mean(0), y.mean(0)
    gram = (x - centre).T @ (x - centre) + ridge * np.eye(x.shape[1])
    matrix = np.linalg.solve(gram, (x - centre).T @ (y - middle))
    left = np.square(y - middle - (x - centre) @ matrix).mean() / np.square(y - middle).mean()
    print(f"tokens of {before} from the new ones: {left:.3f} of their variance is left", flush=True)
    return torch.from_numpy(matrix).float(), torch.from_numpy(middle - centre @ matrix).float()


@torch.no_grad()
def fold_tokens(state: dict[str, Tensor], matrix: Tensor, offset: Tensor) -> None:
    """Puts the map into the layers that take tokens in."""
    for encoder in ("encoder_s", "encoder_l"):
        weight, bias = state[f"{encoder}.project_in.weight"], state[f"{encoder}.project_in.bias"]
        own = weight[:, len(CHANNELS) :].clone()
        bias += own @ offset.to(own)
        weight[:, len(CHANNELS) :] = own @ matrix.T.to(own)


def main() -> None:
    """Command line of the training."""
    parser = training_arguments(__doc__, "dim")
    parser.add_argument("--until", default=STAGES[-1], choices=STAGES, help="the last stage to run")
    parser.add_argument("--fold", metavar="OLD", help="the checkpoint knows these tokens: map the new ones to them")
    options = parser.parse_args()
    training = Training(*configured(options, "dim"))
    if options.fold:
        training.fold(options.fold)
    training.run(options.until)


if __name__ == "__main__":
    main()
