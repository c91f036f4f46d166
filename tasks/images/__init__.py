"""Photos and tiles: decoding, resizing, thumbnails and heat maps."""
