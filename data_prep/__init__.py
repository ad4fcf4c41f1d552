"""Prepare real recordings for training, testing and the demonstration."""
