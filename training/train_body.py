"""Train the body networks on the conversation corpus, one at a time.

    python train_body.py lower                       # configs/body-lower.json, resumes by itself
    python train_body.py upper --set steps=200 --name try
    python train_body.py lower --warm OLD.pt         # begin with the weights of another run that fit
    python train_body.py lower --tokens-from tokens-old    # go on with the tokens of another speech encoder

Checkpoints, the log and a picture of the curves go to $DUOLOGUE_CACHE/runs/<name>. Runs on CUDA where there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from body import Body, BodyConfig
from body_loss import body_loss, emphasis, feature_weights, sizes
from body_windows import PARTS, Windows, blurred, importance, kept_statistics, load_part
from checkpoint import load_safetensors
from corpus_conversation import folder
from corpus_speech import cache_folder
from diffusion import alpha_bars, direction_of, sampling_steps, spacing_of
from learning import Run, configured, mixed, training_arguments
from train_face import noised_copies


LEFT = 0.4
"""What is left of an error of the last frame at the end of a block."""
STRAYED_SHARE = 0.6
"""Share of the sequences whose last frames are not those of the corpus."""


@dataclass
class Given:
    """What a batch is in training: frames [B, K, 2, 8, F] to be made after the last frames and the steps to them,
    before [B, K, 2, 2, last], and tokens [B, K, 8, 2 F] of both."""

    frames: Tensor
    before: Tensor
    tokens: Tensor


def condition(model: Body, batch: dict[str, Tensor], before: Tensor) -> Tensor:
    """Conditions [B, K, 2, d] of a batch; the audio windows are those of the streaming schedule."""
    voice = model.audio_down(batch["token"]).transpose(1, 2).unfold(2, model.config.audio_window, model.config.block)
    voice = voice.permute(0, 2, 1, 4, 3)
    head = batch["head"] if model.config.head else None
    where = batch["action"], batch["emotion"], batch["place"]
    return model.condition(voice, *where, model.seen(before), None, head)


def stray(model: Body, shape: torch.Size, most: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Errors of the last frames and of the steps to them, each [B, K, 2, last] physical, `shape` their shape.

    They linger from block to block as errors do that a network takes back by and by.
    """
    batch, blocks = shape[:2]
    level = most * torch.rand(batch, 1, 1, 1, generator=generator)
    level = level * (torch.rand(batch, 1, 1, 1, generator=generator) < STRAYED_SHARE)
    fresh = torch.randn(shape, generator=generator)
    error = [fresh[:, 0] / math.sqrt(1 - LEFT**2)]
    for k in range(1, blocks):
        error.append(LEFT * error[-1] + fresh[:, k])
    step = torch.randn(shape, generator=generator)
    device = model.std.device
    return (level * torch.stack(error, 1)).to(device) * model.std, (level * step).to(device) * model.step_std


def strayed(model: Body, batch: dict[str, Tensor], last: Tensor, step: Tensor) -> Given:
    """A batch whose last frames are off by `last`, and the steps by `step`, [B, K, 2, last]: the frames lead back."""
    time = torch.arange(1, model.config.block + 1, device=last.device)[:, None]
    done = time / model.config.block
    share, glide = 1 - (1 - LEFT) * done**2 * (3 - 2 * done), time * (1 - time / (model.config.block + 1)) ** 2
    own = len(model.config.features)
    frames = batch["frames"] + last[..., None, :own] * share + step[..., None, :own] * glide
    before = batch["before"] + torch.stack([last, step], -2)
    return Given(frames, before, model.tokens(frames, before[..., :own]))


