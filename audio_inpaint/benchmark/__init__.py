"""Every method on the same gaps: recordings, masks, restoration, scores, tables and the papers' experiments."""
