"""Which GPUs Keras' backend computes on; imports that backend, and nothing before it is asked."""

from __future__ import annotations


def gpu_names(backend: str) -> list[str]:
    """The names of the GPUs that ``backend``, tensorflow or jax, has found; none on a CPU."""
    if backend == "jax":
        import jax  # noqa: PLC0415 - an optional package

        return [device.device_kind for device in jax.devices() if device.platform == "gpu"]
    import tensorflow as tf  # noqa: PLC0415 - slow, and the other backend does without it

    found = tf.config.list_physical_devices("GPU")
    details = (tf.config.experimental.get_device_details(gpu) for gpu in found)
    return [str(each.get("device_name", "unnamed")) for each in details]
