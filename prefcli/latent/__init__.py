"""The latent space: how answers of one base can differ, learned once and shared by all users."""
