"""Width groups as plain data: what is tied, what is legal, what a configuration costs. numpy only, no network.

`description` has the data classes, `legal` the rules for widths, `costs` the closed forms, `text` the text format.
"""
