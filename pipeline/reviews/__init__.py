"""The data: reviews as flat arrays of word ids, from a source to padded rows. Neither Keras nor MLflow enters."""
