"""Another processor's last bits: pytest's option --last-bits SEED.

Two processors, or two builds of BLAS, agree on +, *, / and sqrt, and on nothing that sums in its own order or
calls a library of functions. With the option every test runs as on such another machine:

- a function (exp, log, tanh, sin, ..., softmax, logsumexp, inverse, solution, factor) is off by one unit in the last
  place or right, after a hash of the seed, its name and its value. A result whose last bits are all zero (exp(0), a
  quarter, a saturated tanh) is right on every machine and stays;
- a sum (sum, mean, variance, norm, matrix product, einsum, convolution, cumulative sum) is taken in another order, so
  that a count stays exact and a cancellation is off by what it really loses. The order follows from the seed and the
  length; in a matrix product from its whole shape, since BLAS takes another kernel for one row than for many;
- eigenvalues and singular values are off by a unit in the last place of the largest.

The same operation on the same values gives the same bits, so a run still repeats itself.

Covered: torch's CPU operations in float32 and float64, below autograd and torch.func, in the thread of the test; the
functions of NumPy's face and of the modules `math`, `numpy.linalg`, `scipy.linalg` and `scipy.special`; sums and means
as methods of an array. Not covered: the operators @ and ** on NumPy arrays and the methods dot and cumsum; what numba
or torch.compile compiles; the inside of SciPy, scikit-learn and torch's own backward kernels; other threads and
processes; torch while a test module is imported.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import zlib
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

INTEGERS = {np.dtype(np.float32): (np.int32, 8), np.dtype(np.float64): (np.int64, 20)}
"""The integers of a float's bits, and how many last bits are zero in a result that is taken as exact."""


def words(text: str) -> set[str]:
    """Names, one blank between them."""
    return set(text.split())


FUNCTIONS = words(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh arcsin arccos arctan arctan2 arcsinh arccosh "
    "arctanh logaddexp logaddexp2 power float_power"
)
SPECIAL = words(
    "erf erfc erfinv erfcinv erfcx expit logit log_expit ndtr ndtri log_ndtr gamma gammaln digamma psi polygamma "
    "logsumexp softmax log_softmax entr xlogy xlog1py lambertw hyp2f1 iv ive i0 i1"
)
LINALG = words("inv pinv solve lstsq det slogdet qr cholesky eig expm solve_triangular cho_factor cho_solve lu_factor")
SPECTRA = words("eigh eigvalsh svd svdvals")
SCALARS = words("exp expm1 log log1p log2 log10 sin cos tan tanh erf erfc lgamma")

TORCH_FUNCTIONS = words(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh asin acos atan atan2 asinh acosh atanh pow sigmoid "
    "log_sigmoid_forward softplus silu gelu mish elu erf erfc erfinv logit lgamma digamma special_ndtri "
    "special_log_ndtr special_erfcx special_entr xlogy special_xlog1py logaddexp logaddexp2 logsumexp logcumsumexp "
    "cumprod _softmax _log_softmax linalg_inv_ex _linalg_solve_ex _linalg_det _linalg_slogdet linalg_qr "
    "linalg_cholesky_ex linalg_lu_factor_ex cholesky_solve cholesky_inverse linalg_solve_triangular "
    "triangular_solve linalg_lstsq linalg_eig linalg_matrix_exp native_layer_norm native_group_norm native_batch_norm "
    "_native_batch_norm_legit _scaled_dot_product_flash_attention_for_cpu _fft_r2c _fft_c2c _fft_c2r "
    "convolution_backward"
)
TORCH_SUMS = words("sum nansum mean var std var_mean std_mean norm linalg_vector_norm prod")
TORCH_SPECTRA = {"_linalg_eigh": 0, "_linalg_svd": 1}
TORCH_PRODUCTS = {  # where each operand has the axis that is summed over
    "mm": ((0, -1), (1, -2)),
    "bmm": ((0, -1), (1, -2)),
    "addmm": ((1, -1), (2, -2)),
    "baddbmm": ((1, -1), (2, -2)),
    "addbmm": ((1, -1), (2, -2)),
    "mv": ((0, -1), (1, -1)),
    "addmv": ((1, -1), (2, -1)),
    "dot": ((0, -1), (1, -1)),
    "vdot": ((0, -1), (1, -1)),
    "linear": ((0, -1), (1, -1)),
    "_cdist_forward": ((0, -1), (1, -1)),
    "_euclidean_dist": ((0, -1), (1, -1)),
    "convolution": ((0, 1), (1, 1)),
}


