"""Fits one network; knows nothing of studies, stages or stores."""
