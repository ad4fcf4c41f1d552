"""Random command lines over generated and damaged files, and kills at random moments."""
