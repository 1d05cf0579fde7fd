"""What all closed-form denoisers share: the shape of an event, dtype and device, `to`, one line of print, a reference.

A closed-form denoiser is a `ClosedForm`; one that keeps its tensors as buffers of an `nn.Module` is a
`ClosedFormModule`. Both are abstract, every denoiser derived from them is final.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, Self, TypeVar, final

import torch
from torch import nn

from .._support.display import boxes
from .._support.types import Points, Sigma
from ._opaque import ALIVE

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class ClosedForm(ABC):
    """A denoiser `D(x, sigma) = E[x0 | x]` given by a formula, with `log_density`, `sample`, `fit` where they exist.

    Parameters
    ----------
    *args, **kwargs : object
        None: only the denoisers derived from it are constructed.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> GaussianDenoiser(torch.zeros(2), torch.eye(2))
    GaussianDenoiser(rank=2, event=(2,), float32, cpu)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        ALIVE[id(made)] = made
        return made

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype | None:
        """The dtype of what it holds; None where it computes in that of x."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of what it holds."""

    @abstractmethod
    def __call__(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean E[x0 | x], like `x`, computed the fast and safe way."""

    @abstractmethod
    def reference(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean by its formula, written literally in float64: what tests compare with.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, *event), float64
            E[x0 | x].
        """

    @abstractmethod
    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same denoiser on another device or in another dtype; this one stays as it is.

        Parameters
        ----------
        *args, **kwargs
            A device, a dtype or both, as for `torch.Tensor.to`.

        Returns
        -------
        ClosedForm
            A new object of the same class.
        """

    @abstractmethod
    def _facts(self) -> dict[str, object]:
        """What the printed line says before event, dtype and device."""

    def __repr__(self) -> str:
        facts = [f"{name}={value}" for name, value in {**self._facts(), "event": self.event_shape}.items()]
        dtype = [] if self.dtype is None else [str(self.dtype).removeprefix("torch.")]
        return f"{type(self).__name__}({', '.join([*facts, *dtype, str(self.device)])})"

    def _repr_html_(self) -> str:
        return boxes.from_line(repr(self))


class ClosedFormModule(nn.Module, ClosedForm):
    """A closed form that holds its tensors as buffers; as a part of another module it moves and is saved with it.

    Parameters
    ----------
    *args, **kwargs
        None: only the denoisers derived from it are constructed.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> network = nn.Sequential(GaussianDenoiser(torch.zeros(2), torch.eye(2)))
    >>> network.double()[0]
    GaussianDenoiser(rank=2, event=(2,), float64, cpu)
    """

    @final
    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same denoiser on another device or in another dtype; this one stays as it is.

        Parameters
        ----------
        *args, **kwargs
            A device, a dtype or both, as for `torch.Tensor.to`.

        Returns
        -------
        ClosedForm
            A new object of the same class, which shares the tensors that did not change.
        """
        twin = _shallow(self)
        nn.Module.to(twin, *args, **kwargs)
        return twin

    @final
    def __repr__(self) -> str:
        return ClosedForm.__repr__(self)


class AroundMean(ClosedFormModule):
    """A closed form of one Gaussian: its shape, dtype and device are those of the mean that it holds.

    Parameters
    ----------
    *args, **kwargs : object
        None: only the denoisers derived from it are constructed.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> GaussianDenoiser(torch.zeros(2), torch.eye(2)).event_shape
    (2,)
    """

    mean: torch.Tensor

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one sample, that of the mean."""
        return tuple(self.mean.shape)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which it computes."""
        return self.mean.dtype

    @property
    def device(self) -> torch.device:
        """The device on which it computes."""
        return self.mean.device


def _shallow(module: ModuleT) -> ModuleT:
    """A copy of `module` and its parts that shares their tensors: moving the copy leaves `module` alone."""
    twin = copy.copy(module)
    twin._buffers = dict(module._buffers)  # noqa: SLF001
    twin._modules = {name: part if part is None else _shallow(part) for name, part in module._modules.items()}  # noqa: SLF001
    return twin
