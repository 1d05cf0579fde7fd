"""The transition of the class in the random hierarchy."""

from __future__ import annotations

from ..._support import checks as check
from ...errors import ArgumentError
from ..belief_propagation.channels import LeafChannel
from ..hierarchy.mean_field import HierarchyTheory
from ..transition import Transition


def hierarchy(
    theory: HierarchyTheory,
    channel: str | LeafChannel = "masking",
    *,
    relative_error: float = 0.007,
    size: int | None = None,
    max_sequences: int = 200,
    n_jobs: int = 1,
    seed: int = 0,
) -> Transition:
    r"""The noise on the leaves at which the class of a deep hierarchy is lost ([@Sclocchi2025]).

    The transition of `HierarchyTheory.critical_noise`: for "epsilon" in closed form, \epsilon_* = (1 - p_*) / (1 - 1/v)
    with p_* the unstable fixed point of belief propagation; for the real channels by density evolution, whose accuracy
    the arguments after `channel` set.

    Parameters
    ----------
    theory : HierarchyTheory
        Grammars of v symbols with m rules of s symbols each.
    channel : str or LeafChannel
        What the noise does to a leaf: "epsilon", "masking", "uniform" or "gaussian".
    relative_error : float
        Sequences of rules are added until the standard error falls below this share of the value.
    size : int, optional
        Messages per symbol; by default about 10^4 in all.
    max_sequences : int
        The most sequences of rules.
    n_jobs : int
        Processes; the result does not depend on it.
    seed : int
        Seed of rules and messages.

    Returns
    -------
    Transition
        In epsilon, the masked or replaced fraction, or the SNR of the Gaussian channel, whose `noise` is a noise
        level. Without a value, the reason in `note`, where the class is lost or recovered at every noise.

    Raises
    ------
    ArgumentError
        Where `theory` is not a HierarchyTheory, the channel is unknown, or density evolution is asked for an m that is
        not a whole number.
    EstimateError
        Where `max_sequences` do not suffice; it carries the estimate.

    Examples
    --------
    >>> hierarchy(HierarchyTheory(v=32, m=8, s=2), "epsilon")
    Transition(hierarchy (epsilon): 0.7312 epsilon (exact))
    >>> hierarchy(HierarchyTheory(v=32, m=17, s=2)).note
    'm = 17 lies outside (1.939, 16.5): the class is lost at every noise'
    """
    if not isinstance(theory, HierarchyTheory):
        raise ArgumentError("theory", f"is a {type(theory).__name__}", "pass a HierarchyTheory(v, m, s)")
    relative_error = check.real("relative_error", relative_error, 1e-4, 1.0)
    max_sequences, n_jobs = check.integer("max_sequences", max_sequences, 1), check.integer("n_jobs", n_jobs, 1)
    check.seed("seed", seed)
    return theory.critical_noise(
        channel, relative_error=relative_error, size=size, max_sequences=max_sequences, n_jobs=n_jobs, seed=seed
    )
