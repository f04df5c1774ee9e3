"""What others found, to be read beside the study's own findings; figures only where they were looked up."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A paper: what it found, and where it stands."""

    finding: str
    citation: str


SOURCES = {
    "graves": Source(
        "On TIMIT, Graves, Mohamed & Hinton (2013) reached a phoneme error of 17.7 % on the test set with "
        "deep LSTM networks and suitable regularization, the best on record at the time.",
        "A. Graves, A. Mohamed, G. Hinton: Speech Recognition with Deep Recurrent Neural Networks. "
        "ICASSP 2013, arXiv:1303.5778.",
    ),
    "pascanu_deep": Source(
        "Pascanu, Gulcehre, Cho & Bengio (2014) found that deep recurrent networks benefit from their depth "
        "on polyphonic music and language modelling, and that a network can be made deep in several places, "
        "of which stacking is one.",
        "R. Pascanu, C. Gulcehre, K. Cho, Y. Bengio: How to Construct Deep Recurrent Neural Networks. "
        "ICLR 2014, arXiv:1312.6026.",
    ),
    "irsoy": Source(
        "Irsoy & Cardie (2014), extracting opinion expressions, found deep and narrow networks better than "
        "shallow and wide ones of as many parameters.",
        "O. Irsoy, C. Cardie: Opinion Mining with Deep Recurrent Neural Networks. EMNLP 2014, D14-1080.",
    ),
    "peters": Source(
        "In bidirectional language models, Peters, Neumann, Zettlemoyer & Yih (2018) found local syntax in "
        "the lower layers and meaning of longer range in the upper ones.",
        "M. Peters, M. Neumann, L. Zettlemoyer, W. Yih: Dissecting Contextual Word Embeddings: Architecture "
        "and Representation. EMNLP 2018, arXiv:1808.08949.",
    ),
    "pascanu_difficulty": Source(
        "Pascanu, Mikolov & Bengio (2013) analysed how gradients vanish and explode over the time steps, and "
        "proposed clipping their norm against the exploding ones; against the vanishing ones they needed a "
        "regularizer.",
        "R. Pascanu, T. Mikolov, Y. Bengio: On the Difficulty of Training Recurrent Neural Networks. "
        "ICML 2013, arXiv:1211.5063.",
    ),
    "zaremba": Source(
        "Zaremba, Sutskever & Vinyals (2015) found that dropout between the layers, and not from one time "
        "step to the next, substantially reduces the overfitting of LSTM networks.",
        "W. Zaremba, I. Sutskever, O. Vinyals: Recurrent Neural Network Regularization. arXiv:1409.2329.",
    ),
    "chung": Source(
        "Chung, Gulcehre, Cho & Bengio (2014) found LSTM and GRU better than tanh units on music and speech, "
        "and GRU comparable to LSTM.",
        "J. Chung, C. Gulcehre, K. Cho, Y. Bengio: Empirical Evaluation of Gated Recurrent Neural Networks "
        "on Sequence Modeling. 2014, arXiv:1412.3555.",
    ),
    "srivastava": Source(
        "Srivastava, Greff & Schmidhuber (2015) trained highway networks of hundreds of layers, which are "
        "not recurrent, by plain gradient descent.",
        "R. K. Srivastava, K. Greff, J. Schmidhuber: Highway Networks. 2015, arXiv:1505.00387.",
    ),
    "shu": Source(
        "Translating, Shu & Miura (2016) saw plainly stacked recurrent layers slow the training and lower "
        "the quality, and residual connections between them repair that.",
        "R. Shu, A. Miura: Residual Stacking of RNNs for Neural Machine Translation. WAT 2016, W16-4623.",
    ),
}
