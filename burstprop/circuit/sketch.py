"""A circuit drawn from its description: populations, compartments, signs, and what each projection passes.

Principal populations (two compartments, or sources) stand in levels from bottom to top, each over those that
drive its somata; the others, interneurons, stand beside the levels that they join. A projection ends at the
compartment of its receptor: with an arrow where it excites, with a bar where it inhibits. Thick lines learn,
dashed lines pass events only, dotted ones bursts; a word on a line says what its short-term plasticity does
to a pair of spikes. What the same spikes add to a second receptor (`Opposed`) is a line of its own, which
does not learn. Backgrounds and currents are not drawn.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from burstprop.circuit.parts import Parts
from burstprop.circuit.projections import Projection
from burstprop.circuit.synapses import ShortTermPlasticity
from burstprop.report.plotting import BLACK, GREY, colour, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


APART = 2.2
"""Between two levels, in units of the drawing; a soma has the radius `SOMA`."""
SOMA, DENDRITE, TRUNK = 0.24, 0.15, 0.72
THIN, THICK = 1.4, 3.0
DASHES: dict[str, Any] = {"spikes": "-", "events": (0, (4, 2)), "bursts": (0, (1, 1))}
ARROW, BAR = "-|>,head_width=0.2", "|-|,widthA=0,widthB=0.32"
WHITE: Any = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
PAIR_MS = 10.0
"""Interval of the pair of spikes that names a synapse depressing or facilitating."""


class Place(NamedTuple):
    """Where a population stands: the centre of its soma, and whether it has a dendrite above it."""

    x: float
    y: float
    dendrite: bool


def draw(circuit: Parts) -> Figure:
    """Return a sketch of a circuit as a matplotlib figure."""
    places = arrange(circuit)
    xs, ys = ([getattr(place, axis) for place in places.values()] for axis in "xy")
    width, height = max(xs) - min(xs) + 2.2, max(ys) - min(ys) + 2.3
    fig, axes = figure(width=max(3.0, 0.95 * width), height=0.95 * height)
    axes.set(xlim=(min(xs) - 1.1, max(xs) + 1.1), ylim=(min(ys) - 0.8, max(ys) + 1.5), aspect="equal")
    axes.axis("off")
    shades = {population.name: colour(population.name, k) for k, population in enumerate(circuit.populations)}
    seen: dict[tuple[str, str], int] = {}
    for projection in _lines(circuit):
        ends = projection.source, projection.target
        seen[ends] = seen.get(ends, 0) + 1
        _draw_projection(axes, projection, places, shades[projection.source], seen[ends])
    for population in circuit.populations:
        _draw_population(axes, population, places[population.name], shades[population.name])
    _draw_legend(fig, circuit)
    return fig


def svg(circuit: Parts) -> str:
    """Return the sketch of a circuit as an ``<svg>`` element, its words as text."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw(circuit).savefig(text, format="svg")
    return text.getvalue()[text.getvalue().index("<svg") :]


def arrange(circuit: Parts) -> dict[str, Place]:
    """Return where each population stands."""
    names = [population.name for population in circuit.populations]
    dendritic = {name: _has_dendrite(circuit.population(name)) for name in names}
    principal = [
        name for name in names if dendritic[name] or not _is_neurons(circuit.population(name))
    ] or names[:1]
    level = _levels(circuit, principal)
    places = {}
    for height in sorted(set(level.values())):
        row = [name for name in principal if level[name] == height]
        for k, name in enumerate(row):
            x = 2.0 * (k - (len(row) - 1) / 2)
            places[name] = Place(x, APART * height, dendritic[name])
    beside = [name for name in names if name not in principal]
    edge = max(abs(place.x) for place in places.values()) + 1.9
    taken: dict[tuple[float, int], int] = {}
    for k, name in enumerate(beside):
        joined = [level[other] for other in _neighbours(circuit, name) if other in level] or [0]
        between = sum(joined) / len(joined)
        side = -1 if k % 2 == 0 else 1
        out = taken[between, side] = taken.get((between, side), 0) + 1
        places[name] = Place(side * (edge + 1.2 * (out - 1)), APART * between + 0.3, False)
    return places


def pair_effect(stp: ShortTermPlasticity) -> str:
    """Return what short-term plasticity does to the second of two spikes that are `PAIR_MS` apart."""
    u = stp.utilisation
    jump = u if stp.jump is None else stp.jump
    x = 1 - u * math.exp(-PAIR_MS / stp.tau_d_ms)
    risen = u + jump * (1 - u)
    second = u + (risen - u) * math.exp(-PAIR_MS / stp.tau_f_ms)
    return "facilitating" if x * second > u else "depressing"


