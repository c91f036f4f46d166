"""A photo as phones write it: HEIC, turned by 90 degrees."""

from flows.doctor import decoders

HEIC = decoders.HEIC
"""96 x 64 pixels as stored: the left half red, the right half blue, the first 24 x 24 white. Both the file (irot)
and its EXIF data say that it must be turned clockwise by 90 degrees, which the decoder does."""
