"""What the full-scale runs of each paper cost: operations counted on the networks, hours at a rate measured here.

`python benchmarks/full_scale.py --device cpu` (or cuda) counts the operations of one image through each network,
forward and backward, multiplies by the steps, batches and networks of the plan, measures on this device how fast each
network is trained, and prints a table in Markdown. `--count` leaves the measurement out. What networks are asked
without training, by samplers above all, counts a third. On a CPU it is the time of the processor that counts, so that
hours are hours of a core, whatever else runs there; `--batch` then takes fewer images at once than the plan.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from idealscore.compare.bumps import plan as bump_plan
from idealscore.compare.concepts import concept_plan
from idealscore.compare.regimes import RegimePlan
from idealscore.learned.data import ImageData
from idealscore.learned.networks import NETWORKS, NetworkDenoiser
from idealscore.learned.training import TrainConfig
from idealscore.learned.training._estimate import _pass_of
from idealscore.learned.training.batches import Batches
from idealscore.learned.training.loop import Loop
from idealscore.paper_figs.composition.frequency import PLAN as FREQUENCY
from idealscore.paper_figs.composition.frequency import RARE
from idealscore.paper_figs.hierarchy.images import PLAN as IMAGES
from idealscore.paper_figs.networks._regime_runs import FULL as REGIMES

TIMED_STEPS = 3


@dataclass
class Work:
    """One kind of network of a paper: how often it is trained on an image, and asked for one without training."""

    paper: str
    what: str
    network: Callable[[], NetworkDenoiser]
    trained: float
    asked: float
    batch: int
    precision: str = "float32"


def unet(shape: tuple[int, ...], **options: object) -> Callable[[], NetworkDenoiser]:
    """A U-Net by its options."""
    return lambda: NETWORKS["unet"](shape, seed=0, **options)  # type: ignore[arg-type]


def works() -> Iterator[Work]:
    """The trainings that make up nearly all of the cost."""
    images = IMAGES["full"]
    recipe = images["train"]
    trips = 2 * images["images"] * images["n_steps"] * 12
    yield Work(
        "Sclocchi et al.", "CIFAR-10, layers (`hierarchy_images`)", unet((3, 32, 32), **images["network"]),
        recipe["steps"] * recipe["batch"], trips, recipe["batch"], recipe["precision"],
    )  # fmt: skip
    plan = RegimePlan(**REGIMES)
    networks = 3 * len(plan.sizes) * plan.repeats
    measured = len(plan.measured_steps) * networks
    asked = plan.n_samples * 2 * len(plan.sampling_sigmas) + 2 * plan.n_images * plan.levels + 3 * plan.n_pairs
    for width in plan.widths:
        yield Work(
            "Li et al. and Zhang et al.", f"CIFAR-10, regime map, width {width}",
            unet((3, 32, 32), width=width), networks * plan.steps * plan.batch, measured * asked, plan.batch,
        )  # fmt: skip
    concepts = concept_plan("full")
    classes = len(concepts.world.graph)
    options = {name: value for name, value in concepts.options.items() if name != "head"}
    rare, every = len(RARE) * len(FREQUENCY["full"]["kept"]), FREQUENCY["full"]["every"]
    runs = {
        "`composition_order`, `_laws`": (concepts.seeds, concepts.train.every),
        "`composition_adversarial`": (concepts.seeds, concepts.train.every),
        "`composition_frequency`": (3 * rare, every),
    }
    for what, (number, steps) in runs.items():
        drawn = classes * concepts.n_samples * (2 * concepts.levels - 1) * concepts.train.steps / steps
        yield Work(
            "Okawa et al.", what, unet((3, 28, 28), **options),
            number * concepts.train.steps * concepts.train.batch, number * drawn, concepts.train.batch,
        )  # fmt: skip
    bumps = bump_plan("full")
    efficiency = len(bumps.sizes) * sum(map(len, bumps.counts))
    for what, number in {
        "`bumps_data_efficiency`": efficiency,
        "`bumps_percolation`": len(bumps.widths) * len(bumps.shares),
        "`bumps_held_out`, `_representation`, `_tangents`": 6,
    }.items():
        trained = number * bumps.seeds * bumps.recipe.train.steps * bumps.recipe.train.batch
        yield Work(
            "Liang et al.", what, unet((1, 32, 32), **bumps.recipe.options), trained,
            number * bumps.seeds * 1024 * 2 * bumps.recipe.levels, bumps.recipe.train.batch,
        )  # fmt: skip


def operations(network: NetworkDenoiser) -> int:
    """Of one image, forward and backward."""
    data = ImageData(torch.rand(2, *network.shape))
    return _pass_of(network, data, TrainConfig(steps=1, batch=1, warmup=0))[1]


def images_per_second(work: Work, network: NetworkDenoiser, device: str, batch: int) -> float:
    """How fast the network is trained on the device."""
    network = network.to(device)
    config = TrainConfig(steps=TIMED_STEPS + 1, batch=batch, warmup=0)
    config = replace(config, precision=work.precision) if device != "cpu" else config
    data = ImageData(torch.rand(batch, *network.shape))
    loop = Loop(network, [Batches(network, data, config, None, torch.device(device))], config, {}, None)
    clock = time.process_time if device == "cpu" else time.perf_counter

    def step() -> None:
        loop._step()
        loop.pending[-1].cpu()  # waits for the device

    step()  # the first may be slower
    begun = clock()
    for _ in range(TIMED_STEPS):
        step()
    return batch * TIMED_STEPS / (clock() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", action="store_true", help="count only")
    parser.add_argument("--batch", type=int, default=0, help="images at once (default: those of the plan)")
    chosen = parser.parse_args()
    print("| paper | runs | parameters | GFLOP an image | images trained | images asked | PFLOP | images/s | hours |")
    print("|---|---|---|---|---|---|---|---|---|")
    rates: dict[tuple[int, int], tuple[int, float]] = {}
    for work in works():
        network = work.network()
        key = network.n_parameters, work.batch
        if key not in rates:
            batch = chosen.batch or work.batch
            speed = float("nan") if chosen.count else images_per_second(work, work.network(), chosen.device, batch)
            rates[key] = operations(network), speed
        flops, speed = rates[key]
        equal = work.trained + work.asked / 3  # a forward pass is a third of forward and backward
        hours = equal / speed / 3600
        size, cost = f"{network.n_parameters / 1e6:.2f} M", f"{flops / 1e9:.2f}"
        images = f"{work.trained:.2e} | {work.asked:.2e}"
        total = f"{flops * equal / 1e15:.1f} | {speed:.3g} | {hours:.3g}"
        print(f"| {work.paper} | {work.what} | {size} | {cost} | {images} | {total} |", flush=True)


if __name__ == "__main__":
    main()
