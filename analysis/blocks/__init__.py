"""Residual blocks: where branch and shortcut meet, and taking a block out."""
