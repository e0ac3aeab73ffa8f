"""Draw the house, docs/house.svg: the packages of burstprop and which imports which, read from the sources.

Run ``python docs/make/house.py``. A room is a folder (or ground module) of ``burstprop/``; an arrow says that
some module of the upper room imports one of the lower room. A room stands above all that it imports. An arrow
is left out where a longer way of arrows says the same. Imports for type checkers alone are none.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "house.svg"
GROUND = ("errors", "parameters", "fingerprint")
WIDTH, STOREY, BOX_WIDTH, BOX_HEIGHT = 980, 84, 128, 40

Graph = dict[str, set[str]]


def imports() -> Graph:
    """Return the rooms that each room imports."""
    graph: Graph = {}
    # the walk does not follow burstprop/circuits, which is a link
    for path in sorted([*(ROOT / "burstprop").rglob("*.py"), *(ROOT / "circuits").rglob("*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[1:] if parts[0] == "burstprop" else parts
        if parts[0] in ("__init__", "__main__"):
            continue
        own = _room(parts[0])
        graph.setdefault(own, set()).update(_imported(path) - {own})
    return {room: others & set(graph) for room, others in sorted(graph.items())}


def _room(name: str) -> str:
    return "ground" if name in GROUND else name


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checking = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and isinstance(test.test, ast.Name) and test.test.id == "TYPE_CHECKING"
        for node in ast.walk(test)
    }
    modules: list[str] = []
    for node in ast.walk(tree):
        if node in checking:
            continue
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.extend(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            modules.extend(alias.name for alias in node.names)
    return {_room(name.split(".")[1]) for name in modules if name.startswith("burstprop.")}


def storeys(graph: Graph) -> dict[str, int]:
    """Return the storey of each room: one above the highest room that it imports.

    Raises
    ------
    ValueError
        Rooms import each other in a circle.
    """
    found: dict[str, int] = {}
    while len(found) < len(graph):
        ready = [room for room, below in graph.items() if room not in found and below <= set(found)]
        if not ready:
            raise ValueError(f"a circle among {sorted(set(graph) - set(found))}")
        for room in ready:
            found[room] = 1 + max((found[other] for other in graph[room]), default=-1)
    return found


def shortened(graph: Graph) -> Graph:
    """Leave out the arrows that a longer way says already."""
    reach: Graph = {}
    for room in sorted(graph, key=storeys(graph).__getitem__):
        reach[room] = set(graph[room]).union(*(reach[other] for other in graph[room]))
    return {
        room: {other for other in below if not any(other in reach[between] for between in below - {other})}
        for room, below in graph.items()
    }


def drawn() -> str:
    """Return the picture as SVG."""
    graph = imports()
    level = storeys(graph)
    top = max(level.values())
    place: dict[str, tuple[float, float]] = {}
    for storey in range(top + 1):
        rooms = sorted(room for room in graph if level[room] == storey)
        for k, room in enumerate(rooms):
            # odd storeys stand half a step aside, so that arrows do not run through boxes
            x = WIDTH * (k + 1) / (len(rooms) + 1) + (40 if storey % 2 else -40)
            place[room] = (x, 30 + STOREY * (top - storey))
    height = 30 + STOREY * top + BOX_HEIGHT + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="15">',
        "<title>The packages of burstprop: each stands above all that it imports</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L10 5L0 10z" fill="#8a8f98"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for room, below in shortened(graph).items():
        x, y = place[room]
        for other in sorted(below):
            u, v = place[other]
            lines.append(
                f'<path d="M{x:.0f} {y + BOX_HEIGHT:.0f}C{x:.0f} {y + BOX_HEIGHT + 30:.0f} {u:.0f} '
                f'{v - 30:.0f} {u:.0f} {v - 1:.0f}" fill="none" stroke="#8a8f98" marker-end="url(#tip)"/>'
            )
    for room, (x, y) in sorted(place.items()):
        lines.append(
            f'<rect x="{x - BOX_WIDTH / 2:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
            'fill="#eef4fa" stroke="#0072b2"/>'
            f'<text x="{x:.0f}" y="{y + 25:.0f}" text-anchor="middle" fill="#222222">{room}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
    print(f"written: {PICTURE}")
