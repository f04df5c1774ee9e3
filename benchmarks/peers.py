"""Training passes of one stacked recurrent network in several libraries, each at its best settings here.

Embedding, recurrent layers, a mean over the real steps or the last state, one sigmoid, Adam: with the same
sizes and the same batches for all. Compilation isn't counted. Each function is called in a process of its own
and gives a :class:`Pass`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import time_each

MAX_LENGTH, REPEATS = 400, 3
LEARNING_RATE = 0.002


class Case(NamedTuple):
    """A network and its batches; ``length`` 0 means reviews as long as IMDb's, at most MAX_LENGTH tokens."""

    cell: str
    units: int
    read: str = "last"  # | mean
    both_ways: bool = True
    depth: int = 2
    embedding_dim: int = 100
    vocab_size: int = 30_000
    batch_size: int = 64
    num_batches: int = 4
    length: int = 0
    threads: int = 1


class Pass(NamedTuple):
    """What a pass took.

    Attributes:
        seconds: of each of REPEATS passes, after one that compiles: of the core's time where there is one
            thread, so that other work on the core isn't counted, else of the clock.
        tokens: that are real, of a pass.
        denormal: the share of the embedding's averaged gradients (Adam's first moments) that are so small
            that some processors compute with them at a tenth of the speed.
    """

    seconds: list[float]
    tokens: int
    denormal: float


def batches(case: Case) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows int32 (batch_size, longest), padded at the end; lengths; labels float32 (batch_size,).

    Reviews are sorted by length as the pipeline sorts them, so that no one spends time on padding that
    another leaves out. IMDb's quantiles are those of its 25,000 training reviews (median 176, 90 % 460).
    """
    random, count = np.random.default_rng(0), case.num_batches * case.batch_size
    shares = [0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
    words = np.interp(random.random(count), shares, [10, 77, 93, 129, 176, 288, 460, 2493]).astype(int)
    lengths = np.full(count, case.length) if case.length else np.sort(np.minimum(words, MAX_LENGTH))
    made = []
    for of_batch in random.permutation(lengths.reshape(case.num_batches, case.batch_size)):
        shape = (case.batch_size, int(of_batch.max()))
        token_ids = random.integers(3, case.vocab_size, shape, dtype=np.int32)
        token_ids[np.arange(shape[1]) >= of_batch[:, None]] = 0
        made.append((token_ids, of_batch, random.integers(0, 2, case.batch_size).astype(np.float32)))
    return made


def timed(case: Case, one_pass: Callable[[], object], moments: Callable[[], np.ndarray]) -> Pass:
    """Times ``one_pass``; ``moments`` gives Adam's of the embedding, float32."""
    clock = time.process_time if case.threads == 1 else time.perf_counter
    seconds = time_each(lambda _: one_pass(), range(REPEATS), clock, uncounted=1)
    # By their bits: a processor that flushes denormal numbers finds none by comparing.
    magnitudes = np.ascontiguousarray(moments()).view(np.int32) & 0x7FFFFFFF
    denormal = (magnitudes > 0) & (magnitudes < 0x00800000)
    tokens = sum(int(lengths.sum()) for _, lengths, _ in batches(case))
    return Pass(seconds, tokens, float(denormal.mean() / max((magnitudes > 0).mean(), 1e-12)))


