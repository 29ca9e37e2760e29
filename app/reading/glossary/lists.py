"""Columns of the lists of layers and runs."""

from __future__ import annotations

from app.reading.glossary.term import Term

LAYER_TERMS: dict[str, Term] = {
    "Layer": Term(
        "Layer", "", "Path of its module; #k for the k-th call, owner:op for an operation.", "concepts#Layers"
    ),
    "Type": Term("Type", "", "Class of the module, or name of the operation.", "concepts#Layers"),
    "Output": Term("Output", "", "Shape of the output for one picture: channels, height, width.", "concepts#Layers"),
    "Kernel": Term(
        "Kernel",
        "",
        "Kernel of a convolution, with stride, dilation and groups where they are not 1.",
        "concepts#Layers",
    ),
}
"""Columns of the list of layers that are no measures."""

RUN_TERMS: dict[str, Term] = {
    "Run": Term("Run", "", "The name you gave it, or method and network.", "concepts#Runs"),
    "State": Term("State", "", "Queued, running, completed, cancelled, failed, or interrupted.", "concepts#Runs"),
    "Pictures": Term("Pictures", "", "How many pictures were used.", "concepts#Sample size"),
    "Device": Term("Device", "", "Where it was computed.", "concepts#Runs"),
    "Started": Term("Started", "", "When it began.", "concepts#Runs"),
    "Size": Term("Size", "bytes", "Bytes on disk.", "concepts#Runs"),
}
"""Columns of the list of runs."""
