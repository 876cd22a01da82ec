"""The checks of this assignment: probes.py asks your code, test_*.py say what has to come back."""
