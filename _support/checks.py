"""Checks of arguments, made before any work; each raises a typed error that names the argument.

torch is imported only when a tensor is passed, so that the light modules stay light.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import (
    ArgumentError,
    EmptyDataError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
    WeightsError,
)

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
F = TypeVar("F")
LARGEST_COUNT = 10**12
SMALLEST_SIGMA, LARGEST_SIGMA = 1e-150, 1e150


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


MANY = 2**20
"""From so many entries on it is worth a try whether their sum is finite."""


def holds(condition: torch.Tensor) -> bool:
    """Whether every entry is True, also of a tensor that a transform of torch.func carries.

    Under `torch.compile` nothing is asked: the operators ask again when they run.
    """
    import torch

    if torch.compiler.is_compiling():
        return True
    from .transforms import physical

    return bool(physical(condition).all())


def integer(argument: str, value: Any, minimum: int, maximum: int = LARGEST_COUNT) -> int:
    """`value` as an int within [minimum, maximum]; nothing that is counted comes to more than `LARGEST_COUNT`."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    upper = f" and <= {maximum}" if maximum != LARGEST_COUNT or (whole and int(value) > maximum) else ""
    if not whole or int(value) < minimum or int(value) > maximum:
        raise ArgumentError(argument, f"is {value!r}", f"pass an integer >= {minimum}{upper}")
    return int(value)


def seed(argument: str, value: Any) -> int:
    """`value` as a seed, an int from 0 to 2**63 - 1."""
    return integer(argument, value, 0, 2**63 - 1)


def real(argument: str, value: Any, minimum: float = -math.inf, maximum: float = math.inf) -> float:
    """`value` as a finite float within [minimum, maximum]."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(float(value)):
        raise ArgumentError(argument, f"is {value!r}", "pass a finite number")
    value = float(value)
    if not minimum <= value <= maximum:
        raise ArgumentError(argument, f"is {value!r}", f"pass a number in [{minimum:g}, {maximum:g}]")
    return value


def ordered(
    low_name: str, low: Any, high_name: str, high: Any, minimum: float = -math.inf, maximum: float = math.inf
) -> tuple[float, float]:
    """`low` <= `high`, both finite floats within [minimum, maximum]."""
    low, high = real(low_name, low, minimum, maximum), real(high_name, high, minimum, maximum)
    if high < low:
        raise ArgumentError(high_name, f"is {high:g}, below {low_name} = {low:g}", f"pass {low_name} <= {high_name}")
    return low, high


def number(argument: str, value: Any, minimum: float = -math.inf) -> float:
    """`value`, a number or an array or tensor of one, as a float >= minimum; infinity is a number, NaN is not."""
    array = float_array(argument, value)
    if array.ndim:
        raise ShapeError(argument, f"has shape {array.shape}", "pass one number")
    if not array >= minimum:
        above = "" if minimum == -math.inf else f" >= {minimum:g}"
        raise ArgumentError(argument, f"is {float(array)}", f"pass a number{above}")
    return float(array)


def flag(argument: str, value: Any) -> bool | None:
    """`value` if it is True, False or None, as `show` is."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise ArgumentError(argument, f"is a {type(value).__name__}", "pass True, False or None")
    return None if value is None else bool(value)


@contextmanager
def speaking_of(argument: str, *others: str) -> Iterator[None]:
    """What is wrong with a part that was made from `argument`, said of the argument; errors about `others` stay."""
    try:
        yield
    except ArgumentError as error:
        if error.argument in (argument, *others):
            raise
        raise said_of(argument, error) from None


def said_of(argument: str, error: ArgumentError) -> ArgumentError:
    """The same error about another argument."""
    kind = ArgumentError if isinstance(error, UnknownNameError) else type(error)
    return kind(argument, error.problem, error.remedy)


def instance(argument: str, value: object, kind: type[T], *others: type[T]) -> T:
    """`value` if it is of that kind, or of one of the others."""
    if not isinstance(value, (kind, *others)):
        names = " or ".join(one.__name__ for one in (kind, *others))
        raise ArgumentError(argument, f"is a {type(value).__name__}", f"pass a {names}")
    return value


def function(argument: str, value: F, call: str) -> F:
    """`value` if it can be called; `call` says how, as in "denoiser(x, sigma)"."""
    if not callable(value):
        raise ArgumentError(argument, f"is a {type(value).__name__}", f"pass a function that is called as {call}")
    return value


def items(argument: str, value: Any) -> list[Any]:
    """The items of a list, tuple, array or other iterable; a string is one thing and not a list of letters."""
    if not isinstance(value, str | bytes) and isinstance(value, Iterable):
        with suppress(TypeError):  # an array of one number has no items
            return list(value)
    raise ArgumentError(argument, f"is {value!r}", "pass a list")


