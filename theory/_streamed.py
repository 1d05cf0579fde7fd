"""Sums over data that are read in pieces, as differentiable functions, to any order and under every transform of torch.

A kernel f(fixed, rows, data) -> (sums over the data, sums over the rows) treats the rows and the data of a piece
independently, apart from the sums. Its derivatives are such functions again:

    backward    f'(fixed, rows + gradients of the first, data + gradients of the second): they times the Jacobian
    forward     f'(fixed, rows + tangents, data + tangents): the Jacobian times them

so that one pass over the pieces is all that any derivative takes, and nothing is kept in between. Under `vmap` the
batch becomes rows; where the data themselves are batched it is a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch

Tensors = tuple[torch.Tensor, ...]
Fixed = dict[str, torch.Tensor]
Function = Callable[[Fixed, Tensors, Tensors], tuple[Tensors, Tensors]]


@dataclass(frozen=True)
class Piece:
    """Some rows and data at once: all pairs of them, or, where `paired`, the first with the first and so on.

    `rows` and `data` are what the kernel gets, `fixed` what it gets besides, by name; its results belong to the
    rows `row` and to the data `datum`.
    """

    row: torch.Tensor
    datum: slice | torch.Tensor
    rows: Tensors
    data: Tensors
    fixed: Fixed
    paired: bool = False


class Source(Protocol):
    """Where the pieces come from."""

    @property
    def n(self) -> int:
        """Number of data."""
        ...

    def pieces(self, rows: Tensors, data: Tensors) -> Iterator[Piece]:
        """All that carries weight."""
        ...

    def total(self, sums: Tensors) -> Tensors:
        """The sums over the data, of all processes."""
        ...


@dataclass(frozen=True)
class Kernel:
    """A function with so many sums over the data, (rows, ...), and over the rows, (data, ...).

    `known` gives its values without a pass, where they are known.
    """

    function: Function
    over_data: int
    over_rows: int
    known: Callable[[Tensors, Tensors], Tensors] | None = None


def stream(source: Source, kernel: Kernel, rows: Tensors, data: Tensors = ()) -> Tensors:
    """The kernel's sums over all pieces of the source, float64, or like the data for those over the rows.

    `rows` are float64 tensors with one entry per row, `data` tensors of one dtype with one entry per datum.
    """
    return cast(Tensors, _Stream.apply(source, kernel, len(rows), *rows, *data))


def rowwise(function: Callable[..., Tensors], results: int, *rows: torch.Tensor) -> Tensors:
    """`function(*rows)`, so many tensors with one entry per row, with every transform; float64."""

    def kernel(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[Tensors, Tensors]:  # noqa: ARG001
        return function(*rows), ()

    return stream(_Rows(), Kernel(kernel, results, 0), tuple(values.double() for values in rows))


def change(value: torch.Tensor) -> torch.Tensor:
    """Zero, with the derivatives of `value`."""
    return cast(torch.Tensor, _Change.apply(value))


def unbatched(
    info: Any, in_dims: Sequence[int | None], apply: Callable[..., Tensors], n_rows: int, *tensors: Any
) -> Any:
    """What `vmap` makes of a function of rows and data, whose results have one entry per row, or of any function."""
    size, dims = info.batch_size, in_dims
    moved = [t if d is None else t.movedim(d, 0) for t, d in zip(tensors, dims, strict=True)]
    if n_rows and all(d is None for d in dims[n_rows:]):
        q = tensors[0].shape[0] if dims[0] is None else moved[0].shape[1]
        rows = [
            (t.expand(size, *t.shape) if d is None else t).flatten(0, 1)
            for t, d in zip(moved[:n_rows], dims[:n_rows], strict=True)
        ]
        results = tuple(r.unflatten(0, (size, q)) for r in apply(*rows, *tensors[n_rows:]))
    else:
        each = [apply(*(t if d is None else t[i] for t, d in zip(moved, dims, strict=True))) for i in range(size)]
        results = tuple(torch.stack(parts) for parts in zip(*each, strict=True))
    return results, (0,) * len(results)


class _Rows:
    """All rows at once, without data."""

    @property
    def n(self) -> int:
        return 0

    def pieces(self, rows: Tensors, data: Tensors) -> Iterator[Piece]:
        yield Piece(torch.arange(len(rows[0]), device=rows[0].device), slice(None), rows, data, {})

    def total(self, sums: Tensors) -> Tensors:
        return sums


class _Change(torch.autograd.Function):
    @staticmethod
    def forward(value: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(value)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        return grads[0]

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor) -> torch.Tensor:
        return tangents[0].clone()

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: torch.Tensor) -> tuple[torch.Tensor, int]:
        return _Change.apply(*args), in_dims[0]


class _Stream(torch.autograd.Function):
    @staticmethod
    def forward(source: Source, kernel: Kernel, n_rows: int, *tensors: torch.Tensor) -> Tensors:
        rows, data = tensors[:n_rows], tensors[n_rows:]
        if kernel.known is not None:
            return kernel.known(rows, data)
        sums = [torch.empty(0)] * (kernel.over_data + kernel.over_rows)
        for piece in source.pieces(rows, data):
            found = _of_piece(kernel, piece)
            for i, (part, place) in enumerate(found):
                if not sums[i].numel():
                    per_row = i < kernel.over_data
                    length, dtype = (len(rows[0]), torch.float64) if per_row else (source.n, data[0].dtype)
                    sums[i] = part.new_zeros(length, *part.shape[1:], dtype=dtype)
                if isinstance(place, slice):
                    sums[i][place] += part.to(sums[i].dtype)
                else:
                    sums[i].index_add_(0, place, part.to(sums[i].dtype))
        return (*source.total(tuple(sums[: kernel.over_data])), *sums[kernel.over_data :])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.source, ctx.kernel, ctx.n_rows, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        tensors, n, kernel = ctx.saved_tensors, ctx.n_rows, ctx.kernel
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
        given = [i for i, grad in enumerate(grads) if grad is not None]
        results: list[torch.Tensor | None] = [None] * len(tensors)
        if wanted and given:
            adjoint = _backward_kernel(kernel, n, wanted, given)
            above, below = (
                [cast(torch.Tensor, grads[i]) for i in given if (i < kernel.over_data) is up] for up in (True, False)
            )
            found = stream(ctx.source, adjoint, (*tensors[:n], *above), (*tensors[n:], *below))
            for i, result in zip(wanted, found, strict=True):
                results[i] = result
        return None, None, None, *results

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> Tensors:
        tensors, n, moving = ctx.saved_tensors, ctx.n_rows, tangents[3:]
        given = [i for i, tangent in enumerate(moving) if tangent is not None]
        tangential = _forward_kernel(ctx.kernel, n, given)
        rows, data = ([cast(torch.Tensor, moving[i]) for i in given if (i < n) is up] for up in (True, False))
        return stream(ctx.source, tangential, (*tensors[:n], *rows), (*tensors[n:], *data))

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        source, kernel, n_rows, *tensors = args

        def apply(*tensors: torch.Tensor) -> Tensors:
            return cast(Tensors, _Stream.apply(source, kernel, n_rows, *tensors))

        return unbatched(info, in_dims[3:], apply, 0 if kernel.over_rows else n_rows, *tensors)


def _of_piece(kernel: Kernel, piece: Piece) -> list[tuple[torch.Tensor, slice | torch.Tensor]]:
    """The sums of one piece, each with the entries it belongs to."""
    if not piece.paired:
        above, below = kernel.function(piece.fixed, piece.rows, piece.data)
    else:

        def pair(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[Tensors, Tensors]:
            fixed = {name: t.unsqueeze(0) for name, t in fixed.items()}
            rows, data = (tuple(t.unsqueeze(0) for t in part) for part in (rows, data))
            above, below = kernel.function(fixed, rows, data)
            return tuple(t.squeeze(0) for t in above), tuple(t.squeeze(0) for t in below)

        above, below = torch.func.vmap(pair)(piece.fixed, piece.rows, piece.data)
    return [*((part, piece.row) for part in above), *((part, piece.datum) for part in below)]


def _backward_kernel(kernel: Kernel, n: int, wanted: list[int], given: list[int]) -> Kernel:
    """Of n rows: the gradients of the tensors `wanted`, for those of the results `given`."""
    above = sum(i < n for i in wanted)
    rows_given = sum(i < kernel.over_data for i in given)

    def function(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[Tensors, Tensors]:
        m = len(data) - (len(given) - rows_given)
        inputs, grads = (*rows[:n], *data[:m]), (*rows[n:], *data[m:])

        def results(*varied: torch.Tensor) -> Tensors:
            all_inputs = list(inputs)
            for i, value in zip(wanted, varied, strict=True):
                all_inputs[i] = value
            sums = kernel.function(fixed, tuple(all_inputs[:n]), tuple(all_inputs[n:]))
            return tuple((*sums[0], *sums[1])[i] for i in given)

        pull = torch.func.vjp(results, *(inputs[i] for i in wanted))[1]
        found = pull(grads)
        return found[:above], found[above:]

    return Kernel(function, above, len(wanted) - above)


def _forward_kernel(kernel: Kernel, n: int, given: list[int]) -> Kernel:
    """Of n rows: how all results move with the tensors `given`."""
    above = sum(i < n for i in given)

    def function(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[Tensors, Tensors]:
        m = len(data) - (len(given) - above)
        inputs, tangents = (*rows[:n], *data[:m]), (*rows[n:], *data[m:])

        def results(*varied: torch.Tensor) -> tuple[Tensors, Tensors]:
            all_inputs = list(inputs)
            for i, value in zip(given, varied, strict=True):
                all_inputs[i] = value
            return kernel.function(fixed, tuple(all_inputs[:n]), tuple(all_inputs[n:]))

        return torch.func.jvp(results, tuple(inputs[i] for i in given), tangents)[1]

    return Kernel(function, kernel.over_data, kernel.over_rows)
