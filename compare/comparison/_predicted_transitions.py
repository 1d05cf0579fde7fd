"""The transition times that theory predicts for a training set, next to its comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import xarray as xr

from ..._support.estimates import estimates
from ..._support.typed import typed
from ...learned.data.images import ImageData
from ...theory.transition import Transition
from ...theory.transitions import collapse, mode_emergence, speciation
from ...theory.transitions._spectrum import spectrum


@typed
def predicted_transitions(training: ImageData, n_train: int) -> list[Transition]:
    """Where theory expects the first and the tenth mode, the classes and the training images to appear.

    Parameters
    ----------
    training : ImageData
        The images whose moments the predictions are made of.
    n_train : int
        The number of images that the network is trained on, for the collapse onto single images.

    Returns
    -------
    list of Transition
        Speciation, the emergence of the first and of the tenth mode (where there are two modes or more), and the
        Gaussian bound on the collapse, each under a plain name; those that do not happen are left out.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> images = load("digits").subset(100)
    >>> [t.name.split(" (")[0] for t in predicted_transitions(images, len(images))]
    ['classes', 'first mode', 'tenth mode', 'training images']
    """
    found = spectrum(training.images)
    modes = mode_emergence(found, n_modes=10)
    chosen = {"first mode": modes[0], "tenth mode": modes[-1]} if len(modes) > 1 else {"first mode": modes[0]}
    named = [("classes (speciation)", speciation(found)), *chosen.items()]
    named.append(("training images (Gaussian bound on collapse)", collapse(found, n_train=n_train)))
    return [replace(transition, name=name) for name, transition in named if transition.value is not None]


def as_variables(transitions: Sequence[Transition]) -> xr.Dataset:
    """The noise levels of transitions, their errors, equations and papers, over `transition`."""
    known = [(t.name, float(t.noise.sigma), t.stderr, t.equation, t.reference) for t in transitions if t.noise]
    names, sigmas, errors, equations, references = map(list, zip(*known, strict=True)) if known else ([],) * 5
    return xr.Dataset(
        {
            **estimates("transition", transition_sigma=(sigmas, errors)),
            "transition_equation": ("transition", equations),
            "transition_reference": ("transition", references),
        },
        coords={"transition": names},
    )