def plain(value: Any) -> Any:
    """Arrays and lists as tuples of Python's numbers, as a configuration holds them; all else as it is."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value


def axis(argument: str, value: Any, ndim: int) -> int:
    """`value` as an axis of an array of `ndim` axes, counted from the front."""
    return integer(argument, value, -ndim, ndim - 1) % ndim


def choice(argument: str, value: Any, known: Iterable[str]) -> str:
    """`value` if it is one of the known names."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise UnknownNameError(argument, value, known)
    return value


def finite(argument: str, array: T) -> T:
    """`array` (NumPy or torch) if every entry is finite."""
    entries: Any = array
    if _is_tensor(array):
        _on_a_real_device(argument, entries)
        # a sum is a number only where all of its terms are, and is made in a tenth of the time
        good = (entries.numel() > MANY and holds(entries.detach().sum().isfinite())) or holds(entries.isfinite())
    else:
        entries = np.asarray(entries)
        good = np.isfinite(entries if entries.dtype.kind in "biufc" else float_array(argument, entries)).all()
    if not good:
        raise NotFiniteError(argument, "holds NaN or infinite values", "remove or replace them first")
    return array


def squarable(argument: str, array: T) -> T:
    """`array` (NumPy or torch) if its entries are finite and can be squared and summed in their own precision."""
    entries: Any = finite(argument, array)
    if _is_tensor(entries):
        import torch

        largest = float(entries.detach().abs().max()) if entries.numel() else 0.0
        limits = torch.finfo(torch.promote_types(entries.dtype, torch.float32))
    else:
        largest, limits = float(np.abs(entries).max(initial=0.0)), np.finfo(entries.dtype)
    if largest > 1e-3 * limits.max**0.5 or 0 < largest < 1e3 * limits.tiny**0.5:
        problem = f"goes up to {largest:.3g}, whose square is no number in {entries.dtype}"
        raise NotFiniteError(argument, problem, "pass it in another unit")
    return array


def points(argument: str, value: Any, minimum: int = 1) -> torch.Tensor:
    """A `dataset` that is measured: without a gradient, and its entries can be squared."""
    return squarable(argument, dataset(argument, value, minimum).detach())


def varied(argument: str, value: torch.Tensor) -> torch.Tensor:
    """`value` `(n, *event)` if its rows differ."""
    if bool((value == value[:1]).all()):
        raise EmptyDataError(argument, "holds the same datum only", "pass data that vary")
    return value


def _on_a_real_device(argument: str, tensor: torch.Tensor) -> None:
    if tensor.is_meta:
        raise ArgumentError(argument, "is on the device 'meta', where tensors hold no numbers", "pass one with data")


def representable(argument: str, result: T, remedy: str = "pass smaller or larger numbers") -> T:
    """`result` (NumPy or torch) of a computation, if numbers as large or small as `argument` left it in float64."""
    entries: Any = result
    if bool((entries != entries).any()):
        raise NotFiniteError(argument, "is so large or small that the result is no number", remedy)
    return result


def float_array(argument: str, value: Any) -> np.ndarray:
    """`value` as float64 in NumPy, NaN and infinity as they are; of a tensor whatever its type, device and gradient."""
    try:
        if _is_tensor(value):
            _on_a_real_device(argument, value)
            value = value.detach().cpu() if value.is_complex() else value.detach().cpu().double()
        array = np.asarray(value)
        words = array.dtype.kind not in "biufO"
        if words or (array.dtype.kind == "O" and any(entry is None for entry in array.flat)):
            raise TypeError(f"got {array.dtype if words else None}")
        return np.asarray(array, dtype=np.float64)
    except ArgumentError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(
            argument, f"expected an array of real numbers ({error})", "pass numbers, an array or a tensor"
        ) from None


