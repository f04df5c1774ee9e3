"""What `import pipeline` offers a notebook or another program, and what the commands are built on.

It is named, and loaded when first used, in ``pipeline/__init__.py``. A module here imports what its functions
need when they are called: asking the champion takes neither Keras nor MLflow.
"""
