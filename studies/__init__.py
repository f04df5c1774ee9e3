"""Studies done with the pipeline: depth, the cells side by side, cross-validation, learning curves; nothing imports them."""
