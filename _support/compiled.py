"""numba's compiler with its cache on disk where there is a place for one, and without a cache where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[F], F]:
    """`numba.njit(cache=True, **options)`; in a read-only installation without a home, compiled anew in each process.

    numba looks for the place when a function is decorated, that is on import, and raises where neither the folder of
    the module nor that of the user can be written (NUMBA_CACHE_DIR names another).
    """

    def decorate(function: F) -> F:
        try:
            return cast(F, njit(cache=True, **options)(function))
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return cast(F, njit(**options)(function))

    return decorate
