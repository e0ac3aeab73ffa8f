"""The command line: one verb, one module, imported only when that verb is used.

Exit codes: 0 done, no claim failed (some may be not judged); 1 a claim failed; 2 bad use (one message on the
error stream, no traceback); 3 an error in the user's own file; 130 stopped by Ctrl-C, 143 by SIGTERM; 70 a
fault of burstprop. A verb's module has ``add_arguments(parser)`` and ``run(args) -> int``; its docstring is
the help.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import burstprop
from burstprop.errors import BurstpropError, BurstpropWarning, near

VERBS = {
    "list": ("burstprop.cli.list", "the circuits and comparisons there are, and what each claims"),
    "info": (
        "burstprop.cli.info",
        "one of them in full: claim, parameters with units, populations, projections",
    ),
    "reproduce": (
        "burstprop.cli.reproduce",
        "run one as published, check its claims, write figure, data and report",
    ),
    "simulate": ("burstprop.cli.simulate", "run a circuit once with settings of your own, and record it"),
    "train": ("burstprop.cli.train", "train a deep network of the reduced model with a learning rule"),
    "eval": ("burstprop.cli.eval", "test a trained network"),
    "explore": ("burstprop.cli.explore", "open a circuit in the browser, and change it while it runs"),
    "sweep": (
        "burstprop.cli.sweep",
        "many runs: every combination of settings and seeds, on the cores or a cluster",
    ),
    "bench": ("burstprop.cli.bench", "measure how fast it runs on this machine"),
}

INTRODUCTION = """\
usage: burstprop VERB [options]

Circuits of bursting pyramidal neurons, burst-dependent plasticity, and the deep networks that learn with it.

verbs:
{verbs}

examples:
  burstprop list                                   what there is
  burstprop info propagation                       claim, parameters and circuit of one of them
  burstprop reproduce propagation --out results    run it, check it, write report.html
  burstprop reproduce xor --quick                  a smaller version that learns in minutes
  burstprop simulate propagation --set dt_ms=0.05 --duration-ms 2000 --out trial
  burstprop sweep xor --set eta_hidden=4e-3,8e-3 --seeds 1:6 --out sweep

`burstprop VERB --help` says more about each.
Exit codes: 0 done, 1 a check failed, 2 bad use, 3 an error in your own file, 130 stopped by Ctrl-C,
143 by SIGTERM.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `BurstpropError`, and names the near option after a typing error."""

    def error(self, message: str) -> NoReturn:
        """Raise the message and point to the help text."""
        raise BurstpropError(f"{message} (see '{self.prog} --help')")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse everything, or raise."""
        args, unknown = self.parse_known_args(arguments)
        for word in unknown:
            if word.startswith("-"):
                name = word.partition("=")[0]
                self.error(f"no option {name!r}: {near(name, self._option_string_actions)}")
            self.error(f"{word!r} is one word too many")
        return args


def introduction() -> str:
    """Return the text of ``burstprop --help``."""
    return INTRODUCTION.format(verbs="\n".join(f"  {verb:10} {what}" for verb, (_, what) in VERBS.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``burstprop``; by default those the process was started with.
    """
    from burstprop.system.interrupts import exit_code, stopped_by, terminable

    # not list(...): the module of the verb `list` has taken that name here as soon as it is imported
    words = [*(sys.argv[1:] if argv is None else argv)]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with _warnings_as_messages(), terminable():
            code = _dispatch(words)
        sys.stdout.flush()
        return code
    except BurstpropError as error:
        print(f"burstprop: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"burstprop: stopped by {stopped_by()}{': ' if str(stop) else ''}{stop}", file=sys.stderr)
        return exit_code()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        from burstprop.cli.failures import tell

        return tell(error)


@contextlib.contextmanager
def _warnings_as_messages() -> Iterator[None]:
    """Print a warning without the line of code that raised it."""
    usual = warnings.formatwarning

    def text(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> str:
        if issubclass(category, BurstpropWarning):
            return f"burstprop: warning: {message}\n"
        return usual(message, category, *where, **more)

    warnings.formatwarning = text
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _dispatch(words: list[str]) -> int:
    if not words:
        print(introduction(), file=sys.stderr, end="")
        return 2
    verb, *rest = words
    if verb in ("-h", "--help", "help"):
        print(introduction(), end="")
        return 0
    if verb in ("-V", "--version"):
        print(f"burstprop {burstprop.__version__}")
        return 0
    if verb not in VERBS:
        raise BurstpropError(f"no verb {verb!r}: {near(verb, VERBS)} (see 'burstprop --help')")
    module = importlib.import_module(VERBS[verb][0])
    parser = Parser(
        prog=f"burstprop {verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    try:
        args = parser.parse(rest)
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    return int(module.run(args))
