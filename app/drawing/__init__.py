"""Drawing on pyqtgraph: axes, curves, lanes, tracks and matrices, painted in whole pixels."""
