"""Networks of one configuration as one denoiser: weights stacked along a first axis, replicas never mixing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.typed import typed
from ..._support.types import ArrayLike, Points, Record, Sigma
from ...errors import ArgumentError, ShapeError
from .base import NetworkDenoiser, place_text, size_text
from .preconditioning import Preconditioning


class _Unchecked(nn.Module):
    def __init__(self, network: NetworkDenoiser) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arguments: Any) -> torch.Tensor:
        return self.network.denoise(*arguments)


@typed
class EnsembleDenoiser(nn.Module, Boxed):
    """Networks of one configuration as one: `(replicas, batch, *shape)` to the same shape.

    Inputs without the axis of replicas, `(batch, *shape)`, go to all of them; `sigma` is a number, `(batch,)` or
    `(replicas, batch)`.

    Parameters
    ----------
    networks : sequence of NetworkDenoiser
        At least one, all of one configuration; their weights are copied.

    Attributes
    ----------
    template : NetworkDenoiser
        The configuration, with weights stacked along a first axis.
    replicas : int
        How many networks.
    metadata : dict
        What stood next to the weights in the file that the ensemble was loaded from; else empty.

    Raises
    ------
    ArgumentError
        Where there are no networks, or their configurations differ.
    ShapeError, NoiseLevelError
        When called, on an input that does not fit.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> ensemble = EnsembleDenoiser([MLPDenoiser((2,), width=8, depth=1, seed=i) for i in range(3)])
    >>> ensemble(torch.zeros(5, 2), 1.0).shape, len(ensemble.networks())
    (torch.Size([3, 5, 2]), 3)
    """

    metadata: Record

    def __init__(self, networks: Sequence[NetworkDenoiser]) -> None:
        super().__init__()
        if not networks:
            raise ArgumentError("networks", "holds no network", "pass at least one")
        if any(network.describe() != networks[0].describe() for network in networks):
            raise ArgumentError("networks", "are not all of one configuration", "stack networks of equal options")
        self.metadata = {}
        self.template: NetworkDenoiser = copy.deepcopy(networks[0])
        self.replicas: int = len(networks)
        for name, parameter in list(self.template.named_parameters()):
            rows = torch.stack([network.get_parameter(name).detach() for network in networks])
            path, _, key = name.rpartition(".")
            setattr(self.template.get_submodule(path), key, nn.Parameter(rows, parameter.requires_grad))

    def __repr__(self) -> str:
        alone, total = self.template, size_text(self.template.n_parameters)
        kind = f"{self.replicas} x {type(alone).__name__}"
        return f"EnsembleDenoiser({kind}, {alone.summary()}, {total} in all, {place_text(self)})"

    @property
    def preconditioning(self) -> Preconditioning:
        """How the raw networks become denoisers."""
        return self.template.preconditioning

    def describe(self) -> Record:
        """The configuration as plain data, from which `networks.build` makes the ensemble again.

        Returns
        -------
        dict
            That of the networks, and the number of replicas.
        """
        return {**self.template.describe(), "replicas": self.replicas}

    def seed_dropout(self, generator: None) -> None:
        """Switch dropout off: replicas have no masks of their own.

        Parameters
        ----------
        generator : None
            As that of a single network; here always None.
        """
        self.template.seed_dropout(generator)

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """`forward` without checks, for compiled use and training.

        Parameters
        ----------
        x : torch.Tensor
            `(replicas, batch, *shape)`.
        sigma : torch.Tensor
            `(replicas, batch)`.
        condition : torch.Tensor, optional
            `(replicas, batch)` or `(replicas, batch, k)`.

        Returns
        -------
        torch.Tensor
            E[x0 | x] of each replica, like `x`.
        """
        lone = _Unchecked(self.template)
        stacked: dict[str, torch.Tensor] = {
            f"network.{name}": parameter for name, parameter in self.template.named_parameters()
        }
        given = (x, sigma) if condition is None else (x, sigma, condition)

        def one(parameters: dict[str, torch.Tensor], *arguments: torch.Tensor) -> torch.Tensor:
            return functional_call(lone, parameters, arguments)

        return torch.vmap(one)(stacked, *given)

    def forward(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> Points:
        """E[x0 | x] of each replica, what a call of the ensemble gives.

        Parameters
        ----------
        x : torch.Tensor
            `(replicas, batch, *shape)`, or `(batch, *shape)` for all replicas.
        sigma : float or torch.Tensor
            Noise level, a number, `(batch,)` or `(replicas, batch)`.
        condition : array_like, optional
            A label or a vector, one for all or one for each of the batch; the same for all replicas.

        Returns
        -------
        torch.Tensor
            `(replicas, batch, *shape)`.
        """
        shape = self.template.shape
        if x.ndim == len(shape) + 1:
            x = x.expand(self.replicas, *x.shape)
        if tuple(x.shape[:1]) != (self.replicas,) or tuple(x.shape[2:]) != shape:
            raise ShapeError("x", f"has shape {tuple(x.shape)}", f"pass ({self.replicas}, batch, *{shape})")
        levels = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        if levels.ndim > 2 or any(a not in (1, b) for a, b in zip(levels.shape[::-1], x.shape[1::-1], strict=False)):
            raise ShapeError("sigma", f"has shape {tuple(levels.shape)}", f"pass one level, or {tuple(x.shape[:2])}")
        levels = levels.expand(x.shape[:2])
        check.sigmas("sigma", levels.reshape(-1), x.reshape(-1, *shape))
        if condition is not None:
            if not self.template.config.conditional:
                raise ArgumentError("condition", "is given to unconditional networks", "leave it out")
            condition = torch.stack([self.template.condition.check(condition, x.shape[1])] * self.replicas)
        return self.denoise(x, levels, condition)

    def networks(self) -> list[NetworkDenoiser]:
        """The replicas as networks of their own.

        Returns
        -------
        list of NetworkDenoiser
            Copies, one for each replica.
        """
        return [self.network(i) for i in range(self.replicas)]

    @torch.no_grad()
    def network(self, i: int) -> NetworkDenoiser:
        """One replica as a network of its own.

        Parameters
        ----------
        i : int
            Which one, from 0.

        Returns
        -------
        NetworkDenoiser
            A copy.
        """
        alone = copy.deepcopy(self.template)
        for name, rows in list(self.template.named_parameters()):
            path, _, key = name.rpartition(".")
            setattr(alone.get_submodule(path), key, nn.Parameter(rows[i].detach().clone(), rows.requires_grad))
        return alone
