"""The machine underneath: files, progress, interrupts, provenance of hardware and software."""
