"""The compiled engine against the oracles, and its promises: same seed, same result, whatever the threads and pieces."""
