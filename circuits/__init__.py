"""Ready-built experiments, one package each, installed as `burstprop.circuits`; `rules` needs no circuit."""
