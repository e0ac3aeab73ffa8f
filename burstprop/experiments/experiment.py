"""What an experiment is: its parameters, how it runs, and the claims it is judged by.

Everything that ``burstprop reproduce``, ``sweep``, ``simulate``, ``info`` and ``bench`` do with an experiment
starts from one `Experiment`. A file of your own takes part by its path once it defines one, called
``EXPERIMENT``. All of it fits on a page::

    @dataclass(frozen=True)
    class Params:
        weight: float = quantity(0.1, "1", "recurrent weight", low=0)

    def build(params):
        return Circuit(...)

    def one(params, seed, realization, progress, folder):
        recording = simulate(build(params), 1000.0, seed=seed, realization=realization, progress=progress)
        return {"rates": recording.rates}

    def run(params, execution):
        return execution.each(one, params)

    def check(frames):
        return [Claim("mean rate", frames["rates"]["rate_hz"].mean(), 4.0, 6.0, "Hz")]

    EXPERIMENT = Experiment("mine", Params(), build=build, run=run, check=check)

The docstring of the file is the text of its report: the first line is the title, a paragraph that starts with
``Claim:`` is what ``burstprop list`` shows.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burstprop.errors import BurstpropError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from burstprop.circuit import Circuit
    from burstprop.report.claim import Claim
    from burstprop.system.progress import Shown

    Frames = dict[str, pd.DataFrame]

#: The arguments that each callable of an experiment takes.
CALLS = {
    "build": ("params",),
    "run": ("params", "execution"),
    "check": ("frames",),
    "figure": ("frames",),
    "duration_ms": ("params",),
    "quick": ("params",),
    "resolved": ("params", "quick"),
}


@dataclass(frozen=True)
class Execution:
    """How an experiment is executed: seed, number of realizations, cores, folder.

    Parameters
    ----------
    name : str
        Start of the progress line.
    seed : int
        Seed of all random numbers.
    realizations : int
        How many.
    jobs : int, optional
        Processes side by side; one per core where not given.
    progress : bool or callable, optional
        See `burstprop.system.progress.Progress`.
    out : path, optional
        Folder for checkpoints and finished realizations; None keeps nothing.
    quick : bool
        Whether a smaller version is wanted.
    """

    name: str
    seed: int = 1
    realizations: int = 1
    jobs: int | None = None
    progress: Shown = None
    out: str | os.PathLike[str] | None = None
    quick: bool = False

    def each(self, realize: Callable[..., Frames], params: Any, **more: Any) -> Frames:
        """Run all realizations side by side and return their frames, one below the other.

        Parameters
        ----------
        realize : callable
            ``realize(params, seed, realization, progress, folder) -> dict of DataFrames``, a function at the
            top of a module: one realization, numbered from 1. ``progress`` takes the share done, ``folder``
            is where it may keep checkpoints (None: nowhere).
        params
            Handed to it.
        **more
            Further arguments of ``realize``.

        Returns
        -------
        dict of DataFrame
            By name, with the column ``realization``.

        Raises
        ------
        BurstpropError
            A realization failed, or ``out`` holds another run.
        """
        return self.each_of(realize, {"realization": params}, **more)["realization"]

    def each_of(
        self, realize: Callable[..., Frames], variants: Mapping[str, Any], **more: Any
    ) -> dict[str, Frames]:
        """Run all realizations of several parameter sets in one pool; return their frames by name.

        What is finished is kept in the folder ``out/realizations/NAME-K``, and is not run again.
        """
        from burstprop.runs.sweep import run_many

        runs = [(name, k) for name in variants for k in range(1, self.realizations + 1)]
        results = run_many(
            realize,
            [{"params": variants[name], "seed": self.seed, "realization": k, **more} for name, k in runs],
            jobs=self.jobs,
            out=None if self.out is None else Path(self.out) / "realizations",
            names=[f"{name}-{k}" for name, k in runs],
            label=self.name,
            progress=self.progress,
        )
        found = {}
        for name in variants:
            own = [(k, result) for (variant, k), result in zip(runs, results, strict=True) if variant == name]
            found[name] = _one_below_the_other(own)
        return found

    def beside(
        self,
        title: str,
        realize: Callable[..., Frames],
        own: tuple[str, Frames],
        variants: Mapping[str, Any],
        tables: Callable[[str, Frames], Frames],
    ) -> Frames:
        """Run variants as `each_of` does; return tables of them, those of the experiment itself first.

        Parameters
        ----------
        title : str
            Said on the progress line after the experiment's name.
        realize : callable
            See `each`.
        own : str and dict of DataFrame
            Name and frames of the experiment itself.
        variants : mapping
            Parameters of each variant, by name.
        tables : callable
            ``tables(name, frames) -> dict of DataFrames``. The column ``variant`` is put in front.
        """
        from burstprop.runs.sweep import gather

        ran = dataclasses.replace(self, name=f"{self.name} {title}").each_of(realize, variants)
        together = dict([own]) | ran
        return gather(
            [tables(name, frames) for name, frames in together.items()],
            [{"variant": name} for name in together],
        )


def _one_below_the_other(results: list[tuple[int, Frames]]) -> Frames:
    """Put the frames of all realizations together, with the column ``realization``."""
    import pandas as pd

    together: dict[str, list[pd.DataFrame]] = {}
    for realization, frames in results:
        for name, frame in frames.items():
            if "realization" not in frame:
                frame = frame.copy()
                frame.insert(0, "realization", realization)
            together.setdefault(name, []).append(frame)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in together.items()}


@dataclass(frozen=True)
class Beside:
    """Variants that an option of ``burstprop reproduce`` runs beside the published experiment.

    Parameters
    ----------
    run : callable
        ``run(frames, execution) -> dict of DataFrames``: from the frames of the published experiment, those
        of all variants together, ``OPTION_solved`` (a row for each variant and realization) among them.
    figure : callable
        ``figure(frames) -> Figure`` of what ``run`` returned.
    """

    run: Callable[[Frames, Execution], Frames]
    figure: Callable[[Frames], Figure]


@dataclass(frozen=True)
class Experiment:
    """One experiment: what ``burstprop`` needs to show, run, judge and draw it.

    Parameters
    ----------
    name : str
        How it is called on progress lines.
    params : dataclass
        The parameters as published: an instance of a frozen dataclass, made with
        `burstprop.parameters.quantity`.
    build : callable, optional
        ``build(params) -> Circuit``, for ``simulate`` and ``bench``; ``info`` and the report show it.
    run : callable, optional
        ``run(params, execution) -> dict of DataFrames`` by name, for ``reproduce`` and ``sweep``; see
        `Execution.each`.
    check : callable, optional
        ``check(frames) -> list of Claim``, what the frames are judged by.
    figure : callable, optional
        ``figure(frames) -> Figure``.
    duration_ms : callable, optional
        ``duration_ms(params)``: how long ``simulate`` runs where nothing else is said.
    variants : mapping of str to dataclass
        Other published or added parameters, by name. ``burstprop list`` reads their names from a dict called
        ``VARIANTS``.
    quick : callable, optional
        ``quick(params) -> params`` of the smaller version that ``--quick`` runs; where not given the
        parameters stay, and only the number of realizations is smaller.
    resolved : callable, optional
        ``resolved(params, quick) -> params`` without what stands for different things on different machines.
    realizations, quick_realizations, sweep_realizations : int
        How many ``reproduce``, ``reproduce --quick`` and each run of ``sweep`` make where nothing is said.
    controls, extended : Beside, optional
        What ``reproduce --controls`` and ``reproduce --extended`` run beside it.

    Raises
    ------
    BurstpropError
        A field has the wrong type, or a callable does not take the arguments above.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from burstprop import Claim, Experiment
    >>> from burstprop.parameters import quantity
    >>> @dataclass(frozen=True)
    ... class Params:
    ...     weight: float = quantity(0.1, "1", "recurrent weight", low=0)
    >>> def check(frames):
    ...     return [Claim("mean rate", frames["rates"]["rate_hz"].mean(), 4.0, 6.0, "Hz")]
    >>> Experiment("mine", Params(), check=check).name
    'mine'
    """

    name: str
    params: Any
    build: Callable[[Any], Circuit] | None = None
    run: Callable[[Any, Execution], Frames] | None = None
    check: Callable[[Frames], Sequence[Claim]] | None = None
    figure: Callable[[Frames], Figure] | None = None
    duration_ms: Callable[[Any], float] | None = None
    variants: Mapping[str, Any] = field(default_factory=dict)
    quick: Callable[[Any], Any] | None = None
    resolved: Callable[[Any, bool], Any] | None = None
    realizations: int = 1
    quick_realizations: int = 1
    sweep_realizations: int = 1
    controls: Beside | None = None
    extended: Beside | None = None

    def __post_init__(self) -> None:
        """Check every part; see the class."""
        kind = type(self.params)
        if isinstance(self.params, type) or not dataclasses.is_dataclass(kind):
            raise BurstpropError(
                f"Experiment.params = {self.params!r}: give the parameters themselves, an instance of a "
                "class with @dataclass(frozen=True) before it"
            )
        for name, variant in self.variants.items():
            if not isinstance(variant, kind):
                raise BurstpropError(
                    f"Experiment.variants[{name!r}] = {variant!r}: give a {kind.__name__}, like params"
                )
        for name, words in CALLS.items():
            part = getattr(self, name)
            try:
                if part is not None:
                    inspect.signature(part).bind(*words)
            except TypeError as error:
                raise BurstpropError(
                    f"Experiment.{name} cannot be called as {name}({', '.join(words)}) ({error})"
                ) from None

    def execution(
        self,
        *,
        seed: int = 1,
        realizations: int | None = None,
        jobs: int | None = None,
        progress: Shown = None,
        out: str | os.PathLike[str] | None = None,
        quick: bool = False,
    ) -> Execution:
        """Return how to execute it: see `Execution`; as many realizations as published, with ``quick`` fewer,
        where nothing else is said."""
        count = realizations or (self.quick_realizations if quick else self.realizations)
        return Execution(self.name, seed, count, jobs, progress, out, quick)

    def frames(self, params: Any = None, **how: Any) -> Frames:
        """Run it and return its frames.

        Parameters
        ----------
        params : dataclass, optional
            Run as they are; where not given the published ones, with ``quick`` those of the smaller version.
        **how
            Those of `Experiment.execution`: ``seed, realizations, jobs, progress, out, quick``.

        Raises
        ------
        BurstpropError
            There is nothing to run, the parameters do not fit together, a realization failed, or ``out``
            holds another run.
        """
        if self.run is None:
            raise BurstpropError(f"Experiment {self.name!r} has no run: write Experiment(..., run=run)")
        execution = self.execution(**how)
        if params is None:
            params = self.quick(self.params) if execution.quick and self.quick else self.params
        return self.run(params, execution)

    def claims(self, frames: Frames) -> list[Claim]:
        """Return the claims that ``check`` makes of the frames; none without a check."""
        return list(self.check(frames)) if self.check else []
