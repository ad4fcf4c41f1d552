"""What the LightningModules learn from."""