def tensor(argument: str, value: Any) -> torch.Tensor:
    """`value` as a tensor of real numbers that are there, whatever their type."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nothing writes to it
            found = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
        if found.is_complex():
            raise TypeError("complex")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(argument, f"expected an array of real numbers ({error})", "pass a tensor") from None
    _on_a_real_device(argument, found)
    return found


def array(argument: str, value: Any) -> np.ndarray:
    """`value` as a NumPy array of real numbers in its own type, what NumPy lacks (bfloat16) as float64."""
    if not _is_tensor(value):
        try:
            found = np.asarray(value)
        except (TypeError, ValueError, RuntimeError):
            return float_array(argument, value)
        return found if found.dtype.kind in "biuf" else float_array(argument, value)
    held = tensor(argument, value).detach().cpu()
    return (held.double() if str(held.dtype) == "torch.bfloat16" else held).numpy()


def as_float_tensor(argument: str, value: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    """`value` as a finite floating-point tensor: float tensors keep their dtype, all else becomes float64."""
    given = tensor(argument, value)
    if not given.is_floating_point():
        given = given.double()
    return finite(argument, given if dtype is None else given.to(dtype))


def probabilities(argument: str, value: Any, n: int) -> torch.Tensor:
    """`value` as `(n,)` float64 probabilities, whose sum may miss one by rounding."""
    tensor = as_float_tensor(argument, value).double()
    if tuple(tensor.shape) != (n,):
        raise ShapeError(
            argument, f"has shape {tuple(tensor.shape)}", f"pass one weight per datum or component, ({n},)"
        )
    total = tensor.sum()
    if not holds(tensor >= 0) or not holds((total - 1).abs() <= 1e-5):
        raise WeightsError(
            argument,
            f"hold negative values or sum to {float(total.detach()):.6g}",
            f"pass {argument} / {argument}.sum()",
        )
    return tensor / total


def dataset(argument: str, value: Any, minimum: int = 1, dtype: torch.dtype | None = None) -> torch.Tensor:
    """`value` as a finite tensor `(n, *event)` with n >= minimum and a non-empty event."""
    tensor = as_float_tensor(argument, value, dtype)
    if tensor.ndim < 2:
        raise ShapeError(argument, f"has shape {tuple(tensor.shape)}", "pass an array (n, *event)")
    if tensor.shape[0] < minimum or tensor[:1].numel() == 0:
        raise EmptyDataError(argument, f"has shape {tuple(tensor.shape)}", f"pass at least {minimum} non-empty item(s)")
    return tensor


def batch(argument: str, x: Any, event_shape: Iterable[int]) -> torch.Tensor:
    """`x` if it is a floating-point tensor `(batch, *event_shape)`."""
    import torch

    event_shape = tuple(event_shape)
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        kind = str(x.dtype) if isinstance(x, torch.Tensor) else type(x).__name__
        raise ArgumentError(
            argument, f"expected floating-point numbers, got {kind}", "pass a floating-point torch tensor"
        )
    if tuple(x.shape[1:]) != event_shape or x.ndim == 0:
        raise ShapeError(argument, f"has shape {tuple(x.shape)}", f"pass (batch, *{event_shape})")
    return x


def same_device(argument: str, x: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
    """`x` if it lives where `data` lives."""
    if x.device != data.device:
        raise ArgumentError(argument, f"is on {x.device}, the data on {data.device}", "move one with .to(device)")
    return x


def sigmas(argument: str, sigma: Any, like: torch.Tensor) -> torch.Tensor:
    """Noise levels as a tensor `(batch,)` in the dtype and on the device of `like` (batch, ...)."""
    import torch

    try:
        if isinstance(sigma, torch.Tensor):
            _on_a_real_device(argument, sigma)
            if sigma.is_complex():
                raise TypeError("complex")
        tensor = torch.as_tensor(sigma, dtype=like.dtype, device=like.device)
    except ArgumentError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(argument, f"expected real numbers ({error})", "pass a noise level >= 0") from None
    if tensor.ndim > 1 or (tensor.ndim == 1 and tensor.shape[0] not in (1, like.shape[0])):
        raise ShapeError(argument, f"has shape {tuple(tensor.shape)}", "pass a scalar or one value per sample")
    if not holds(tensor >= 0):
        raise NoiseLevelError(argument, "is negative or NaN", "pass noise levels >= 0")
    return tensor.expand(like.shape[0])


def positive_sigma(argument: str, sigma: Any) -> float:
    """One finite noise level > 0."""
    grid = positive_sigmas(argument, sigma)
    if np.ndim(sigma) or len(grid) != 1:
        raise ShapeError(argument, f"has shape {np.shape(sigma)}", "pass one noise level")
    return float(grid[0])


def positive_sigmas(argument: str, sigma: Any) -> np.ndarray:
    """A one-dimensional float64 grid of finite noise levels > 0 that can be squared."""
    grid = np.atleast_1d(float_array(argument, sigma))
    if grid.ndim != 1 or grid.size == 0:
        raise ShapeError(argument, f"has shape {grid.shape}", "pass a list of noise levels")
    if not (np.isfinite(grid).all() and (grid > 0).all()):
        raise NoiseLevelError(argument, "holds values that are not finite and > 0", "pass noise levels > 0")
    if grid.min() < SMALLEST_SIGMA or grid.max() > LARGEST_SIGMA:
        raise NoiseLevelError(
            argument,
            "holds values whose square is no number in float64",
            f"pass noise levels from {SMALLEST_SIGMA:g} to {LARGEST_SIGMA:g}",
        )
    return grid
