"""Which channels of a network belong together: one label per channel, followed through a recorded forward pass.

`analysis.coupling.couple` is the way in; what the window needs of it is `analysis.measures.widths`.
"""
