"""Datasets, loaders, transforms (torch.utils.data) and tokenizers; written in a08_dataloader and a10_tokenization."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
