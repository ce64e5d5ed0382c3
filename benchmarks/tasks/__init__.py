"""The texts, users and judges of the comparison; each task opens as one `Arena`."""
