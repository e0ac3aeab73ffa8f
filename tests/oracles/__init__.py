"""Slow, plain twins of the compiled kernels, written from the equations alone.

Nothing here imports burstprop. Everything is NumPy in double precision, one time step per Python call, in the
order of operations of the published runs (Payeur et al. 2021, doi:10.1038/s41593-021-00857-x), so that the
compiled code can be compared with it value by value. Units: ms, mV, pA, pF, nS, Hz.
"""
