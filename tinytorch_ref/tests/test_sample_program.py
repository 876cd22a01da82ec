"""The program of somebody who knows PyTorch, typed without looking anything up: does it run as they expect?"""

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import nn
from tinytorch.core.activations import ReLU
from tinytorch.core.layers import Linear, Sequential
from tinytorch.core.losses import CrossEntropyLoss
from tinytorch.core.optimizers import SGD, Adam, OneCycleLR
from tinytorch.core.training import F1, Accuracy, CosineSchedule, Trainer, clip_grad_norm
from tinytorch.data import DataLoader, TensorDataset


@pytest.fixture
def loaders():
    """Three clouds in the plane: 240 points to train, 60 to validate."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    points = (rng.normal(size=(300, 2)) / 2 + 3 * np.eye(3, 2)[labels]).astype("float32")
    train, val = (TensorDataset(points[part], labels[part]) for part in (slice(240), slice(240, None)))
    tt.manual_seed(1)
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(val, batch_size=64)


def test_layers_may_come_in_a_list_and_the_trainer_binds_the_parameters(loaders):
    model = Sequential([Linear(2, 16), ReLU(), Linear(16, 3)])
    trainer = Trainer(model, CrossEntropyLoss(), Adam(lr=0.01), [Accuracy()])
    history = trainer.fit(*loaders, epochs=15)
    assert {"train_loss", "val_loss", "accuracy", "val_accuracy", "lr"} <= history.keys()
    assert len(history["train_loss"]) == trainer.epoch == 15
    assert history["val_accuracy"][-1] >= 0.95
    assert history["train_loss"][-1] < 0.5 * history["train_loss"][0]


def test_layers_may_come_one_by_one_with_an_optimizer_that_has_the_parameters(loaders):
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = Adam(model.parameters(), lr=1e-2)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=[Accuracy(), F1()], grad_clip_norm=1.0)
    trainer.fit(loaders[0], loaders[1], epochs=15)
    loss, accuracy, f1 = trainer.evaluate(loaders[1])
    assert accuracy >= 0.95 and f1 == pytest.approx(accuracy, abs=0.05) and loss < 0.3


def test_the_loop_that_everybody_writes_by_hand_gives_the_same_weights(loaders):
    def made():
        tt.manual_seed(7)
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))

    batches = list(loaders[0])
    by_hand, criterion = made(), nn.CrossEntropyLoss()
    optimizer = SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        for x, y in batches:
            optimizer.zero_grad()
            loss = criterion(by_hand(x), y)
            loss.backward()
            optimizer.step()
    model = made()
    Trainer(model, criterion, SGD(lr=0.1, momentum=0.9)).fit(batches, epochs=2)
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_array_equal(ours.data, theirs.data)


def test_the_order_and_the_names_of_the_public_tinytorch_are_understood(loaders, tmp_path):
    model = Sequential(Linear(2, 8), ReLU(), Linear(8, 3))
    optimizer = SGD(model.parameters(), lr=0.1)
    trainer = Trainer(
        model, optimizer, CrossEntropyLoss(), CosineSchedule(0.1, 0.01, total_epochs=5), grad_clip_norm=1.0
    )
    losses = []
    for _ in range(3):
        losses.append(trainer.train_epoch(loaders[0], accumulation_steps=2))
        trainer.epoch += 1
    assert losses[2] < losses[0] and 0.01 < optimizer.lr < 0.1
    loss, accuracy = trainer.evaluate(loaders[1])
    assert 0 <= accuracy <= 1 and loss > 0
    trainer.save_checkpoint(str(tmp_path / "checkpoint.npz"))
    trainer.load_checkpoint(str(tmp_path / "checkpoint.npz"))
    assert trainer.epoch == 3 and clip_grad_norm(model.parameters(), max_norm=1.0) >= 0


def test_one_cycle_counts_steps_without_being_told(loaders):
    model = Sequential(Linear(2, 3))
    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=0.1, epochs=2, steps_per_epoch=len(loaders[0]))
    history = Trainer(model, CrossEntropyLoss(), optimizer, scheduler=scheduler).fit(loaders[0], epochs=2)
    assert scheduler.last_epoch == 2 * len(loaders[0]) - 1
    assert history["lr"][1] < 1e-4 < history["lr"][0]
