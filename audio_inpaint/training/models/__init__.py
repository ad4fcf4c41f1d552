"""LightningModules by method."""
