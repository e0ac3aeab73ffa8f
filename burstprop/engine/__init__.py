"""What a circuit compiles to: flat arrays, kernels, random streams, threads. Nothing here is public.

`compile` turns a description into arrays (`network` names them), `step` holds the kernels of the time loop,
`runner` calls it; `controls`, `currents`, `inspection`, `snapshot` and `handover` are what a run is steered,
looked into, saved and recorded by. The picture of the data (`tests/engine/test_picture.py` draws it from the
code and compares):

State: blocks of 512 neurons; in a block a row for each variable, 528 numbers apart (`layout`)::

    neuron      0    1  ...  511 | spare         512  513  ... 1023 | spare
    v_s         0    1  ...  511 |    16        5808 5809  ... 6319 |    16
    v_d       528  529  ... 1039 |    16        6336 6337  ... 6847 |    16
    w_s      1056 1057  ... 1567 |    16        6864 6865  ... 7375 |    16
    ...                                                     (11 variables)

Spikes: a ring of slots, step n in slot n modulo the ring; in a slot a stretch for each thread (`ring`); here
100 and 400 neurons on two threads, of which the first owns all of a, and 128 of b::

    slot                0          1          2     ...
    population a     0  128   128  256   256  384   ...    from here on thread 0, and thread 1 (none)
    population b     0  128   448  576   896 1024   ...    the same, counted from population_spikes[b]

Synapses of a projection: rows by presynaptic neuron, in a row a stretch for each thread
(`compile.projections`); here neuron 0 has two targets of thread 0 and one of thread 1::

    indptr      0    2 |  3    4 |  4    5 ...    neuron i, thread t: from indptr[2 i + t] to the next
    targets     3    9  300 | 70 |   5     ...    places in the state, within the row of the receptor
    weights     w    w    w |  w |   w     ...    in the same order, where each synapse has its own
                                                  (all to all: no index, source after source)

What becomes of the arrays in a run (`network.Role`)::

    CALL    bin_counts control keeps_spikes recorded_neuron recorded_population recorded_step sampled_place
            sampled_values share sizes
    RING    counts efficacy flags presynaptic_flags spikes
    SAVED   average_burst average_clock average_event average_spike e_pre eligibility given_next last
            neuron_counts open plastic_on poisson_log_miss presynaptic_open presynaptic_trace rule state
            stp_last stp_u stp_x trace uniform_weight weights
    FIXED   all others
"""
