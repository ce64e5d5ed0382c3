"""The methods that are compared; each learns from pairs and then speaks."""
