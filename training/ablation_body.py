"""Is the hierarchy of two body networks worth it? Small networks of one size and one compute, several seeds of each.

    python ablation_body.py                       # writes results/body-ablation.json
    python ablation_body.py --steps 20 --seeds 1  # a try

`hierarchical` is the product's design: the lower body first, the upper after it. `one network` makes both at once, as
wide as it takes for the same number of parameters, in as many steps. `no diffusion` is the hierarchy as a regression:
it predicts a block from its conditions alone, in one pass, and trains on as many predictions of the same cost. All are
trained alike on simulated talk, run freely on held-out simulated talk, and measured as they come, without
post-processing.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from body import LOWER, UPPER, Body, BodyConfig
from body_loss import body_loss, emphasis
from body_skeleton import integrate
from body_stream import BlockConditions, BlockStream, placements
from body_windows import Windows, blurred, both_statistics, load_part, newest
from corpus_conversation import folder
from evaluation import figures
from evaluation.body import Take, action_of, corpus_take, distribution
from evaluation.talk import Scene, read_scene
from learning import Average, learning_rate
from train_body import passes

KINDS = ("hierarchical", "one network", "no diffusion")
WIDTH, LAYERS = 64, 2
BOTH = replace(UPPER, lower=0, stage=0x100, features=[*UPPER.features, *LOWER.features])
"""Both bodies in one network, which hears as late as the upper one does."""
TRAINING = {
    "blocks": 24, "batch": 4, "copies": 2, "warmup": 30, "learning_rate": 0.002, "final_learning_rate": 0.0001,
    "weight_decay": 0.02, "average": 0.98, "runtime_steps_share": 0.95, "openings": 0.12, "null_share": 0.1,
    "token_noise": 0.04, "context_noise": 0.1, "lower_noise": 0.2, "stray": 0.4, "own_after": 100, "own_share": 0.3,
}  # fmt: skip
LOSS = {"x0": 1.0, "speed": 1.0, "acceleration": 0.5}
SHOWN = ("FD_g", "FD_k", "Div_g", "Div_k", "jerk_m_s3", "hands_speaking_over_silent", "foot_slide_cm_s")


class Regression(Body):
    """A body network that sees neither noise nor step."""

    def forward(self, clean: Tensor, noised: Tensor, cond: Tensor, relationship: Tensor, steps: Tensor, lower=None):
        """Predictions as of `Body`, the same for every copy."""
        last = torch.full_like(steps, self.config.schedule["T"] - 1)
        return super().forward(clean, torch.zeros_like(noised), cond, relationship, last, lower)


class RegressionStream(BlockStream):
    """A stream of such a network: one pass a block."""

    @torch.no_grad()
    def frames(self, conditions: BlockConditions, lower: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Frames [2, 8, F] and tokens [8, 2 F] of the next block."""
        model, cond = self.model, self.branches(conditions)
        prefix = self.prefix(conditions, model.config.schedule["T"] - 1)
        nothing, given = model.rest_block(), self.given(lower)
        x0 = model.clamp(model.block(nothing, cond, prefix, self.rings, self.bias(), given)[0][0])
        self.remember(x0, conditions, cond, lower)
        frames = model.bounded(model.frames(x0, self.last))
        self.last = torch.stack([frames[:, -1], frames[:, -1] - frames[:, -2]], 1)
        return frames, x0


