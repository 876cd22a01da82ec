"""1986: learning representations by back-propagating errors (Rumelhart, Hinton, Williams). A network reads handwriting.

Runs on a01 to a08: layers, a loss, gradients, an optimizer with a schedule, the training loop and the loader. The data
is MNIST: 60,000 images of 28x28 pixels to learn from, of which the last 5,000 are held out to watch the training.
"""

from __future__ import annotations

import numpy as np

import tinytorch as tt
from tinytorch import nn, optim
from tinytorch.data import DataLoader, TensorDataset
from tinytorch.training import Accuracy, Trainer

HELD_OUT = 5000


def pixels(images: np.ndarray) -> np.ndarray:
    """(N, 28, 28) bytes -> (N, 784) float32 with mean 0 and variance 1 over MNIST."""
    return ((images.reshape(len(images), -1) / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081)).astype(
        np.float32
    )


def network() -> nn.Sequential:
    """784 - 256 - 128 - 10 with ReLU in between."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def train(
    images: np.ndarray, labels: np.ndarray, seed: int = 0, epochs: int = 8
) -> tuple[nn.Sequential, dict[str, list[float]]]:
    """Train on all but the last HELD_OUT images; returns the network and the history of the run."""
    tt.manual_seed(seed)
    x, y = pixels(images), labels.astype(np.int64)
    learn = DataLoader(TensorDataset(x[:-HELD_OUT], y[:-HELD_OUT]), batch_size=128, shuffle=True, seed=seed)
    watch = DataLoader(TensorDataset(x[-HELD_OUT:], y[-HELD_OUT:]), batch_size=1000)
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, [Accuracy()])
    history: dict[str, list[float]] = {"train_loss": [], "val_loss": [], "val_accuracy": []}
    for epoch in range(epochs):
        # A falling learning rate: the last epochs settle what the first ones found.
        optimizer.lr = 1e-3 * (1 - epoch / epochs)
        trained = trainer.train_epoch(learn)
        loss, accuracy = trainer.evaluate(watch)
        history["train_loss"].append(float(trained))
        history["val_loss"].append(float(loss))
        history["val_accuracy"].append(float(accuracy))
        print(f"epoch {epoch + 1}: loss {trained:.4f}, held out {loss:.4f}, {accuracy:.2%} right", flush=True)
    return model, history


def predict(model: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """The digit each image is taken for, (N,) int64."""
    model.eval()
    found = []
    with tt.no_grad():
        for start in range(0, len(images), 1000):
            found.append(model(tt.Tensor(pixels(images[start : start + 1000]))).numpy().argmax(axis=1))
    return np.concatenate(found)


def main() -> None:
    from tinytorch.data.sources import mnist

    model, _ = train(*mnist(train=True))
    images, labels = mnist(train=False)
    print(f"test images: {np.mean(predict(model, images) == labels):.2%} right")


if __name__ == "__main__":
    main()