def worn(clean: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """A context [B, K, 8, 2 F] with more noise on half of the sequences."""
    batch = clean.shape[0]
    level = most * torch.rand(batch, 1, 1, 1, generator=generator)
    level = level * (torch.rand(batch, 1, 1, 1, generator=generator) < 0.5)
    return clean + (level * torch.randn(clean.shape, generator=generator)).to(clean.device)


@torch.no_grad()
def drawn(
    model: Body, batch: dict[str, Tensor], given: Given, below: Tensor | None, generator: torch.Generator
) -> Tensor:
    """Blocks [B, K, 8, 2 F] as the sampler draws them, each after what is given before it."""
    config, cond = model.config, condition(model, batch, given.before)
    bars = alpha_bars(config.schedule)
    a = float(bars[config.context_step])
    shape, device = given.tokens.shape, given.tokens.device

    def noise() -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    clean, x = math.sqrt(a) * given.tokens + math.sqrt(1 - a) * noise(), noise()
    times = sampling_steps(config.schedule["T"], config.steps, spacing_of(config.schedule))
    for i, t in enumerate(times):
        steps = torch.full((shape[0], 1), t, device=device)
        x0 = model.clamp(model(clean, x[:, None], cond, batch["relationship"], steps, below)[:, 0].float())
        now, prev = float(bars[t]), float(bars[times[i + 1]]) if i + 1 < len(times) else 1.0
        eps = (x - math.sqrt(now) * x0) / math.sqrt(1 - now)
        x = math.sqrt(prev) * x0 + direction_of(config.schedule, now, prev) * eps
    return x


def passes(
    model: Body,
    batch: dict[str, Tensor],
    lower: Body,
    config: dict,
    generator: torch.Generator,
    own: bool,
    share: float,
) -> tuple[Tensor, Tensor, Given]:
    """Predictions x0 [B, N, K, 8, 2 F] for a batch, their steps and what was to be predicted; with `own` what went
    before is partly the network's own: its blocks stand in the context, and the next ones begin where they ended."""
    below = None
    if model.config.lower:
        lasts = batch["before"][..., -len(lower.config.features) :]
        below = worn(lower.tokens(batch["lower"], lasts), config["lower_noise"], generator)

    def predict(given: Given, made: Tensor | None = None, mixed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z = given.tokens
        clean, noised, steps = noised_copies(model, z.flatten(1, 2), config["copies"], generator, share)
        clean, noised = clean.unflatten(1, z.shape[1:3]), noised.unflatten(2, z.shape[1:3])
        clean = worn(clean, config["context_noise"], generator)
        if made is not None:
            clean = torch.where(mixed[..., None, None], clean + alpha.sqrt() * (made - z), clean)
        cond = condition(model, batch, given.before)
        return model(clean, noised, cond, batch["relationship"], steps, below), steps

    alpha = alpha_bars(model.config.schedule)[model.config.context_step].float()
    last, step = stray(model, batch["before"][..., 0, :].shape, config["stray"], generator)
    given = strayed(model, batch, last, step)
    if not own:
        return *predict(given), given
    features = len(model.config.features)
    with torch.no_grad():
        made = drawn(model, batch, given, below, generator)
        frames = model.bounded(model.frames(made, given.before[..., :features]))
        mixed = (torch.rand(made.shape[:2], generator=generator) < 0.6).to(made.device)
        mixed[:, 0] = False
        # One block's error; live they have piled up.
        more = 1 + torch.rand(len(made), 1, 1, 1, generator=generator).to(made.device)
        error = more[..., None] * mixed[..., None, None, None] * (frames - given.frames)[..., -2:, :]
        last[:, 1:, :, :features] += error[:, :-1, :, 1]
        step[:, 1:, :, :features] += error[:, :-1].diff(dim=-2)[..., 0, :]
        given = strayed(model, batch, last, step)
    return *predict(given, made, mixed), given


def scales(model: Body, batch: dict[str, Tensor], config: dict, still: Tensor) -> Tensor:
    """Weights [B, K, 2, 8, F] of the loss: features by name, by action (`still` [actions, F]), and those of arms and
    hands more while a person speaks, and much more while not: what they do then is little, and must not be drowned."""
    part = "upper" if model.config.lower else "lower"
    plain = feature_weights(part, config["feature_weights"]).to(batch["speech"].device)
    gesture = feature_weights(part, {"Arm": 1.0, "Hand": 1.0, "Fingers": 1.0, "": 0.0}).to(plain)
    speech = batch["speech"][..., None]
    loud = 1 + gesture * (config["speech_weight"] * speech + config["silence_weight"] * (1 - speech))
    return plain * still[batch["action"]][..., None, :] * loud


@torch.no_grad()
def validate(model: Body, lower: Body, windows: Windows, config: dict, batches: int, device: torch.device) -> dict:
    """Mean squared error of the frames per sampling step, over the corpus's change in a block, on fixed validation
    windows (teacher-forced)."""
    generator = torch.Generator().manual_seed(11)
    windows.random = np.random.default_rng(11)
    config = config | {"copies": model.config.steps, "context_noise": 0.0, "lower_noise": 0.0, "stray": 0.0}
    total = torch.zeros(model.config.steps)
    own = len(model.config.features)
    for _ in range(batches):
        batch = {name: value.to(device) for name, value in windows.batch(2).items()}
        with mixed(device):
            x0, steps, given = passes(model, batch, lower, config, generator, False, 1.0)
        error = model.frames(x0, given.before[:, None, ..., :own]) - given.frames[:, None]
        error = ((error / sizes(model)[0])[:, :, 1:] ** 2).mean((2, 3, 4, 5)).cpu()
        total += error[torch.arange(2)[:, None], steps.cpu().argsort(1, descending=True)].mean(0)
    return {f"val_{i}": float(v) for i, v in enumerate(total / batches)}


def draw(log: list[dict], path: Path) -> None:
    """Draw the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for name in ("x0", "speed", "acceleration", "foot"):
        left.semilogy([e["step"] for e in log if name in e], [e[name] for e in log if name in e], label=name)
    left.set(xlabel="step", ylabel="training loss")
    left.legend()
    scored = [e for e in log if "val_0" in e]
    for i in range(4):
        right.semilogy([e["step"] for e in scored], [e[f"val_{i}"] for e in scored], label=f"pass {i + 1}")
    right.set(xlabel="step", ylabel="validation error (share of the change)")
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def load_ema(part: str, path: Path | None = None) -> tuple[Body, dict[str, str]]:
    """The averaged model of a checkpoint and what the weight file should say about its training."""
    path = path or cache_folder() / f"runs/body-{part}/checkpoint.pt"
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = Body(BodyConfig(**saved["model_config"]))
    model.load_state_dict(saved["average"])
    return model.eval(), {"steps": str(saved["step"])}


def fresh(part: str, stats: dict[str, Tensor]) -> Body:
    """An untrained network with the corpus's statistics, silent at its output and all but deaf to words."""
    model = Body(PARTS[part])
    for name, value in stats.items():
        getattr(model, name).copy_(value)
    torch.nn.init.zeros_(model.out.weight)
    torch.nn.init.zeros_(model.out.bias)
    torch.nn.init.normal_(model.text_proj.weight, std=0.002)
    return model


def warm(model: Body, path: Path) -> list[str]:
    """Take over all averaged weights of a checkpoint, or of exported weights, that mean the same; returns their names."""
    if path.suffix == ".safetensors":
        saved = {name: torch.from_numpy(value.astype(np.float32)) for name, value in load_safetensors(path)[0].items()}
    else:
        saved = torch.load(path, map_location="cpu", weights_only=True)["average"]
    own = dict(model.named_parameters())
    names = [name for name, value in saved.items() if name in own and own[name].shape == value.shape]
    if "coast" not in saved:
        names = [name for name in names if not name.startswith(("x_proj", "out", "lower_proj"))]
    for name in names:
        own[name].data.copy_(saved[name])
    return names


def translation(part: str, new: str, old: str, streams: str | None, most: int = 60) -> tuple[Tensor, Tensor, float]:
    """Matrix [256, 256] and bias [256] that best give the tokens of `old` from those of `new` (ridge regression), and
    the share of variance that they explain."""
    home = cache_folder() / streams if streams else folder()
    names = sorted({p.name for p in (home / new).glob(f"{part}-*.npy")} & {p.name for p in (home / old).glob("*.npy")})

    def every_third(one: str) -> np.ndarray:
        tokens = [np.load(home / one / name)[:, ::3] for name in names[:most]]
        return np.concatenate([t.reshape(-1, t.shape[-1]) for t in tokens]).astype(np.float64)

    x, y = every_third(new), every_third(old)
    means = x.mean(0), y.mean(0)
    x, y = x - means[0], y - means[1]
    weight = np.linalg.solve(x.T @ x + 1e-3 * len(x) * np.eye(x.shape[1]), x.T @ y).T
    explained = 1 - ((y - x @ weight.T) ** 2).sum() / (y**2).sum()
    bias = means[1] - weight @ means[0]
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), float(explained)


def translated(state: dict[str, Tensor], weight: Tensor, bias: Tensor) -> None:
    """Change a network's weights in place: it hears through `weight` and `bias` what it heard before."""
    down = state["audio_down.weight"]
    state["audio_down.bias"] += down @ bias.to(down)
    state["audio_down.weight"] = down @ weight.to(down)


def train(part: str, config: dict, target: Path, first: Path | None = None, heard: str | None = None) -> None:
    """Run or resume the training of one network described by `config`; begin with the weights of `first`. `heard`
    names the tokens that the checkpoint knows, where they are others than the configuration's."""
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = config.get("streams")
    data = load_part("train", config["tokens"], where)
    stats = kept_statistics(data, target.parent / "body-statistics.pt")
    windows = Windows(data, stats, part, config["blocks"], config["seed"], config["openings"])
    validation = Windows(load_part("val", config["tokens"], where), stats, part, config["blocks"], 0)
    model = fresh(part, stats[part]).to(device)
    lower = fresh("lower", stats["lower"]).to(device)
    still = importance(data, model, part).to(device)
    if first:
        print(f"warm: {len(warm(model, first))} tensors", flush=True)
    run = Run(model, config, target, {"model_config": model.config.to_dict()})

    def changed(state: dict[str, Tensor]) -> None:
        if heard:
            translated(state, *known[:2])
        state.update(stats[part])

    if heard:
        known = translation("train", config["tokens"], heard, where)
        print(f"{heard} from {config['tokens']}: {known[2]:.3f} of the variance", flush=True)
    if run.resume(changed):
        windows.random = np.random.default_rng([config["seed"], run.step])
    generator, features = torch.Generator().manual_seed(config["seed"] + run.step), len(model.config.features)
    for step in run.steps():
        batch = windows.batch(config["batch"])
        blurred(batch, config, generator)
        batch = {name: value.to(device) for name, value in batch.items()}
        own = step > config["own_after"] and float(torch.rand((), generator=generator)) < config["own_share"]
        with mixed(device):
            x0, steps, given = passes(model, batch, lower, config, generator, own, config["runtime_steps_share"])
        true = torch.cat([batch["before"][..., :1, :features], batch["frames"]], -2)
        before, weight = given.before[..., :features], scales(model, batch, config, still)
        loss, parts = body_loss(
            model, x0, given.frames, before, weight, config["loss"], emphasis(model, steps), true
        )
        run.learn(loss)
        run.note(parts, lambda: validate(model, lower, validation, config, 4, device), draw)


def main() -> None:
    """Command line of the training."""
    parser = training_arguments(__doc__, None)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--warm", type=Path, help="checkpoint or exported weights that a new run begins with")
    parser.add_argument("--tokens-from", metavar="SET", help="tokens that the checkpoint was trained on")
    options = parser.parse_args()
    options.name = options.name or f"body-{options.part}"
    config, target = configured(options, f"body-{options.part}")
    train(options.part, config, target, options.warm, options.tokens_from)


if __name__ == "__main__":
    main()
