"""The closed-form optima of one training set, fitted on exactly the images that a network was trained on.

They are known by name: a registry of what is made of a training set, and callables of a user. To add a theory, add a
builder to `BUILDERS`; options, command line, table and report take it from there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, UnknownNameError
from ...learned.data.images import ImageData
from ...theory.denoiser import Denoiser
from ...theory.empirical.optimum import EmpiricalDenoiser
from ...theory.finite_sample.denoiser import FiniteSampleDenoiser
from ...theory.gaussian import GaussianDenoiser
from ...theory.local.masks import MaskedDenoiser
from ...theory.local.patches import LocalDenoiser, PatchSize
from ...theory.mixture import MixtureDenoiser
from ._clusters import clusters_mixture
from ._patch_sizes import choose_patch_sizes

USUAL_LEVELS = np.geomspace(0.05, 20.0, 14)


@dataclass(frozen=True)
class Ground:
    """What a theory is made of: training images, their classes where known, the patch size, and a seed.

    `others` are images of the same distribution that are not in the training set.
    """

    images: torch.Tensor
    labels: torch.Tensor | None
    patch_size: PatchSize
    seed: int
    others: torch.Tensor | None = None

    @property
    def n_classes(self) -> int:
        """How many classes the labels name."""
        return 0 if self.labels is None else len(self.labels.unique())

    @property
    def distribution(self) -> torch.Tensor:
        """All images that are known of the distribution: those to train on and the others."""
        if self.others is None:
            remedy = "pass others=images of the same distribution that are not in the training set"
            raise ArgumentError("theories", "hold 'finite-sample', which one training set alone does not tell", remedy)
        return torch.cat([self.images, self.others])


THEORIES = ("empirical", "gaussian", "mixture", "local")
"""Those that are held against a network unless others are asked for."""

BUILDERS: dict[str, Callable[[Ground], Denoiser]] = {
    "empirical": lambda ground: EmpiricalDenoiser(ground.images.to(torch.float64)),
    "gaussian": lambda ground: GaussianDenoiser.fit(ground.images),
    "mixture": lambda ground: MixtureDenoiser.fit(ground.images, ground.labels, seed=ground.seed),
    "local": lambda ground: LocalDenoiser(ground.images, ground.patch_size, equivariant=False),
    "masked": lambda ground: MaskedDenoiser(ground.images),
    "clusters": lambda ground: clusters_mixture(ground.images, ground.n_classes, ground.seed),
    "finite-sample": lambda ground: FiniteSampleDenoiser.fit(ground.distribution, len(ground.images)),
}

OWN = re.compile(r"(?P<name>\w[\w .-]*)=(?P<module>[\w.]+):(?P<function>[\w.]+)(?P<called>\(\))?")


def name_of(theory: str) -> str:
    """The name under which a theory appears.

    >>> name_of("gaussian"), name_of("mine=package.module:function")
    ('gaussian', 'mine')
    """
    own = OWN.fullmatch(theory)
    return own["name"] if own else theory


def checked_theories(theories: Sequence[str]) -> tuple[str, ...]:
    """`theories` if each is known, or names a callable, and no name comes twice."""
    for theory in theories:
        if theory in BUILDERS:
            continue
        own = OWN.fullmatch(theory)
        if own is None and "=" in theory:
            raise ArgumentError("theories", f"holds {theory!r}", "write name=package.module:function")
        if own is None:
            raise UnknownNameError("theories", theory, BUILDERS)
        if own["name"] in BUILDERS:
            raise ArgumentError("theories", f"gives the name '{own['name']}' to another theory", "pass another name")
    names = [name_of(theory) for theory in theories]
    if len(set(names)) < len(names):
        raise ArgumentError("theories", f"name one theory twice: {', '.join(names)}", "pass each of them once")
    return tuple(theories)


def own_callable(theory: str) -> Callable | None:
    """The function of "name=package.module:function"; None for a theory of the registry.

    The module may lie in the working directory. With "()" at the end the function is called with the training images
    and returns the denoiser; without, it is the denoiser.
    """
    own = OWN.fullmatch(theory)
    if own is None or theory in BUILDERS:
        return None
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        found: object = import_module(own["module"])
        for part in own["function"].split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ArgumentError("theories", f"'{theory}' cannot be imported ({error})", "check module and name") from error
    finally:
        if added:
            sys.path.remove(here)
    if not callable(found):
        raise ArgumentError("theories", f"'{theory}' is a {type(found).__name__}", "name a function")
    return found


def build(theory: str, ground: Ground) -> Denoiser:
    """The denoiser of a theory on a training set."""
    if theory in BUILDERS:
        return BUILDERS[theory](ground)
    function = own_callable(theory)
    if function is None:
        raise UnknownNameError("theories", theory, BUILDERS)
    made = function(ground.images) if theory.endswith("()") else function
    if not callable(made):
        raise ArgumentError("theories", f"'{theory}' returned a {type(made).__name__}", "return a denoiser")
    return cast("Denoiser", made)


@typed
def optima(
    data: ImageData | ArrayLike,
    theories: tuple[str, ...] = THEORIES,
    patch_size: PatchSize | None = None,
    seed: int = 0,
    others: ArrayLike | None = None,
) -> dict[str, Denoiser]:
    """The empirical, Gaussian, mixture and local optimum of a training set, and others on request.

    The mixture has one Gaussian per class where there are labels, else ten by expectation-maximisation. The local
    optimum compares patches around each pixel with those at the same place.

    Parameters
    ----------
    data : ImageData or array_like, shape (n, channels, height, width)
        The training set.
    theories : tuple of str, optional
        Which optima: "empirical", "gaussian", "mixture", "local"; "masked", the local optimum whose neighbourhoods
        come from the covariance of the data; "clusters", a mixture with more components than classes, their number
        chosen on images that are left out; "finite-sample", the mean of the Gaussian optima of all training sets of
        this size (`FiniteSampleDenoiser`); or "name=package.module:function", any denoiser `function(x, sigma)`, with
        "()" at the end a function of the training images that returns one.
    patch_size : int or function of sigma, optional
        Width of the patches of the local optimum, in pixels (default: at each noise level the one that denoises
        left-out images of `data` best).
    seed : int, optional
        Of the starts of the fits and of the images that are left out.
    others : array_like, shape (m, channels, height, width), optional
        Images of the same distribution that are not in `data`, for "finite-sample": `data` and `others` together stand
        for the distribution. The fewer of them there are, the more it counts the sample twice.

    Returns
    -------
    dict of str to Denoiser
        The optima by name, in the order of `theories`.

    Raises
    ------
    UnknownNameError
        If a theory is unknown.
    ShapeError, EmptyDataError, ArgumentError
        If `data` is not a non-empty array of numbers with an event shape, or a function cannot be imported, or
        "finite-sample" is asked for without `others`.

    Examples
    --------
    >>> from idealscore.learned import data
    >>> images = data.load("digits").subset(50)
    >>> sorted(optima(images, ("empirical", "gaussian")))
    ['empirical', 'gaussian']
    >>> optima(images, ("local",))["local"].patch_size(0.05)
    1
    """
    images = data.images if isinstance(data, ImageData) else check.points("data", data)
    labels = data.labels if isinstance(data, ImageData) else None
    theories = checked_theories(theories)
    if "local" in theories and patch_size is None:
        if len(images) < 2:
            raise ArgumentError("patch_size", "cannot be chosen by a single image", "pass a patch size")
        patch_size = choose_patch_sizes(images, USUAL_LEVELS, seed=seed)
    known = None if others is None else check.points("others", others).to(images)
    ground = Ground(images, labels, 1 if patch_size is None else patch_size, seed, known)
    return {name_of(theory): build(theory, ground) for theory in theories}
