"""What every figure module owes: a drawing from its result alone, which it leaves as it is, and known scales only."""

import matplotlib.pyplot as plt
import pytest

from idealscore.errors import UnknownNameError
from idealscore.paper_figs import catalogue


def draws_from_its_result(name, panels):
    """The axes of a figure that is drawn from its saved result; there are `panels` of them."""
    module, dataset = catalogue.figure_module(name), catalogue.saved(name)
    before = dataset.copy(deep=True)
    figure = module.draw(dataset)
    try:
        assert len(figure.axes) == panels
        assert dataset.identical(before)
    finally:
        plt.close(figure)
    with pytest.raises(UnknownNameError, match="scale"):
        module.compute("tiny")
    return figure.axes
