"""A process that forks children which work, so that a test can kill hundreds of them without paying for imports.

Read from stdin: `KIND ARGUMENTS...`, answered by the child's process id; then `wait`, answered by its exit status.
"""

import os
import shlex
import sys
import tempfile
import threading
import warnings


def sweep_job(out, points, workers):
    import idealscore

    import sweep_functions

    idealscore.sweep(
        sweep_functions.slow, {"a": range(int(points))}, out, fixed={"seconds": 0.002}, workers=int(workers)
    )


def train_job(out, steps):
    import torch

    from idealscore.learned.networks import MLPDenoiser
    from idealscore.learned.training import TrainConfig, train

    data = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    config = TrainConfig(steps=int(steps), batch=8, warmup=2, log_every=2, checkpoint_every=2, snapshots=3)
    train(MLPDenoiser((3,), width=8, depth=1, dropout=0.2), data, config, out, show=False)


def command_job(folder, *words):
    """The exit code of a command in a folder; what it says goes into the file `said`."""
    from idealscore.cli import main as command

    os.chdir(folder)
    sys.argv = ["idealscore", *words]
    kept = sys.stdout, sys.stderr
    with open("said", "w") as said:
        sys.stdout = sys.stderr = said
        try:
            return command(list(words))
        finally:
            sys.stdout, sys.stderr = kept


FIRST = (
    "train digits --network mlp --width 8 --steps 2 --out run",
    "sample run --n 1 --steps 2 --out samples",
    "check run --data digits --sigmas 1 --samples 100 --out check.nc",
    "compare digits --levels 2 --n-images 4 --n-noise 1 --steps 1 --theories gaussian --out compare",
)
"""What loads nearly all that the commands load."""


def import_commands():
    """What a child would import."""
    import matplotlib

    matplotlib.use("agg")
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        for words in FIRST:
            assert command_job(folder, *words.split()) == 0
        os.chdir(here)


def main():
    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["commands"]:
        import_commands()
    with tempfile.TemporaryDirectory() as folder:  # what a child would import is imported here
        sweep_job(f"{folder}/sweep", 1, 0)
        train_job(f"{folder}/run", 2)
    print("ready", flush=True)
    for line in sys.stdin:
        kind, *arguments = shlex.split(line)
        child = os.fork()
        if child == 0:
            tqdm.set_lock(threading.RLock())  # the other one is shared: who is killed while holding it stops all
            code = {"sweep": sweep_job, "train": train_job, "command": command_job}[kind](*arguments)
            os._exit(code or 0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
