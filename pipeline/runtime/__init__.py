"""What any program needs: files written whole, interruption, processes, the version of the code.

It knows nothing of reviews or networks.
"""
