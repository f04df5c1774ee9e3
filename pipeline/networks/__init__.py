"""The stacked recurrent network in Keras and its fast recurrence; knows nothing of fitting."""
