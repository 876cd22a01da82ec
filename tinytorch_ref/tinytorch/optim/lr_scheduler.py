"""Learning-rate schedulers, named as in torch.optim.lr_scheduler; written in a06_optimizers."""

from tinytorch._names import facade as _facade

__getattr__, __dir__ = _facade(__name__)
