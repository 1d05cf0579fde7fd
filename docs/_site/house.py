"""The house in one picture, from the imports: which room uses which. `python docs/_site/house.py` draws it anew."""

from __future__ import annotations

import json
from pathlib import Path

import grimp
import networkx as nx

LAYERS = ("errors", "_support", "sweeping", "theory", "simulate", "learned", "compare", "paper_figs", "cli", "testing")
WITH_ROOMS = ("theory", "simulate", "learned", "compare", "paper_figs")
COLOURS: dict[str, str] = dict(
    zip(
        LAYERS,
        ("#999999", "#999999", "#999999", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#000000", "#000000"),
        strict=True,
    )
)
PICTURE = Path(__file__).parents[1] / "images" / "house.svg"


def modules() -> nx.DiGraph:
    """Every module of the package, with an arrow to each that it imports, also inside functions."""
    found = grimp.build_graph("idealscore", cache_dir=None)
    graph = nx.DiGraph()
    for module in sorted(found.modules):
        graph.add_node(module)
        graph.add_edges_from((module, used) for used in found.find_modules_directly_imported_by(module))
    return graph


def room(module: str) -> str:
    """The folder, or file at a layer's door, in which a module lives: `theory.local`, `theory.noise`, `cli`."""
    parts = module.split(".")[1:]
    return ".".join(parts[: 2 if parts and parts[0] in WITH_ROOMS else 1])


def rooms(graph: nx.DiGraph) -> nx.DiGraph:
    """Rooms with an arrow to each room that they use."""
    within = nx.DiGraph()
    within.add_nodes_from(name for name in map(room, graph) if name and name not in WITH_ROOMS and name != "__main__")
    arrows = ((room(user), room(used)) for user, used in graph.edges)
    within.add_edges_from((a, b) for a, b in arrows if a != b and a in within and b in within)
    return within


def in_order(graph: nx.DiGraph) -> list[str]:
    """Rooms so that each stands below all that it uses, layer by layer."""
    depth = {name: rank for rank, name in enumerate(nx.lexicographical_topological_sort(graph.reverse()))}
    return sorted(graph, key=lambda name: (LAYERS.index(name.split(".")[0]), depth[name]))


def arrows(graph: nx.DiGraph) -> dict[str, list[str]]:
    """{room: rooms that it uses}, as the picture stores it."""
    return {name: sorted(graph.successors(name)) for name in sorted(graph)}


def draw(path: Path = PICTURE) -> None:
    """One row and one column per room; a dot where the row uses the column. Above the diagonal there is nothing."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    graph = rooms(modules())
    names = in_order(graph)
    place = {name: k for k, name in enumerate(names)}
    with mpl.rc_context({"svg.hashsalt": "house", "font.size": 7, "svg.fonttype": "none"}):
        figure, ax = plt.subplots(figsize=(8.6, 8.6), layout="constrained")
        for layer in LAYERS:
            inside = [place[name] for name in names if name.split(".")[0] == layer]
            low, size = min(inside) - 0.5, len(inside)
            ax.add_patch(Rectangle((low, low), size, size, color=COLOURS[layer], alpha=0.16, lw=0))
            if layer in WITH_ROOMS:
                corner = low + size - 0.4, low + 0.3
                ax.text(*corner, layer, color=COLOURS[layer], fontsize=10, ha="right", va="top", weight="bold")
        for user, used in graph.edges:
            ax.plot(place[used], place[user], "o", color=COLOURS[user.split(".")[0]], ms=3.4)
        ax.plot([-0.5, len(names) - 0.5], [-0.5, len(names) - 0.5], color="0.75", lw=0.6, zorder=0)
        words = [name.partition(".")[2] or name for name in names]
        ax.set_xticks(range(len(names)), words, rotation=90)
        ax.set_yticks(range(len(names)), words)
        ax.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_visible(False)
        for label, name in zip(ax.get_yticklabels(), names, strict=True):
            label.set_color(COLOURS[name.split(".")[0]])
        figure.savefig(path, metadata={"Date": None, "Description": json.dumps(arrows(graph))})
        plt.close(figure)


if __name__ == "__main__":
    draw()
