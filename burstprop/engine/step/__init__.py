"""The time loop and its kernels; they see the arrays of `burstprop.engine.network` and no description."""
