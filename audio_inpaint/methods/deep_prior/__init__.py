"""Deep priors as methods."""
