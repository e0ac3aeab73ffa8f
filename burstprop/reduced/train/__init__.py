"""Training a network into a folder: plan, trainer, journal, checkpoints, several processes, figures."""
