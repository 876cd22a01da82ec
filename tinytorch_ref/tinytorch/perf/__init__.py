"""Measuring models and making them smaller and faster: one module an assignment, a14 to a19."""
