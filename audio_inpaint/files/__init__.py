"""Audio files and everything else on disk: formats, reading, writing whole or not at all."""
