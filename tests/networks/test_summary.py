from __future__ import annotations

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.networks.summary import LayerSummary, summarize
from pipeline.params import Params


def test_each_layer_has_its_shape_and_weights(params: Params) -> None:
    """An LSTM of u units on w features has 4 (w u + u u + u) weights; both directions have twice that."""
    changed = {
        "cell": "lstm",
        "depth": 2,
        "units": 5,
        "embedding_dim": 8,
        "dropout": 0.2,
        "bidirectional": True,
    }
    model = params.model.model_copy(update=changed)
    network = build_stacked_rnn(model, vocab_size=50, max_length=12, seed=0)
    layers = summarize(network)
    assert layers[0] == LayerSummary("embedding", "Embedding", (12, 8), 400, False)
    recurrent = [layer for layer in layers if layer.recurrent]
    assert [(layer.kind, layer.shape, layer.parameters) for layer in recurrent] == [
        ("Bidirectional(LSTM)", (12, 10), 2 * 4 * (8 * 5 + 5 * 5 + 5)),
        ("Bidirectional(LSTM)", (12, 10), 2 * 4 * (10 * 5 + 5 * 5 + 5)),
    ]
    assert layers[-1] == LayerSummary("probability", "Dense", (1,), 11, False)
    assert sum(layer.parameters for layer in layers) == network.count_params()
