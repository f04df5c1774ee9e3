"""Studies done with the pipeline: depth, the cells side by side, cross-validation; nothing imports them."""
