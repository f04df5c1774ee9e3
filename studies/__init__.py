"""Studies done with the pipeline: depth, cells, cross-validation, learning curves; nothing imports them."""
