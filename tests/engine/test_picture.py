"""The picture of the data in the text of `burstprop.engine`, drawn again from the code."""

import textwrap

import numpy as np

import burstprop.engine
from burstprop.circuit import Circuit, Population, Projection
from burstprop.circuit.connectivity import Matrix
from burstprop.engine import network as nw
from burstprop.engine.compile.circuit import compile_circuit
from burstprop.engine.layout import LANES, ROW, offset_of
from burstprop.engine.ring import lane_in
from burstprop.neurons import BurstPoissonNeuron

TEXT = burstprop.engine.__doc__


def state_lines():
    variables = BurstPoissonNeuron.State._fields
    yield f"neuron      0    1  ...  {LANES - 1} | spare         {LANES}  {LANES + 1}  ... {2 * LANES - 1} | spare"
    for k, name in enumerate(variables[:3]):
        of = [
            offset_of(i, len(variables)) + k * ROW for i in (0, 1, LANES - 1, LANES, LANES + 1, 2 * LANES - 1)
        ]
        yield (
            f"{name}      {of[0]:>4} {of[1]:>4}  ... {of[2]:>4} | {ROW - LANES:>5}        "
            f"{of[3]:>4} {of[4]:>4}  ... {of[5]:>4} | {ROW - LANES:>5}"
        )


def compiled():
    """Return 100 and 400 neurons on two threads, and a projection with four synapses of its first neurons."""
    matrix = np.zeros((100, 400))
    for source, target in ((0, 3), (0, 9), (0, 300), (1, 70), (2, 5)):
        matrix[source, target] = 1.0
    populations = (Population("a", 100, BurstPoissonNeuron()), Population("b", 400, BurstPoissonNeuron()))
    circuit = Circuit(populations, (Projection("a", "b", "soma_exc", 1.0, Matrix(matrix)),))
    return compile_circuit(circuit, 1, 2, np.float32)


def test_the_state_is_where_the_picture_says():
    for line in state_lines():
        assert line in TEXT, f"draw this line:\n    {line}"
    assert f"({len(BurstPoissonNeuron.State._fields)} variables)" in TEXT
    assert f"blocks of {LANES} neurons; in a block a row for each variable, {ROW} numbers apart" in TEXT


def test_the_ring_is_as_the_picture_says():
    arrays = compiled().arrays
    for e, name in enumerate("ab"):
        (line,) = (line for line in TEXT.splitlines() if line.strip().startswith(f"population {name}"))
        drawn = [int(word) for word in line.split("...")[0].split()[2:]]
        expected = [int(lane_in(arrays, e, slot, t)) for slot in range(3) for t in range(2)]
        assert drawn == expected, f"draw {expected}"
    assert arrays["sizes"][nw.THREADS] == 2


def test_rows_are_as_the_picture_says():
    arrays = compiled().arrays
    drawn = {
        line.split()[0]: line for line in TEXT.splitlines() if line.strip().startswith(("indptr", "targets"))
    }
    indptr = [int(word) for word in drawn["indptr"].split("...")[0].replace("|", " ").split()[1:]]
    assert indptr == arrays["indptr"][: len(indptr)].tolist(), arrays["indptr"][:6]
    targets = [int(word) for word in drawn["targets"].split("...")[0].replace("|", " ").split()[1:]]
    assert targets == arrays["targets"][: len(targets)].tolist(), arrays["targets"][:6]


def test_every_array_has_the_role_that_the_picture_says():
    for role in (nw.Role.CALL, nw.Role.RING, nw.Role.SAVED):
        names = sorted(name for name, array in nw.ARRAYS.items() if array.role is role)
        lines = textwrap.wrap(" ".join(names), 98)
        block = "\n            ".join([f"    {role.name:<8}{lines[0]}", *lines[1:]])
        assert block in TEXT, f"draw this block:\n{block}"
