"""The framework proper: one module an assignment, a01 to a13."""
