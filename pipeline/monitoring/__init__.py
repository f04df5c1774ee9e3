"""Reviews that a version is asked about, held against those that it was made with."""
