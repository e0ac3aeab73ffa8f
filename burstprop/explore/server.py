"""Serves the page to browsers of this machine, and to nobody else.

The server listens on 127.0.0.1 alone, and accepts a browser's connection only from a page that it has served
itself: another page that is open in the same browser cannot reach a run.
"""

from __future__ import annotations

from collections.abc import Callable

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server

from burstprop.errors import BurstpropError

HOST = "127.0.0.1"


def serve(page: Callable[[Document], None], port: int) -> Server:
    """Start to serve a page; ``server.run_until_shutdown()`` then serves until Ctrl-C.

    Parameters
    ----------
    page : callable
        Puts the page into the document of a browser tab.
    port : int
        0 takes any free one; ``server.port`` says which.

    Raises
    ------
    BurstpropError
        The port is taken.
    """
    try:
        return Server(
            {"/": Application(FunctionHandler(page))},
            address=HOST,
            port=port,
            allow_websocket_origin=[f"{HOST}:{port}"] if port else None,
        )
    except OSError as error:
        raise BurstpropError(
            f"port {port} of {HOST} cannot be used ({error.strerror}): give another one with --port, or 0"
        ) from None
