"""Changing the widths of a network: which channels stay, the new weights, the new forwards. Works on copies."""