def _levels(circuit: Parts, principal: list[str]) -> dict[str, int]:
    """Return the level of each principal population: one over the highest that drives its somata."""
    level: dict[str, int] = {}
    for name in sorted(principal, key=lambda name: _is_neurons(circuit.population(name))):
        below = [
            level[p.source]
            for p in circuit.projections
            if p.target == name and p.source in level and not p.receptor.startswith("dendrite")
        ]
        level[name] = 1 + max(below) if below else 0
    return level


def _neighbours(circuit: Parts, name: str) -> list[str]:
    ends = [(p.source, p.target) for p in circuit.projections if name in (p.source, p.target)]
    return [other for pair in ends for other in pair if other != name]


def _is_neurons(population: Any) -> bool:
    """Whether a population is made of neurons, not of sources."""
    return hasattr(population, "neuron")


def _has_dendrite(population: Any) -> bool:
    return _is_neurons(population) and any(
        name.startswith("dendrite") for name in population.neuron.receptors
    )


def _lines(circuit: Parts) -> list[Projection]:
    """Return what is a line each: the projections, and what some of them add to a second receptor."""
    lines = []
    for projection in circuit.projections:
        lines.append(projection)
        if projection.opposed is not None:
            second = projection.opposed.receptor
            lines.append(replace(projection, receptor=second, rule=None, opposed=None, name=""))
    return lines


def _draw_population(axes: Axes, population: Any, place: Place, shade: str) -> None:
    from matplotlib.patches import Circle, Rectangle

    x, y, dendrite = place
    if dendrite:
        axes.plot([x, x], [y, y + TRUNK], color=shade, linewidth=3.0, zorder=3, solid_capstyle="round")
        axes.add_patch(Circle((x, y + TRUNK), DENDRITE, facecolor=shade, edgecolor="white", zorder=4))
    patch: Any = Circle((x, y), SOMA)
    if not _is_neurons(population):
        patch = Rectangle((x - SOMA, y - SOMA), 2 * SOMA, 2 * SOMA)
    patch.set(facecolor=shade, edgecolor="white", linewidth=1.2, zorder=4)
    axes.add_patch(patch)
    left = {"ha": "right", "zorder": 5, "bbox": WHITE}
    below = {"ha": "center", "zorder": 5, "bbox": WHITE}
    where, words = ((x - SOMA - 0.1, y), left) if dendrite else ((x, y - SOMA - 0.16), below)
    axes.text(*where, population.name, fontsize=9, fontweight="bold", color=BLACK, va="center", **words)
    axes.text(where[0], where[1] - 0.24, f"{population.n:,}", fontsize=7, color=GREY, va="center", **words)


def _draw_projection(
    axes: Axes, projection: Projection, places: dict[str, Place], shade: str, number: int
) -> None:
    """Draw one projection; ``number`` counts those between the same two populations, drawn side by side."""
    from matplotlib.patches import FancyArrowPatch

    source, target = places[projection.source], places[projection.target]
    at_dendrite = target.dendrite and projection.receptor.startswith("dendrite")
    start = source.x, source.y
    end = target.x, target.y + (TRUNK if at_dendrite else 0.0)
    bend = 0.9 if projection.source == projection.target else 0.04 + 0.14 * number + 0.14 * at_dendrite
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle=BAR if projection.receptor.endswith("inh") else ARROW,
            connectionstyle=f"arc3,rad={bend}",
            mutation_scale=12,
            shrinkA=16,
            shrinkB=11 if at_dendrite else 17,
            color=shade,
            linewidth=THICK if projection.rule is not None else THIN,
            linestyle=DASHES[projection.transmits],
            capstyle="butt",
            zorder=2,
        )
    )
    if projection.stp is not None:
        dx, dy = end[0] - start[0], end[1] - start[1]
        middle = (start[0] + end[0]) / 2 + bend * dy / 2, (start[1] + end[1]) / 2 - bend * dx / 2
        words = {"fontsize": 6.5, "color": shade, "ha": "center", "va": "center", "zorder": 6, "bbox": WHITE}
        axes.text(*middle, pair_effect(projection.stp), **words)


def _draw_legend(fig: Figure, circuit: Parts) -> None:
    """Explain the kinds of lines under the drawing."""
    from matplotlib.lines import Line2D

    inhibits = any(line.receptor.endswith("inh") for line in _lines(circuit))
    transmits = [kind for kind in DASHES if any(p.transmits == kind for p in circuit.projections)]
    handles = [Line2D([], [], color=GREY, linestyle=DASHES[kind], linewidth=THIN) for kind in transmits]
    words = [f"passes {kind}" for kind in transmits]
    if any(p.rule is not None for p in circuit.projections):
        handles.append(Line2D([], [], color=GREY, linewidth=THICK))
        words.append("learns")
    note = "arrow: excites" + "; bar: inhibits" * inhibits
    style = {"frameon": False, "fontsize": 7, "handlelength": 2.6, "columnspacing": 1.4}
    fig.legend(handles, words, loc="outside lower center", ncols=2, title=note, title_fontsize=7, **style)
