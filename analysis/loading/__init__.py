"""Finding an architecture, reading weight files safely, building networks. `analysis.models` is the way in."""
