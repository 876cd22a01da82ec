"""Batches: what is in a folder, the judges over it, the gradebook, and what a crash does to all of that."""