class LastBits:
    """The last bits of one other machine, `seed`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.order = functools.lru_cache(1024)(self._order)

    def _order(self, length: int, *key: Any) -> np.ndarray:
        """In which order that machine sums `length` terms."""
        rng = np.random.default_rng([self.seed, length, zlib.crc32(repr(key).encode())])
        return (
            rng.permutation(length) if length < 2**16 else np.roll(np.arange(length), int(rng.integers(length)))[::-1]
        )

    def cut(self, length: int) -> int:
        """Where that machine cuts a cumulative sum in two."""
        return int(self.order(length)[0]) if length else 0

    def step(self, values: np.ndarray, name: str, known: int) -> np.ndarray:
        """-1, 0 or 1 for each value of the operation `name`, 0 where the last `known` bits are zero."""
        bits = values.view(INTEGERS[values.dtype][0])
        mixed = bits.astype(np.uint64) + np.uint64(zlib.crc32(f"{self.seed} {name}".encode()) << 20)
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53)):
            with np.errstate(over="ignore"):
                mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        step = ((mixed >> np.uint64(40)) % np.uint64(3)).astype(bits.dtype) - bits.dtype.type(1)
        exact = (bits & ((1 << known) - 1)) == 0 if known else False
        return np.where(np.isfinite(values) & np.logical_not(exact), step, 0)

    def shake(self, values: np.ndarray, name: str) -> None:
        """Move the values of a function by up to one unit in the last place, in place."""
        if np.iscomplexobj(values):
            real = np.real(values)
            values = values.view(real.dtype) if values.ndim and values.flags.c_contiguous else real
        if values.size and values.dtype in INTEGERS:
            kind, known = INTEGERS[values.dtype]
            bits = values.view(kind)
            bits += self.step(values, name, known)

    def shake_spectrum(self, values: np.ndarray, name: str) -> None:
        """Move sorted eigenvalues, (..., n), by up to one unit in the last place of the largest, in place."""
        if not values.size or values.dtype not in INTEGERS:
            return
        down = values.shape[-1] > 1 and bool((values[..., 0] > values[..., -1]).any())
        size = np.abs(values).max(-1, keepdims=True)
        size = np.where(np.isfinite(size), size, 0)
        # the place among the others counts too: a zero has no bits to hash
        place = (1.0 + np.arange(values.shape[-1])).astype(values.dtype)
        step = self.step(values + size * place / 3, name, 0)
        moved = values + (step * np.where(size > 0, np.spacing(size), 0)).astype(values.dtype)
        moved = np.abs(moved) if "sv" in name else moved
        values[...] = -np.sort(-moved, axis=-1) if down else np.sort(moved, axis=-1)


def machine(seed: int) -> Any:
    """The context manager in which torch computes as on the other machine `seed`."""
    import torch
    from torch._C._functorch import is_functorch_wrapped_tensor
    from torch.utils._python_dispatch import TorchDispatchMode

    bits = LastBits(seed)

    def plain(value: Any) -> bool:
        """A tensor in the memory of the CPU, not a stand-in that a transform or the compiler hands round."""
        return (
            type(value) in (torch.Tensor, torch.nn.Parameter)
            and value.device.type == "cpu"
            and value.layout == torch.strided
            and value.dtype in (torch.float32, torch.float64)
            and not is_functorch_wrapped_tensor(value)
        )

    def reordered(value: Any, axis: int, *key: Any) -> Any:
        order = bits.order(value.shape[axis], *key)
        return value.index_select(axis, torch.from_numpy(order.copy()))

    class Machine(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if torch.is_inference_mode_enabled() and function._can_decompose():
                with self:
                    return function.decompose(*args, **kwargs)
            name = function.overloadpacket.__name__
            name = name if name.startswith("_") else name.rstrip("_")
            if name in TORCH_SUMS:
                args = self.sum_arguments(function, args, kwargs)
            elif name in TORCH_PRODUCTS:
                args = self.product_arguments(name, args)
            elif name == "cumsum" and plain(args[0]) and args[0].ndim and not kwargs:
                return self.cumulative(function, *args)
            result = function(*args, **kwargs)
            if name in TORCH_FUNCTIONS and not (name == "pow" and self.exact_power(args)):
                for value in result if isinstance(result, tuple | list) else (result,):
                    if plain(value):
                        bits.shake(value.detach().numpy(), name)
            elif name in TORCH_SPECTRA and plain(result[TORCH_SPECTRA[name]]):
                bits.shake_spectrum(result[TORCH_SPECTRA[name]].detach().numpy(), name)
            return result

        @staticmethod
        def exact_power(args: tuple) -> bool:
            """Squares, roots and reciprocals are not left to a library."""
            return isinstance(args[1], int | float) and args[1] in (-2, -1, -0.5, 0, 0.5, 1, 2, 3)

        @staticmethod
        def sum_arguments(function: Any, args: tuple, kwargs: dict[str, Any]) -> tuple:
            """The first argument with its summed axes in another order."""
            value, names = args[0], [argument.name for argument in function._schema.arguments]
            if not plain(value):
                return args
            where = names.index("dim") if "dim" in names else None
            axes = None if where is None else (args[where] if where < len(args) else kwargs.get("dim"))
            axes = [axes] if isinstance(axes, int) else axes or range(value.ndim)
            for axis in axes:
                value = reordered(value, axis) if value.ndim and value.shape[axis] > 1 else value
            return (value, *args[1:])

        @staticmethod
        def product_arguments(name: str, args: tuple) -> tuple:
            """The operands with the axis that is summed over in another order."""
            places = TORCH_PRODUCTS[name]
            if not all(plain(args[i]) for i, _ in places):
                return args
            (i, a), (j, b) = places
            if args[i].shape[a] != args[j].shape[b] or args[i].shape[a] < 2:  # a grouped convolution, or nothing to sum
                return args
            key = (*args[i].shape[-2:], *args[j].shape[-2:])
            args_ = list(args)
            args_[i], args_[j] = reordered(args[i], a, *key), reordered(args[j], b, *key)
            return tuple(args_)

        @staticmethod
        def cumulative(function: Any, value: Any, axis: int) -> Any:
            """Two parts, and the sum of the first added to the second."""
            half = bits.cut(value.shape[axis])
            first = function(value.narrow(axis, 0, half), axis)
            second = function(value.narrow(axis, half, value.shape[axis] - half), axis)
            return torch.cat([first, second + first.narrow(axis, half - 1, 1) if half else second], axis)

    return Machine()


class Patched:
    """A function of NumPy or SciPy with another machine's last bits; all else as of the original."""

    def __init__(self, original: Any, call: Any) -> None:
        self.original, self.call = original, call
        functools.update_wrapper(self, original, updated=())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["original"], name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(self.original, *args, **kwargs)

    def __reduce__(self) -> str:
        return self.original.__name__


