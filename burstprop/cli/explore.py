"""Open a circuit in the browser: it runs, and sliders change it under way.

The page shows the circuit drawn, spikes, event rates E and burst probabilities P, and has sliders for
currents, weights and short-term plasticity, and a switch for learning. "record to file" writes a
burstprop.Recording, "copy as Python" gives the program of the circuit as the sliders stand. Ctrl-C ends it.

Without a NAME the page opens with 400 pyramidal neurons and 100 SOM cells: drag the current into the
dendrites from 150 to 317 pA, and see P rise from 0.17 to 0.4 while E stays. NAME is any circuit of
'burstprop list', or "pairing" for a single synapse. The page is served to this machine only (127.0.0.1).

examples:
  burstprop explore
  burstprop explore propagation
  burstprop explore pairing
  burstprop explore propagation --set n_pyr1=1000 n_pyr2=1000 --port 5010 --out recordings
  burstprop explore my_circuit.py --no-browser         your own file: it defines circuit = Circuit(...), or
      an EXPERIMENT, whose parameters --set then changes
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from burstprop.cli.arguments import add_name, add_seed, chosen, require, require_figure, whole
from burstprop.errors import BurstpropError
from burstprop.experiments import catalogue

if TYPE_CHECKING:
    from burstprop.circuit import Circuit

OWN = "circuit"
"""What a user's own file may define in place of an experiment."""
SYNAPSE = "pairing"
"""The one NAME that is no circuit: a single synapse, with a page of its own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, where to serve it, and where recordings go."""
    parser.usage = "burstprop explore [NAME] [options]"
    add_name(parser, "what to open", optional=True)
    add_seed(parser)
    parser.add_argument(
        "--port", type=whole(0), default=5006, metavar="N", help="port of the page; 0: any (5006)"
    )
    parser.add_argument("--out", metavar="DIR", default=".", help="folder of recordings (this one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    require("bokeh", "'burstprop explore'")
    require_figure()
    from burstprop.explore.server import serve

    server = serve(_page(args), args.port)
    address = f"http://127.0.0.1:{server.port}/"
    print(f"serving {address} to this machine; Ctrl-C ends it", flush=True)
    if not args.no_browser:
        import webbrowser

        webbrowser.open(address)
    server.run_until_shutdown()
    return 0


def _page(args: argparse.Namespace) -> Callable[[Any], None]:
    """Return what puts the page into the document of a browser tab."""
    if args.name == SYNAPSE:
        from burstprop.explore.synapse_page import SynapsePage

        def synapse(document: Any) -> None:
            SynapsePage(document)

        return synapse
    from burstprop.circuit.sketch import svg
    from burstprop.explore.live import Live
    from burstprop.explore.page import CircuitPage
    from burstprop.system.files import writable_folder

    if args.name is None:
        from burstprop.explore import first_circuit

        title, circuit = "400 pyramidal neurons, 100 SOM cells", first_circuit.build()
    else:
        title, circuit = _named(args)
    folder, picture = writable_folder(args.out), svg(circuit)

    def page(document: Any) -> None:
        CircuitPage(document, Live(circuit, seed=args.seed, folder=folder), title=title, sketch=picture)

    return page


def _named(args: argparse.Namespace) -> tuple[str, Circuit]:
    """Return title and circuit of NAME: an experiment's, or the one that a user's own file defines.

    Raises
    ------
    BurstpropError
        NAME is not known, its file defines neither, or --set and --variant are given for a circuit alone.
    """
    from burstprop.circuit import Circuit

    entry = catalogue.find(args.name)
    if not args.name.endswith(".py") or entry.defined:
        entry, experiment, params = chosen(args)
        return entry.title, catalogue.need(entry, experiment, "build", "explore")(params)
    circuit = getattr(catalogue.source(entry), OWN, None)
    if not isinstance(circuit, Circuit):
        raise BurstpropError(
            f"{args.name!r} defines no {OWN}: write {OWN} = Circuit(...) at its top level, or an "
            f"{catalogue.OBJECT} (see help(burstprop.experiments.experiment))"
        )
    if args.settings or args.variant:
        raise BurstpropError(
            f"{args.name!r} defines a {OWN} without parameters: leave out --set and --variant, or define an "
            f"{catalogue.OBJECT} (see help(burstprop.experiments.experiment))"
        )
    return entry.title or args.name, circuit
