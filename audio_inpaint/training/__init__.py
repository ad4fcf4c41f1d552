"""Training on Lightning: the command line, models, data, callbacks."""
