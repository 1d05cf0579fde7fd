"""A figure by its own name: `import idealscore.paper_figs.NAME` is its module, `python -m idealscore.paper_figs.NAME`
draws it, wherever in the rooms of this folder it lives."""

from __future__ import annotations

import sys
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Figure(InspectLoader):
    """Loads the module of a figure under the figure's name; run as a program, it is `idealscore figures NAME`."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from .catalogue import figure_module

        sys.modules[module.__name__] = figure_module(module.__name__.rpartition(".")[2])

    def get_source(self, fullname: str) -> str:
        name = fullname.rpartition(".")[2]
        return f"import sys\nfrom idealscore.cli import main\nsys.exit(main(['figures', {name!r}, *sys.argv[1:]]))\n"


class FigureNames(MetaPathFinder):
    """Finds the figures of the catalogue as if each were a module of this package."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package != __package__:
            return None
        from .catalogue import names

        return ModuleSpec(fullname, _Figure()) if name in names() else None
