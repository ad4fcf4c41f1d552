"""Catch-A-Waveform."""