class DiffusionStream(BlockStream):
    """The product's stream."""

    def frames(self, conditions: BlockConditions, lower: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Frames [2, 8, F] and tokens [8, 2 F] of the next block."""
        made = self.block(conditions, lower)
        return made.frames, made.x0[-1]


@dataclass
class Networks:
    """The networks of a kind in the order in which they run."""

    kind: str
    parts: list[Body]

    def parameters(self) -> int:
        """Trained numbers of all of them."""
        return sum(p.numel() for part in self.parts for p in part.parameters())


def sized(config: BodyConfig, width: int) -> BodyConfig:
    """A configuration made small."""
    return replace(config, d=width, ff=4 * width, layers=LAYERS)


def fresh(kind: str, stats: dict[str, dict[str, Tensor]]) -> Networks:
    """Untrained networks with the corpus's statistics."""
    if kind == "one network":
        wanted = fresh("hierarchical", stats).parameters()
        counts = {w: sum(p.numel() for p in Body(sized(BOTH, w)).parameters()) for w in range(WIDTH, 3 * WIDTH, 4)}
        parts = [Body(sized(BOTH, min(counts, key=lambda w: abs(counts[w] - wanted))))]
    else:
        parts = [(Regression if kind == "no diffusion" else Body)(sized(c, WIDTH)) for c in (LOWER, UPPER)]
    for model in parts:
        name = "lower" if model.config.features == LOWER.features else "upper"
        for key, value in stats[name].items():
            if kind == "one network" and key in ("low", "high", "frame_low", "frame_high", "basis", "coast"):
                value = torch.cat([value, stats["lower"][key]])
            getattr(model, key).copy_(value)
        torch.nn.init.zeros_(model.out.weight)
        torch.nn.init.zeros_(model.out.bias)
    return Networks(kind, parts)


def train(networks: Networks, data: dict, stats: dict, steps: int, seed: int) -> None:
    """Train the networks of a kind, each for as many steps."""
    for index, model in enumerate(networks.parts):
        torch.manual_seed(seed)
        part = "lower" if model.config.features == LOWER.features else "upper"
        one, regression = networks.kind == "one network", networks.kind == "no diffusion"
        config = TRAINING | {"steps": steps} | ({"copies": 1, "steps": steps * 3 // 2} if regression else {})
        windows = Windows(data, stats, part, config["blocks"], seed, config["openings"])
        optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=config["weight_decay"])
        average, generator = Average(model, config["average"]), torch.Generator().manual_seed(seed + index)
        for step in range(config["steps"]):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(config, step)
            batch = windows.batch(config["batch"])
            blurred(batch, config, generator)
            if one:
                batch["frames"] = torch.cat([batch["frames"], batch["lower"]], -1)
            own = step > config["own_after"] and float(torch.rand((), generator=generator)) < config["own_share"]
            x0, times, given = passes(
                model, batch, networks.parts[0], config, generator, own, config["runtime_steps_share"]
            )
            width = len(model.config.features)
            true = torch.cat([batch["before"][..., :1, :width], batch["frames"]], -2)
            share = torch.ones(times.shape) if regression else emphasis(model, times)
            scale = torch.ones(())[None].expand(given.frames.shape)
            loss, _ = body_loss(model, x0, given.frames, given.before[..., :width], scale, LOSS, share, true)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            average.update(model, step)
        model.load_state_dict(average.state)
        model.eval()


def free_run(networks: Networks, scene: Scene, token: np.ndarray, emotion: np.ndarray, seed: int) -> Take:
    """What the networks make of a talk [2, n] with speech tokens [2, n, 256], every block after their own before."""
    stream = RegressionStream if networks.kind == "no diffusion" else DiffusionStream
    streams = [stream(model, seed) for model in networks.parts]
    arrays, root = scene.bodies, scene.bodies["root"][:, 0].astype(float)
    made: dict[str, list] = {name: [] for name in ("lower", "upper", "root")}
    for b in range(0, scene.frames // 8):
        k, below = 8 * b, streams[0].last
        ids = [torch.from_numpy(x[:, k].astype(np.int64)) for x in (arrays["action"], emotion)]
        place, blocks = torch.from_numpy(placements(root)), []
        for model, one in zip(networks.parts, streams, strict=True):
            heard = max(k - model.config.lead, 0)
            tokens = torch.from_numpy(newest(token, heard - 15, heard + 1))
            head = None
            if model.config.head:
                rows = np.maximum(heard + np.arange(-3, 1), 0)
                head = torch.from_numpy(arrays["head"][:, rows].reshape(2, 12).astype(np.float32))
            lower = blocks[0][1] if model.config.lower else None
            under = below.flatten(1) if model.config.lower else None
            told = BlockConditions(tokens, *ids, place, torch.tensor([scene.relationship]), None, head, under)
            if b == 0:
                rest = networks.parts[0].rest_block()[0] if model.config.lower else None
                one.open(told, rest)
                blocks.append((model.rest_frame()[: len(model.config.features)].expand(2, 8, -1), rest))
            else:
                blocks.append(one.frames(told, lower))
        frames = blocks[0][0] if len(blocks) == 1 else torch.cat([blocks[1][0], blocks[0][0]], -1)
        upper, lower = frames.numpy()[..., :47], frames.numpy()[..., 47:]
        track = np.stack([integrate(lower[p].astype(float), root[p]) for p in (0, 1)])
        root = track[:, -1]
        for name, value in (("lower", lower), ("upper", upper), ("root", track)):
            made[name].append(value)
    bodies = {name: np.concatenate(values, 1) for name, values in made.items()}
    bodies |= {name: arrays[name][:, : bodies["root"].shape[1]] for name in ("head", "action")}
    return replace(corpus_take(replace(scene, bodies=bodies)), scene=scene)


def held_out(tokens: str, count: int) -> tuple[list[tuple[Scene, np.ndarray, np.ndarray]], list[Take]]:
    """Talks to run with their tokens and emotions, and bodies to compare with; both sitting or standing throughout."""
    found = []
    for part in ("test", "val"):
        for path in sorted(folder().glob(f"{part}-????.npz")):
            token = folder() / tokens / f"{path.stem}.npy"
            if token.exists() and (folder() / "body" / path.name).exists():
                scene = read_scene(path)
                if action_of(scene) in ("stand", "sit"):
                    found.append((scene, np.load(token).astype(np.float32), scene.emotion))
    chosen = found[:: max(len(found) // count, 1)][:count]
    names = {scene.name for scene, _, _ in chosen}
    return chosen, [corpus_take(scene) for scene, _, _ in found if scene.name not in names]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--tokens", default="tokens")
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "results/body-ablation.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_part("train", options.tokens)
    stats = both_statistics(data)
    talks, reference = held_out(options.tokens, options.scenes)
    result: dict = {
        "command": f"python ablation_body.py --steps {options.steps} --seeds {options.seeds} --scenes {options.scenes} "
        f"--tokens {options.tokens}",
        "data": "simulated talk",
        "seeds": options.seeds,
        "training_streams": len(data["token"]),
        "held_out_scenes": len(talks),
        "reference_scenes": len(reference),
        "size": f"d {WIDTH}, {LAYERS} layers, {options.steps} steps of {TRAINING['batch']} windows of 6.4 s",
        "networks": {},
    }
    truth = [corpus_take(scene) for scene, _, _ in talks]
    corpus = distribution(truth, reference) | figures.kinematics(truth)
    result["corpus"] = {name: corpus[name] for name in SHOWN}
    for seed in range(1, options.seeds + 1):
        for kind in options.kinds:
            torch.manual_seed(seed)
            began = time.process_time()
            networks = fresh(kind, stats)
            train(networks, data, stats, options.steps, seed)
            spent = time.process_time() - began
            takes = [free_run(networks, *talk, seed) for talk in talks]
            figure = distribution(takes, reference) | figures.kinematics(takes)
            one = {name: figure[name] for name in SHOWN}
            row = result["networks"].setdefault(kind, {"parameters": networks.parameters(), "cpu_s": [], "runs": []})
            row["cpu_s"].append(round(spent, 1))
            row["runs"].append(one)
            print(f"{kind}, seed {seed}: {one}, {spent:.0f} s", flush=True)
            for values in result["networks"].values():
                for name, of in (("mean", np.mean), ("spread", np.std)):
                    values[name] = {key: float(of([run[key] for run in values["runs"]])) for key in SHOWN}
            options.to.parent.mkdir(parents=True, exist_ok=True)
            options.to.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
