"""Draw figures: each function takes numbers and returns a `matplotlib.figure.Figure`."""
