"""Networks and layers by architecture: plain torch, no Lightning."""
