"""A circuit becomes arrays: one module for each kind of part, and `circuit`, which joins them."""
