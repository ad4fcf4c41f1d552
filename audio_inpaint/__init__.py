"""Fill gaps in recorded audio: autoregressive restoration, deep priors and context encoders."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("audio-inpaint")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
