"""What `tito compress` runs: trained networks are quantised (assignment 15) and compressed (16), and all is counted.

`networks` has the networks and how they are trained, `variants` makes smaller ones of a trained one, `measure` counts
what is right, bytes and milliseconds, `picture` draws it. `python -m tinytorch.compressing` is the program.
"""
