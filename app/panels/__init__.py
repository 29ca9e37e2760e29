"""The panels around the views: layers, runs, model and pictures, inspector."""
