"""Per-user solvers: rows of judged encodings in, a reward over the latent space out."""
