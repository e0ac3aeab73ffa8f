"""Ready-built circuits, one module each, installed as `burstprop.circuits`."""
