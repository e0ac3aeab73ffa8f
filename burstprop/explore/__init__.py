"""A page on this machine with a circuit that runs, and sliders that change it under way.

`knobs` says what can be turned, `live` runs a circuit in pieces, `plots` and `page` show it, `synapse_page`
is that of a single synapse, `server` serves them to this machine alone, `as_python` writes a circuit down.
"""
