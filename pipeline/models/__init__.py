"""The family of stacked recurrent networks, in standard Keras layers."""
