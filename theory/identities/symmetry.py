"""Symmetries that a prior may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..._support import checks as check


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the prior: it maps events to events and, where it scales, the noise level with them.

    Parameters
    ----------
    name : str
        What it is called.
    action : callable
        Maps events `(batch, *event)` to events.
    noise_factor : float
        sigma becomes `noise_factor` times sigma.

    Raises
    ------
    ArgumentError
        For a name that is no string, an action that cannot be called, or a factor that is no finite number.

    Examples
    --------
    >>> flip = Symmetry.reflection(axis=1)
    >>> flip.action(torch.tensor([[1.0, 2.0]]))
    tensor([[2., 1.]])
    """

    name: str
    action: Callable[[torch.Tensor], torch.Tensor]
    noise_factor: float = 1.0

    def __post_init__(self) -> None:
        check.instance("name", self.name, str)
        check.function("action", self.action, "action(x)")
        check.real("noise_factor", self.noise_factor)

    @classmethod
    def permutation(cls, order: Sequence[int], axis: int = 1) -> Symmetry:
        """Reorders the entries along an axis.

        Parameters
        ----------
        order : sequence of int
            The new order of the entries.
        axis : int
            The axis; the batch is axis 0.

        Returns
        -------
        Symmetry
            The symmetry, to be passed in `symmetries`.
        """
        index = torch.as_tensor(list(order))
        return cls("permutation", lambda x: x.index_select(axis, index.to(x.device)))

    @classmethod
    def translation(cls, shifts: Sequence[int], axes: Sequence[int]) -> Symmetry:
        """A cyclic shift.

        Parameters
        ----------
        shifts : sequence of int
            By how much, one per axis.
        axes : sequence of int
            The axes; the batch is axis 0.

        Returns
        -------
        Symmetry
            The symmetry, to be passed in `symmetries`.
        """
        return cls("translation", lambda x: torch.roll(x, tuple(shifts), tuple(axes)))

    @classmethod
    def reflection(cls, axis: int) -> Symmetry:
        """Reverses an axis.

        Parameters
        ----------
        axis : int
            The axis; the batch is axis 0.

        Returns
        -------
        Symmetry
            The symmetry, to be passed in `symmetries`.
        """
        return cls("reflection", lambda x: x.flip(axis))

    @classmethod
    def rotation(cls, matrix: torch.Tensor) -> Symmetry:
        """x -> matrix x on the flattened event.

        Parameters
        ----------
        matrix : torch.Tensor
            Orthogonal `(d, d)`.

        Returns
        -------
        Symmetry
            The symmetry, to be passed in `symmetries`.
        """
        return cls("rotation", lambda x: (x.flatten(1) @ matrix.to(x).T).reshape(x.shape))

    @classmethod
    def scaling(cls, factor: float) -> Symmetry:
        """x -> factor x together with sigma -> |factor| sigma.

        Parameters
        ----------
        factor : float
            Of the events; -1 is the reflection x -> -x.

        Returns
        -------
        Symmetry
            The symmetry, to be passed in `symmetries`.
        """
        return cls("scaling", lambda x: factor * x, abs(factor))
