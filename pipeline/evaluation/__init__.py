"""What a classifier's probabilities are worth: the only importer of scikit-learn."""
