"""What a circuit compiles to: flat arrays, kernels, random streams, threads. Nothing here is public."""
