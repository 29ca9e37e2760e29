"""Browsing pictures: thumbnails read beside the event loop, the grid, one picture closely."""
