"""A sweep on a SLURM cluster: percolation near the threshold, many sizes and seeds.

    python examples/sweep_slurm.py /shared/percolation --queue short --jobs 20
    python examples/sweep_slurm.py percolation --local 2       # the same on this machine

Run it on the login node, or in a small separate job; it needs `pip install 'idealscore[cluster]'`. The folder must be
on a file system that the nodes share. When it is stopped, or a job is, the same command goes on from there.
"""

import argparse

from dask_jobqueue.slurm import SLURMCluster
from distributed import Client, LocalCluster

import idealscore
from idealscore.cli._sweep_points import percolate

GRID = {"size": [16, 32, 64], "p": [0.57, 0.58, 0.59, 0.60, 0.61]}


def open_cluster(options):
    if options.local:
        return LocalCluster(n_workers=options.local, threads_per_worker=1, dashboard_address=None)  # pyright: ignore[reportArgumentType]  # None: no dashboard
    cluster = SLURMCluster(
        queue=options.queue,
        cores=1,
        processes=1,
        memory=options.memory,
        walltime=options.walltime,
        # a worker that its job is about to end hands back what it was given, so that no point waits for a dead one
        worker_extra_args=["--lifetime", options.lifetime, "--lifetime-stagger", "2m"],
    )
    cluster.scale(jobs=options.jobs)
    return cluster


def main():
    parser = argparse.ArgumentParser(description="A sweep on a SLURM cluster")
    parser.add_argument("out")
    parser.add_argument("--queue")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--walltime", default="01:00:00")
    parser.add_argument("--lifetime", default="55m")
    parser.add_argument("--local", type=int, default=0, help="that many processes here instead")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    with open_cluster(options) as cluster, Client(cluster) as client:
        client.wait_for_workers(1)
        result = idealscore.sweep(
            percolate, GRID, options.out, seeds=options.seeds, fixed={"runs": options.runs}, cluster=client
        )
    print(result.wrapping_both.mean("seed").to_pandas())


if __name__ == "__main__":
    main()
