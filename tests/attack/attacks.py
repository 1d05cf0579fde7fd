"""The ways in which an argument is spoilt, or put differently; each takes a valid value and gives the attacked one.

`PRESERVING` keep the value: the answer must be that of the clean call. `MEANINGLESS` have no answer: an answer of any
kind would be a guess. All others may be answered where the answer is a number.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

PRESERVING = {"non-contiguous", "expanded", "requires_grad", "numpy", "list", "read-only"}
MEANINGLESS = {"NaN", "complex", "str", "meta", "None"}
RELATED = {"wrong shape", "wrong rank", "empty", "zero-size batch", "one row", "duplicated"}
WORD = "no such thing"


def kind(value: Any) -> str:
    """array, number, flag, word or thing."""
    if isinstance(value, bool | np.bool_):
        return "flag"
    if isinstance(value, int | float | np.number):
        return "number"
    if isinstance(value, str):
        return "word"
    if isinstance(value, torch.Tensor):
        return "array" if value.ndim else "number"
    if isinstance(value, np.ndarray):
        return "array" if value.ndim and value.dtype.kind in "biuf" else "thing"
    if isinstance(value, list | tuple | range):
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, RuntimeError):
            return "thing"
        return "array" if array.dtype.kind in "biuf" and array.size else "thing"
    return "thing"


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _like(array: np.ndarray, value: Any) -> Any:
    """`array` in the container of `value`."""
    if isinstance(value, torch.Tensor):
        return torch.from_numpy(np.ascontiguousarray(array))
    return array if isinstance(value, np.ndarray) else array.tolist()


def _floats(value: Any) -> np.ndarray:
    array = _array(value).copy()
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _first(value: Any, entry: float) -> Any:
    array = _floats(value)
    array.reshape(-1)[:1] = entry
    return _like(array, value)


def _tensor(value: Any) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(_array(value)))


def _strided(value: Any) -> Any:
    array = np.repeat(_array(value), 2, axis=-1)
    return torch.from_numpy(array)[..., ::2] if isinstance(value, torch.Tensor) else array[..., ::2]


def _frozen(value: Any) -> np.ndarray:
    array = _array(value).copy()
    array.setflags(write=False)
    return array


def _scaled(value: Any, factor: float) -> Any:
    array = _floats(value)
    limit = np.finfo(array.dtype).max / 4
    return _like(
        np.clip(array * factor if factor < 1 else np.where(array == 0, 0, np.sign(array) * limit), -limit, limit), value
    )


ARRAY: dict[str, Callable[[Any], Any]] = {
    "wrong shape": lambda v: _like(np.concatenate([_array(v), _array(v)[..., :1]], -1), v),
    "wrong rank": lambda v: _like(_array(v)[None], v),
    "empty": lambda v: _like(_array(v).reshape(-1)[:0], v),
    "zero-size batch": lambda v: _like(_array(v)[:0], v),
    "one row": lambda v: _like(_array(v)[:1], v),
    "NaN": lambda v: _first(v, math.nan),
    "inf": lambda v: _first(v, math.inf),
    "negative": lambda v: _like(-np.abs(_array(v).astype(np.float64)) - 1, v),
    "zero": lambda v: _like(np.zeros_like(_array(v)), v),
    "huge": lambda v: _scaled(v, 2.0),
    "tiny": lambda v: _scaled(v, 1e-300 if _floats(v).dtype == np.float64 else 1e-38),
    "int": lambda v: _like(np.rint(_array(v)).astype(np.int64), v),
    "bool": lambda v: _like(_array(v) != 0, v),
    "float16": lambda v: _like(np.clip(_floats(v), -6e4, 6e4).astype(np.float16), v),
    "bfloat16": lambda v: _tensor(v).bfloat16(),
    "float64": lambda v: _like(_array(v).astype(np.float64), v),
    "complex": lambda v: _like(_array(v) + 1j, v),
    "non-contiguous": _strided,
    "expanded": lambda v: _tensor(v)[None].expand(2, *np.shape(_array(v)))[1],
    "requires_grad": lambda v: torch.from_numpy(_floats(v)).requires_grad_(),
    "numpy": lambda v: _array(v).copy(),
    "list": lambda v: _array(v).tolist(),
    "None": lambda _: None,
    "str": lambda _: WORD,
    "meta": lambda v: _tensor(v).to("meta"),
    "duplicated": lambda v: _like(np.concatenate([_array(v), _array(v)]), v),
    "unsorted": lambda v: _like(np.roll(_array(v), 1, 0)[::-1].copy(), v),
    "read-only": _frozen,
}
NUMBER: dict[str, Callable[[Any], Any]] = {
    "NaN": lambda _: math.nan,
    "inf": lambda _: math.inf,
    "negative": lambda v: -abs(v) - 1,
    "zero": lambda v: type(v)(0) if isinstance(v, int | float) else 0.0,
    "huge": lambda v: 2**62 if isinstance(v, int) else 1e300,
    "tiny": lambda _: 1e-300,
    "int": lambda v: math.ceil(v) if math.isfinite(v) else 1,
    "bool": lambda _: True,
    "complex": lambda v: complex(v, 1),
    "wrong rank": lambda v: [[v, v], [v, v]],
    "wrong shape": lambda v: [v, v, v, v, v, v, v],
    "empty": lambda _: [],
    "requires_grad": lambda v: torch.tensor(float(v), dtype=torch.float64, requires_grad=True),
    "numpy": lambda v: np.asarray(v)[()],
    "None": lambda _: None,
    "str": lambda _: WORD,
    "meta": lambda v: torch.tensor(float(v), device="meta"),
}
WORDS: dict[str, Callable[[Any], Any]] = {
    "str": lambda _: WORD,
    "None": lambda _: None,
    "int": lambda _: 3,
    "empty": lambda _: "",
    "list": lambda v: [[v], [v]],
    "NaN": lambda _: math.nan,
}
THING: dict[str, Callable[[Any], Any]] = {
    "None": lambda _: None,
    "str": lambda _: WORD,
    "int": lambda _: -3,
    "NaN": lambda _: math.nan,
    "empty": lambda _: [],
    "meta": lambda _: torch.zeros(2, 3, device="meta"),
}
BY_KIND: dict[str, dict[str, Callable[[Any], Any]]] = {
    "array": ARRAY,
    "number": NUMBER,
    "word": WORDS,
    "thing": THING,
    "flag": {},
}
ATTACKS = list(ARRAY)