class NumpyMachine:
    """NumPy, SciPy and `math` as on the other machine `seed`, from `install` to `remove`."""

    def __init__(self, seed: int) -> None:
        self.bits = LastBits(seed)
        self.undo: list[tuple[Any, str, Any]] = []

    def put(self, module: Any, name: str, call: Any) -> None:
        original = getattr(module, name, None)
        if original is not None:
            self.undo.append((module, name, original))
            if isinstance(module, ModuleType) and module.__name__ == "math":  # numba knows math's own functions only
                setattr(module, name, functools.wraps(original)(functools.partial(call, original)))
            else:
                setattr(module, name, Patched(original, call))

    def install(self) -> None:
        import scipy.linalg
        import scipy.special

        _linalg = sys.modules[inspect.unwrap(np.linalg.eigh).__globals__["__name__"]]  # another name before NumPy 2

        with suppress(ImportError):  # looks at its import whether NumPy's functions are ufuncs
            import dask.array  # noqa: F401

        for module, names in ((np, FUNCTIONS), (scipy.special, SPECIAL)):
            for name in names:
                self.put(module, name, self.function(name))
        for module in (np.linalg, _linalg, scipy.linalg):
            for name in LINALG:
                self.put(module, name, self.function(name))
            for name in SPECTRA:
                self.put(module, name, self.spectrum(name))
        for name in ("dot", "matmul", "inner", "vdot"):
            self.put(np, name, self.product(name))
        self.put(np, "einsum", self.einsum)
        self.put(np, "cumsum", self.cumsum)
        self.put(np, "sum", self.sum)
        self.put(np.linalg, "norm", self.norm)
        core = "numpy._core" if find_spec("numpy._core") else "numpy.core"  # NumPy 1
        self.put(import_module(f"{core}._methods"), "umr_sum", self.sum)
        for name in SCALARS:
            self.put(math, name, self.scalar(name))

    def remove(self) -> None:
        while self.undo:
            module, name, original = self.undo.pop()
            setattr(module, name, original)

    def shaken(self, result: Any, name: str, shake: Any) -> Any:
        """A result moved: an array in place, a scalar by a copy, a tuple one by one."""
        if type(result) is np.ndarray:
            shake(result, name)
            return result
        if isinstance(result, np.floating) and result.dtype in INTEGERS:
            value = np.array(result)
            shake(value, name)
            return value[()]
        if isinstance(result, tuple):
            parts = [self.shaken(part, name, shake) for part in result]
            return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
        return result

    def function(self, name: str) -> Any:
        def call(original: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            exact = name == "power" and np.ndim(args[1]) == 0 and args[1] in (-1, 0, 0.5, 1, 2)
            return result if exact or "where" in kwargs else self.shaken(result, name, self.bits.shake)

        return call

    def scalar(self, name: str) -> Any:
        def call(original: Any, *args: Any) -> float:
            return float(self.shaken(np.float64(original(*args)), name, self.bits.shake))

        return call

    def spectrum(self, name: str) -> Any:
        """Eigenvalues or singular values, alone or among the vectors."""

        def call(original: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            at = {"eigh": 0, "svd": 1}.get(name)
            if isinstance(result, tuple) and at is not None:
                self.bits.shake_spectrum(result[at], name)
            elif type(result) is np.ndarray and result.ndim:
                self.bits.shake_spectrum(result, name)
            return result

        return call

    def reordered(self, value: Any, axis: int, *key: Any) -> Any:
        return np.take(value, self.bits.order(value.shape[axis], *key), axis=axis)

    @staticmethod
    def plain(value: Any) -> bool:
        return type(value) is np.ndarray and value.dtype in INTEGERS

    def sum(self, original: Any, values: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        if self.plain(values) and values.ndim and kwargs.get("where", True) is True:
            for one in range(values.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,):
                values = self.reordered(values, one)
        return original(values, axis, *args, **kwargs)

    def norm(self, original: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
        if self.plain(x) and ord is None and x.ndim and not isinstance(axis, tuple):
            for one in range(x.ndim) if axis is None else (axis,):
                x = self.reordered(x, one)
        return original(x, ord, axis, keepdims)

    def product(self, name: str) -> Any:
        def call(original: Any, a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
            if self.plain(a) and self.plain(b) and a.ndim and b.ndim:
                at = -1 if b.ndim == 1 or name in ("inner", "vdot") else -2
                if a.shape[-1] == b.shape[at] and not (name == "vdot" and a.ndim > 1):
                    key = (*a.shape[-2:], *b.shape[-2:])
                    a, b = self.reordered(a, -1, *key), self.reordered(b, at, *key)
            return original(a, b, *args, **kwargs)

        return call

    def einsum(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(args[0], str) and "..." not in args[0] and all(map(self.plain, args[1:])):
            inputs, _, output = args[0].replace(" ", "").partition("->")
            if "->" not in args[0]:
                output = "".join(c for c in inputs if inputs.count(c) == 1)
            operands = []
            for letters, operand in zip(inputs.split(","), args[1:], strict=True):
                for axis, letter in enumerate(letters):
                    if letter not in output and operand.shape[axis] > 1:
                        operand = self.reordered(operand, axis, letter)
                operands.append(operand)
            args = (args[0], *operands)
        return original(*args, **kwargs)

    def cumsum(self, original: Any, values: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not self.plain(values) or not values.ndim or args or kwargs:
            return original(values, axis, *args, **kwargs)
        values = np.moveaxis(values, axis, -1) if axis is not None else values.reshape(-1)
        half = self.bits.cut(values.shape[-1])
        first, second = original(values[..., :half], -1), original(values[..., half:], -1)
        found = np.concatenate([first, second + first[..., -1:] if half else second], -1)
        return found if axis is None else np.moveaxis(found, -1, axis)
