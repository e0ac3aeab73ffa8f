"""Runs in folders: one or many, on the cores of a machine or on a cluster, resumed and identified."""
