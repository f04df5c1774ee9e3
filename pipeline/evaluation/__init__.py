"""What a classifier's probabilities are worth: metrics, intervals, rivals and calibration."""
