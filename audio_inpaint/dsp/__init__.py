"""Signal processing, one topic a module."""
