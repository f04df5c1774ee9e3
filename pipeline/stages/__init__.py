"""The four stages of dvc.yaml: each reads files, calls the library and writes files."""
