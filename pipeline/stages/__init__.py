"""The stages of dvc.yaml: each reads files, calls the library, writes files."""