def keras(xla: bool, **values: Any) -> Pass:
    """Keras' own layers, all steps of a pass in one call; with XLA, a program for each batch's length."""
    case = Case(**values)
    import keras  # noqa: PLC0415 - in this process alone
    import tensorflow as tf  # noqa: PLC0415

    layer = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    way: Callable[[Any], Any] = keras.layers.Bidirectional if case.both_ways else lambda layer: layer
    mean = case.read == "mean"
    model = keras.Sequential(
        [
            keras.layers.Embedding(case.vocab_size, case.embedding_dim, mask_zero=not case.length),
            *(way(layer[case.cell](case.units, return_sequences=True)) for _ in range(case.depth - 1)),
            way(layer[case.cell](case.units, return_sequences=mean)),
            *([keras.layers.GlobalAveragePooling1D()] if mean else []),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    model.compile(optimizer, "binary_crossentropy", jit_compile=xla, steps_per_execution=case.num_batches)
    made = batches(case)
    rows = np.zeros((case.num_batches, case.batch_size, max(ids.shape[1] for ids, _, _ in made)), np.int32)
    for index, (ids, _, _) in enumerate(made):
        rows[index, :, : ids.shape[1]] = ids
    longest = np.array([ids.shape[1] for ids, _, _ in made])
    data = tf.data.Dataset.from_tensor_slices((rows, longest, np.stack([labels for _, _, labels in made])))
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread can hold up an epoch's end for seconds
    data = data.map(lambda ids, steps, labels: (ids[:, :steps], labels)).repeat().with_options(options)
    model.make_train_function()
    steps, iterator = model.train_function, iter(data)
    return timed(
        case,
        lambda: {name: float(value) for name, value in steps(iterator).items()},
        lambda: next(each for each in optimizer.variables if "embedding" in each.path).numpy(),
    )


def pytorch(packed: bool, compiled: bool, flushed: bool = True, **values: Any) -> Pass:
    """PyTorch; unless ``packed``, it computes padding too, in kernels that packed sequences don't reach.

    A padded network is another one on short rows, whose backward states have read padding.

    Args:
        packed: with ``pack_padded_sequence``.
        compiled: with ``torch.compile``, which leaves the recurrent layers as they are; made to compile these
            (``allow_rnn``), it writes out every time step, and was stopped after six minutes at 64 units.
        flushed: with ``torch.set_flush_denormal(True)``; TensorFlow and JAX flush in any case.
        values: of the case.
    """
    case = Case(**values)
    import torch  # noqa: PLC0415 - an optional package, in this process alone
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: PLC0415

    torch.set_flush_denormal(flushed)
    torch.set_num_threads(case.threads)
    kind = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[case.cell]

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(case.vocab_size, case.embedding_dim)
            self.stack = kind(
                case.embedding_dim, case.units, case.depth, batch_first=True, bidirectional=case.both_ways
            )
            self.head = torch.nn.Linear(case.units * (1 + case.both_ways), 1)

        def forward(self, ids: Any, lengths: Any) -> Any:
            vectors = self.embedding(ids)
            if packed:
                vectors = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
            states, last = self.stack(vectors)
            if case.read == "mean":
                if packed:
                    states, _ = pad_packed_sequence(states, batch_first=True)
                real = (ids != 0).float()[:, :, None]
                return self.head((states * real).sum(1) / lengths[:, None])[:, 0]
            hidden = last[0] if case.cell == "lstm" else last
            return self.head(torch.cat(list(hidden[-1 - case.both_ways :]), dim=1))[:, 0]

    network = Network()
    # Of Adam's three ways on a CPU, the fastest.
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    call = torch.compile(network) if compiled else network
    loss_of = torch.nn.BCEWithLogitsLoss()
    made = [tuple(map(torch.tensor, arrays)) for arrays in batches(case)]

    def one_pass() -> None:
        for ids, lengths, labels in made:
            optimizer.zero_grad()
            loss_of(call(ids, lengths), labels).backward()
            optimizer.step()

    return timed(case, one_pass, lambda: optimizer.state[network.embedding.weight]["exp_avg"].numpy())


def jax(unroll: int, **values: Any) -> Pass:
    """A scan in plain JAX, the projection of the input made for all steps before it (Flax makes it within).

    Args:
        unroll: steps of a scan that are compiled as one.
        values: of the case.
    """
    case = Case(**values)
    import jax  # noqa: PLC0415 - optional packages, in this process alone
    import optax  # noqa: PLC0415
    from jax import numpy as jnp  # noqa: PLC0415

    gates = {"simple_rnn": 1, "lstm": 4, "gru": 3}[case.cell]

    def cell(weights: Any, carry: Any, projected: Any) -> Any:
        hidden, memory = carry
        products = hidden @ weights["recurrent"] + weights["recurrent_bias"]
        if case.cell == "simple_rnn":
            return jnp.tanh(projected + products), memory
        if case.cell == "lstm":
            i, f, g, o = jnp.split(projected + products, 4, axis=1)
            memory = jax.nn.sigmoid(f) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(memory), memory
        (z, r, n), (uz, ur, un) = jnp.split(projected, 3, axis=1), jnp.split(products, 3, axis=1)
        update = jax.nn.sigmoid(z + uz)
        return update * hidden + (1 - update) * jnp.tanh(n + jax.nn.sigmoid(r + ur) * un), memory

    def states_of(weights: Any, sequence: Any, real: Any, reverse: bool) -> Any:
        def step(carry: Any, inputs: Any) -> Any:
            projected, is_real = inputs
            new = cell(weights, carry, projected)
            if not case.length:
                new = tuple(jnp.where(is_real, value, old) for value, old in zip(new, carry, strict=True))
            return new, new[0]

        projected = sequence @ weights["kernel"] + weights["bias"]
        start = (jnp.zeros((case.batch_size, case.units)),) * 2
        return jax.lax.scan(step, start, (projected, real), reverse=reverse, unroll=unroll)[1]

    def loss_of(weights: Any, ids: Any, lengths: Any, labels: Any) -> Any:
        real = (jnp.arange(ids.shape[1])[:, None] < lengths)[:, :, None]  # steps first, as a scan takes them
        states = [weights["embedding"][ids.T]]
        for layer in weights["layers"]:
            sequence = jnp.concatenate(states, axis=2)
            states = [states_of(way, sequence, real, bool(number)) for number, way in enumerate(layer)]
        if case.read == "mean":
            features = (jnp.concatenate(states, axis=2) * real).sum(0) / lengths[:, None]
        else:
            features = jnp.concatenate([each[-1 + number] for number, each in enumerate(states)], axis=1)
        logits = (features @ weights["head"])[:, 0] + weights["head_bias"]
        return optax.sigmoid_binary_cross_entropy(logits, labels).mean()

    optimizer = optax.adam(LEARNING_RATE)

    @jax.jit
    def step(weights: Any, state: Any, *batch: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss_of)(weights, *batch), state)
        return optax.apply_updates(weights, updates), state

    random, ways = np.random.default_rng(0), 1 + case.both_ways

    def drawn(*shape: int) -> np.ndarray:
        return random.normal(0, 0.1, shape).astype(np.float32)

    def layer_of(features: int) -> dict[str, np.ndarray]:
        width = gates * case.units
        return {
            "kernel": drawn(features, width),
            "recurrent": drawn(case.units, width),
            "bias": drawn(width),
            "recurrent_bias": drawn(width),
        }

    weights = {
        "embedding": drawn(case.vocab_size, case.embedding_dim),
        "layers": [
            [layer_of(case.units * ways if depth else case.embedding_dim) for _ in range(ways)]
            for depth in range(case.depth)
        ],
        "head": drawn(case.units * ways, 1),
        "head_bias": drawn(1)[0],
    }
    held = (weights, optimizer.init(weights))

    def one_pass() -> None:
        nonlocal held
        for batch in batched:
            held = step(*held, *batch)
        jax.block_until_ready(held)

    batched = batches(case)
    return timed(case, one_pass, lambda: np.asarray(held[1][0].mu["embedding"]))


def ours(settings: dict[str, Any] | None = None, xla: bool | None = None, **values: Any) -> Pass:
    """The pipeline's own training steps, computed as ``train.implementation: auto`` takes them.

    Args:
        settings: further parameters.
        xla: None is what the implementation takes.
        values: of the case.
    """
    case = Case(**values)
    from benchmarks.accuracy import NOTEBOOK  # noqa: PLC0415 - in this process alone
    from pipeline.networks.devices import import_keras  # noqa: PLC0415
    from pipeline.params import load_params  # noqa: PLC0415

    params = load_params().replace(
        {
            **NOTEBOOK,
            "model.cell": case.cell,
            "model.depth": case.depth,
            "model.units": case.units,
            "model.embedding_dim": case.embedding_dim,
            "model.bidirectional": case.both_ways,
            "model.masking": not case.length,
            "model.pooling": case.read,
            "train.batch_size": case.batch_size,
            "train.learning_rate": LEARNING_RATE,
            **(settings or {}),
        }
    )
    import_keras()
    from pipeline.networks.fused import choose_implementation  # noqa: PLC0415
    from pipeline.networks.stacked_rnn import build_stacked_rnn  # noqa: PLC0415
    from pipeline.training.batches import shuffled_batches  # noqa: PLC0415
    from pipeline.training.compiled import compile_training, label_objective  # noqa: PLC0415
    from pipeline.training.fitting import build_optimizer  # noqa: PLC0415

    made = batches(case)
    timesteps = case.length or MAX_LENGTH
    token_ids = np.concatenate([np.pad(ids, ((0, 0), (0, timesteps - ids.shape[1]))) for ids, _, _ in made])
    lengths, labels = (np.concatenate([batch[place] for batch in made]) for place in (1, 2))
    model = build_stacked_rnn(params.model, case.vocab_size, timesteps, seed=1)
    implementation = choose_implementation(params.model, params.train)
    optimizer = build_optimizer(params.train, 1)
    run = compile_training(
        implementation.apply(model),
        model.trainable_variables,
        optimizer,
        label_objective(),
        token_ids,
        labels,
        implementation.shards(params.train.rows),
        implementation.xla if xla is None else xla,
    )

    def one_pass() -> None:
        # Sorting by length within so few rows makes the very batches that the others take.
        for call in shuffled_batches(
            None if case.length else lengths,
            len(labels),
            timesteps,
            case.batch_size,
            np.random.default_rng(0),
        ):
            run(call)

    return timed(
        case, one_pass, lambda: next(each for each in optimizer.variables if "embedding" in each.path).numpy()
    )
