"""Trained context encoders as methods."""
