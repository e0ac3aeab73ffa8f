"""Spike trains from anywhere: tables, events and bursts in them, and single synapses driven by them."""
