"""The commands of `audio-inpaint`, one a file."""
