"""The data: reviews as flat arrays of word ids, from a source to padded rows. No Keras or MLflow enters."""
